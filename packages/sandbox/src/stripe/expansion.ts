import type { StripeAccount } from "./account.ts";
import { invalidRequest } from "./error.ts";
import { asSource } from "./payment-methods.ts";

const DEPTH_MAX = 4;

type Fields = Readonly<Record<string, unknown>>;

interface Expandable {
  /** What kind of object is put there; null when it depends on the object. */
  readonly kind: string | null;
  readonly find: (account: StripeAccount, id: string, owner: Fields) => object | undefined;
}

const charge: Expandable = { kind: "charge", find: (account, id) => account.charges.get(id) };
const customer: Expandable = { kind: "customer", find: (account, id) => account.customers.get(id) };
const paymentIntent: Expandable = {
  kind: "payment_intent",
  find: (account, id) => account.paymentIntents.get(id),
};
const paymentMethod: Expandable = {
  kind: "payment_method",
  find: (account, id) => account.paymentMethods.get(id),
};
const transaction: Expandable = {
  kind: "balance_transaction",
  find: (account, id) => account.balanceTransactions.get(id),
};

/** Which fields of which object can be expanded, and where what they name is found. */
const EXPANDABLE: Readonly<Record<string, Readonly<Record<string, Expandable>>>> = {
  payment_intent: { latest_charge: charge, customer, payment_method: paymentMethod },
  charge: {
    balance_transaction: transaction,
    customer,
    payment_intent: paymentIntent,
    refunds: { kind: "list", find: refundsOf },
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
    source: {
      kind: null,
      find: (account, id) =>
        account.charges.get(id) ??
        account.refunds.get(id) ??
        account.transfers.get(id) ??
        account.payouts.get(id),
    },
  },
  customer: {
    default_source: {
      kind: "card",
      find: (account, id) => {
        const card = account.paymentMethods.get(id);
        return card === undefined ? undefined : asSource(card);
      },
    },
  },
};

/**
 * Throws Stripe's error unless every path can be expanded on an object of `kind`, or on a page of them. Checked before
 * a call is executed, so that a wrong path does not fail a call that has had its effect.
 */
export function checkExpansion(kind: string, isPage: boolean, paths: readonly string[]): void {
  for (const path of paths) {
    const steps = path.split(".");
    if (steps.length > DEPTH_MAX) {
      throw invalidRequest(`You cannot expand more than ${DEPTH_MAX} levels of a property.`, {
        param: "expand",
      });
    }
    let at: string | null = kind;
    for (const step of isPage && steps[0] === "data" ? steps.slice(1) : steps) {
      if (at === null) break;
      const expandable: Expandable | undefined = EXPANDABLE[at]?.[step];
      if (expandable === undefined || (isPage && steps[0] !== "data")) {
        throw invalidRequest(`This property cannot be expanded (${path}).`, { param: "expand" });
      }
      at = expandable.kind;
    }
  }
}

/** `object` with the fields at checked paths replaced by what they point at. */
export function expandObject(account: StripeAccount, object: object, paths: readonly string[]): object {
  return paths.reduce<object>((expanded, path) => expandPath(account, expanded, path.split(".")), object);
}

function expandPath(account: StripeAccount, object: object, steps: readonly string[]): object {
  const [step, ...rest] = steps;
  if (step === undefined) return object;
  const fields = object as Fields;
  const { data } = fields;
  if (step === "data" && Array.isArray(data)) {
    return { ...fields, data: data.map((item: object) => expandPath(account, item, rest)) };
  }
  const expandable = EXPANDABLE[String(fields["object"])]?.[step];
  const value = fields[step];
  if (expandable === undefined || value === null) return object;
  const inner = typeof value === "object" ? value : expandable.find(account, String(value), fields);
  if (inner === undefined) return object;
  return { ...fields, [step]: expandPath(account, inner as object, rest) };
}

const REFUNDS_SHOWN = 10;

/** A charge's refunds: not in the charge unless asked for. */
function refundsOf(account: StripeAccount, _id: string, owner: Fields): object {
  const id = String(owner["id"]);
  const data: object[] = [];
  let hasMore = false;
  for (const refund of account.refunds.newestFirst()) {
    if (refund.charge !== id) continue;
    hasMore = data.length === REFUNDS_SHOWN;
    if (hasMore) break;
    data.push(refund);
  }
  return { object: "list", data, has_more: hasMore, url: `/v1/charges/${id}/refunds` };
}
