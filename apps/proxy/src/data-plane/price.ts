import {
  type Denial,
  isDenial,
  judgeOwner,
  LOOKUP_READS_MAX,
  type Operation,
  type Policy,
  type Price,
  type PriceLookup,
  type VendorAnswer,
  type VendorRead,
} from "@keybrake/core";
import type { Call } from "./call.ts";
import { type DataPlane, pricingOf, type VendorRoute } from "./data-plane.ts";
import { readVendor } from "./vendor-read.ts";

/** Why a row of the audit log is no call of an agent's own, as its outcome says. */
export const JUDGING_PURPOSE = "read to judge a call";

/**
 * Finds out what a request does not say: whose the objects are that it touches, when its key is bound to customers,
 * and what it costs, from the ledger's own memory of an object or by reading objects at the vendor.
 * `stale` = the policy changed, judge again.
 */
export async function lookUp(
  plane: DataPlane,
  call: Call,
  route: VendorRoute,
  operation: Operation,
  policy: Policy,
): Promise<Operation | Denial | "stale"> {
  const reads = new Reads(plane, call, route, operation);
  const stranger = await findStranger(reads, operation, policy);
  if (stranger !== null) return stranger;
  if (operation.price.kind !== "lookup") return operation;
  const price = await priceOf(reads, operation, operation.price.lookup);
  return price === "stale" || isDenial(price) ? price : { ...operation, price };
}

/** The same object may tell its price and its owner: it is read once. */
class Reads {
  readonly plane: DataPlane;
  readonly call: Call;
  readonly route: VendorRoute;
  readonly #operation: Operation;
  readonly #answers = new Map<string, VendorAnswer>();

  constructor(plane: DataPlane, call: Call, route: VendorRoute, operation: Operation) {
    this.plane = plane;
    this.call = call;
    this.route = route;
    this.#operation = operation;
  }

  async read(read: VendorRead): Promise<VendorAnswer | Denial | "stale"> {
    const name = JSON.stringify(read);
    const known = this.#answers.get(name);
    if (known !== undefined) return known;
    const { identity, metadata } = this.call.describe();
    if (identity === null) throw new TypeError("a call without a key reads nothing");
    const answer = await readVendor(
      this.plane,
      {
        identity,
        route: this.route,
        accountId: this.call.key?.accountId ?? null,
        account: this.#operation.account,
        metadata: { ...metadata, keybrake_price_of: this.call.id },
        purpose: JUDGING_PURPOSE,
      },
      read,
    );
    if (answer !== "stale" && !isDenial(answer)) this.#answers.set(name, answer);
    return answer;
  }
}

async function findStranger(
  reads: Reads,
  operation: Operation,
  policy: Policy,
): Promise<Denial | "stale" | null> {
  if (policy.customers === null) return null;
  for (const object of operation.customers.owned) {
    const answer = await reads.read(object.read);
    if (answer === "stale" || isDenial(answer)) return answer;
    const denial = judgeOwner(policy, object.objectId, reads.route.vendor.readOwner(object, answer));
    if (denial !== null) return denial;
  }
  return null;
}

async function priceOf(
  reads: Reads,
  operation: Operation,
  lookup: PriceLookup,
): Promise<Price | Denial | "stale"> {
  const { plane, call, route } = reads;
  if (lookup.objectId !== null) {
    const known = await plane.ledger.findExposure(call.key?.secretId ?? "", lookup.objectId);
    const price = known && route.vendor.priceFromMemory(lookup, known, pricingOf(plane));
    if (price) return price;
  }
  if (lookup.reads.length > LOOKUP_READS_MAX) {
    return { kind: "unpriced", reason: `pricing this call would take more than ${LOOKUP_READS_MAX} reads` };
  }
  const answers: VendorAnswer[] = [];
  for (const read of lookup.reads) {
    const answer = await reads.read(read);
    if (answer === "stale" || isDenial(answer)) return answer;
    answers.push(answer);
  }
  return route.vendor.priceFromAnswers(operation, lookup, answers, pricingOf(plane));
}
