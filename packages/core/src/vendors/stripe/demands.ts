import { rootOf } from "../../form.ts";
import type { Demand, Endpoint } from "../../operation.ts";
import type { VendorRequest } from "../vendor.ts";
import { type Parameters, partsOf } from "./parameters.ts";
import { advancesItself } from "./quote.ts";

const ACCOUNT = /\bacct_[A-Za-z0-9]+/g;
/** Parts of a destination that are no account. */
const AMOUNTS = new Set(["amount", "amount_percent"]);
/** Names whose `acct_…` is no destination: a customer in Accounts v2, and whatever a label says. */
const NO_DESTINATION = new Set(["customer_account", "related_customer_account", "metadata"]);

/** What a policy must grant: the account that a header names, accounts that get money, and charges without a call. */
export function demandsOf(
  request: VendorRequest,
  endpoint: Endpoint | null,
  parameters: Parameters,
): readonly Demand[] {
  const ifAbsent = "deny" as const;
  const demands: Demand[] = [];
  if (request.account !== null) {
    const shown = `the account \`${request.account}\``;
    demands.push({
      rule: "stripe.account",
      anyOf: [request.account],
      shown,
      ifAbsent,
      code: "account_not_allowed",
    });
  }
  for (const id of destinationsOf(request, endpoint, parameters)) {
    const shown = `the destination \`${id}\``;
    demands.push({
      rule: "stripe.destinations",
      anyOf: [id],
      shown,
      ifAbsent,
      code: "destination_not_allowed",
    });
  }
  if (
    endpoint !== null &&
    /^invoices\.(?:create|update)$/.test(endpoint.operation) &&
    advancesItself(parameters)
  ) {
    const shown = "`auto_advance`, by which Stripe charges an invoice without a further call";
    demands.push({
      rule: "stripe.auto_advance",
      anyOf: ["true"],
      shown,
      ifAbsent,
      code: "endpoint_not_allowed",
    });
  }
  return demands;
}

function destinationsOf(
  { method, path }: VendorRequest,
  endpoint: Endpoint | null,
  { fields }: Parameters,
): ReadonlySet<string> {
  const found = new Set<string>();
  // Like a destination, a connected account in a path is somebody else's unless it is pinned.
  const inPath = /^\/(?:v1|v2\/core)\/accounts\/([^/]+)/.exec(path)?.[1];
  if (inPath !== undefined && inPath !== "search") found.add(inPath);
  if (method === "GET" || method === "HEAD") return found;
  // A payout goes to the account's own bank; everywhere else a destination is somebody else's account.
  const isPayout = endpoint?.operation === "payouts.create";
  for (const { name, value } of fields) {
    const parts = partsOf(name);
    if (value === "" || parts.some((part) => NO_DESTINATION.has(part))) continue;
    for (const id of value.match(ACCOUNT) ?? []) found.add(id);
    const isAmount = AMOUNTS.has(parts.at(-1) ?? "");
    const isDiverted =
      parts.includes("on_behalf_of") ||
      (parts.includes("transfer_data") && !isAmount) ||
      (rootOf(name) === "destination" && !isPayout && !isAmount);
    if (isDiverted) found.add(value);
  }
  return found;
}
