import type { Json } from "../json.ts";
import type { StripeCall } from "./account.ts";
import { noSuch } from "./error.ts";
import type { ObjectList } from "./listing.ts";
import type { StripeObject } from "./objects.ts";
import { integer, text } from "./parameters.ts";
import { hashesIn } from "./resource.ts";

const LIMIT_DEFAULT = 10;

/** A page of the list that an object holds, in the list's own order, cut as the call's parameters say. */
export function pageOf(call: StripeCall, list: Json | undefined, url: string): ObjectList<StripeObject> {
  const { params } = call;
  const all = hashesIn(
    { list: (list as { data?: Json } | undefined)?.data },
    "list",
  ) as readonly StripeObject[];
  const limit = integer(params, "limit") ?? LIMIT_DEFAULT;
  const [after, before] = [text(params, "starting_after"), text(params, "ending_before")];
  if (before !== undefined) {
    const end = place(all, before, "ending_before");
    const start = Math.max(0, end - limit);
    return { object: "list", data: all.slice(start, end), has_more: start > 0, url };
  }
  const start = after === undefined ? 0 : place(all, after, "starting_after") + 1;
  return { object: "list", data: all.slice(start, start + limit), has_more: all.length > start + limit, url };
}

function place(all: readonly StripeObject[], id: string, param: string): number {
  const index = all.findIndex((item) => item.id === id);
  if (index < 0) throw noSuch("item", id, param, 400);
  return index;
}
