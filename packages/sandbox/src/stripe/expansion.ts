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

/** The objects of a kind that has no type of its own. */
function ofKind(kind: string): Expandable {
  return { kind, find: (account, id) => account.objects(kind).get(id) };
}

/** The line items of an object, which it shows only when asked. */
const lineItemsOf: Expandable = {
  kind: "list",
  find: (account, _id, owner) => {
    const kept = account.objects(String(owner["object"])).get(String(owner["id"]));
    return kept?.["line_items"] as object | undefined;
  },
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
  invoice: { customer, default_payment_method: paymentMethod },
  invoiceitem: { customer, invoice: ofKind("invoice") },
  credit_note: { customer, invoice: ofKind("invoice") },
  subscription: { customer, default_payment_method: paymentMethod, latest_invoice: ofKind("invoice") },
  quote: {
    customer,
    invoice: ofKind("invoice"),
    line_items: lineItemsOf,
    subscription: ofKind("subscription"),
  },
  "checkout.session": { customer, line_items: lineItemsOf },
  payment_link: { line_items: lineItemsOf },
  price: { product: ofKind("product") },
  product: { default_price: ofKind("price") },
  setup_intent: { customer, payment_method: paymentMethod },
  payment_method: { customer },
  transfer_reversal: {
    balance_transaction: transaction,
    transfer: { kind: "transfer", find: (account, id) => account.transfers.get(id) },
  },
  topup: { balance_transaction: transaction },
  application_fee: { balance_transaction: transaction, charge },
  fee_refund: { balance_transaction: transaction, fee: ofKind("application_fee") },
  customer_balance_transaction: { customer, invoice: ofKind("invoice") },
  dispute: { charge, payment_intent: paymentIntent },
  "climate.order": { product: ofKind("climate.product") },
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
