import type { StripeAccount } from "./account.ts";
import { invalidRequest } from "./error.ts";

const DEPTH_MAX = 4;

type Lookup = (account: StripeAccount, id: string, owner: Fields) => object | undefined;
type Fields = Readonly<Record<string, unknown>>;

const charge: Lookup = (account, id) => account.charges.get(id);
const customer: Lookup = (account, id) => account.customers.get(id);
const paymentIntent: Lookup = (account, id) => account.paymentIntents.get(id);
const paymentMethod: Lookup = (account, id) => account.paymentMethods.get(id);
const transaction: Lookup = (account, id) => account.balanceTransactions.get(id);

/** Which fields of which object can be expanded, and where what they name is found. */
const EXPANDABLE: Readonly<Record<string, Readonly<Record<string, Lookup>>>> = {
  payment_intent: { latest_charge: charge, customer, payment_method: paymentMethod },
  charge: {
    balance_transaction: transaction,
    customer,
    payment_intent: paymentIntent,
    refunds: refundsOf,
  },
  refund: {
    balance_transaction: transaction,
    charge,
    customer,
    payment_intent: paymentIntent,
    payment_method: paymentMethod,
  },
  transfer: { balance_transaction: transaction, source_transaction: charge },
  payout: { balance_transaction: transaction, failure_balance_transaction: transaction },
  balance_transaction: {
    source: (account, id) =>
      account.charges.get(id) ?? account.refunds.get(id) ?? account.transfers.get(id) ?? account.payouts.get(id),
  },
};

/** `object` with the named fields replaced by what they point at. Throws when a field cannot be expanded. */
export function expandObject(account: StripeAccount, object: object, paths: readonly string[]): object {
  return paths.reduce<object>((expanded, path) => {
    const steps = path.split(".");
    if (steps.length > DEPTH_MAX) {
      throw invalidRequest(`You cannot expand more than ${DEPTH_MAX} levels of a property.`, { param: "expand" });
    }
    return expandPath(account, expanded, steps, path);
  }, object);
}

function expandPath(account: StripeAccount, object: object, steps: readonly string[], path: string): object {
  const [step, ...rest] = steps;
  if (step === undefined) return object;
  const fields = object as Fields;
  const { data } = fields;
  if (step === "data" && Array.isArray(data)) {
    return { ...fields, data: data.map((item: object) => expandPath(account, item, rest, path)) };
  }
  const lookup = EXPANDABLE[String(fields["object"])]?.[step];
  if (lookup === undefined) {
    throw invalidRequest(`This property cannot be expanded (${path}).`, { param: "expand" });
  }
  const value = fields[step];
  if (value === null) return object;
  const inner = typeof value === "object" ? value : lookup(account, String(value), fields);
  if (inner === undefined) return object;
  return { ...fields, [step]: expandPath(account, inner as object, rest, path) };
}

/** A charge's refunds: not in the charge unless asked for. */
function refundsOf(account: StripeAccount, _id: string, owner: Fields): object {
  const id = String(owner["id"]);
  const data = [...account.refunds.newestFirst()].filter((refund) => refund.charge === id).slice(0, 10);
  return { object: "list", data, has_more: false, url: `/v1/charges/${id}/refunds` };
}
