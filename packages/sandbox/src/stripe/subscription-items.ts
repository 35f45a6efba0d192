import type { JsonObject } from "../json.ts";
import type { StripeCall } from "./account.ts";
import type { StripeObject } from "./objects.ts";
import { hash, text } from "./parameters.ts";
import { hashesIn } from "./resource.ts";
import { SUBSCRIPTION_ITEMS } from "./subscription-item.ts";
import { changeItems, SUBSCRIPTIONS } from "./subscriptions.ts";

/** The endpoints below `/v1/subscription_items`. */
export const SUBSCRIPTION_ITEM_OPERATIONS = {
  "subscription_items.create": createItem,
  "subscription_items.retrieve": (call: StripeCall) => SUBSCRIPTION_ITEMS.require(call),
  "subscription_items.update": updateItem,
  "subscription_items.delete": deleteItem,
  "subscription_items.list": (call: StripeCall) => SUBSCRIPTION_ITEMS.list(call),
} as const;

/** The parameters that say what an item costs. */
function order({ params }: StripeCall): JsonObject {
  const names = ["price", "price_data", "quantity"] as const;
  return Object.fromEntries(
    names.flatMap((name) => (params[name] === undefined ? [] : [[name, params[name]]])),
  );
}

function apply(call: StripeCall, subscription: StripeObject, change: JsonObject): readonly StripeObject[] {
  const changed = changeItems(call, subscription, [change]);
  const kept = SUBSCRIPTIONS.change(call, subscription, changed);
  return hashesIn(hash(kept, "items") ?? {}, "data") as readonly StripeObject[];
}

function createItem(call: StripeCall): StripeObject {
  const subscription = SUBSCRIPTIONS.refer(call, text(call.params, "subscription"), "subscription");
  const items = apply(call, subscription, order(call));
  const item = items.at(-1);
  if (item === undefined) throw new Error("a subscription lost the item that it was given");
  return item;
}

function updateItem(call: StripeCall): StripeObject {
  const item = SUBSCRIPTION_ITEMS.require(call);
  const subscription = SUBSCRIPTIONS.refer(call, item["subscription"], "subscription");
  apply(call, subscription, { ...order(call), id: item.id });
  const metadata = hash(call.params, "metadata");
  const changed = SUBSCRIPTION_ITEMS.require(call, item.id);
  return metadata === undefined ? changed : SUBSCRIPTION_ITEMS.collection(call).put({ ...changed, metadata });
}

function deleteItem(call: StripeCall): JsonObject {
  const item = SUBSCRIPTION_ITEMS.require(call);
  const subscription = SUBSCRIPTIONS.refer(call, item["subscription"], "subscription");
  apply(call, subscription, { id: item.id, deleted: true });
  return { id: item.id, object: "subscription_item", deleted: true };
}
