import { type Denial, deny } from "../../denial.ts";
import type { Endpoint, PriceLookup } from "../../operation.ts";
import { type LineSum, readLine, sumLines } from "./lines.ts";
import type { Parameters } from "./parameters.ts";
import { FREE, knownPrice, lookUp, type Priced, type Quoted, readOf, sumPrice, unpriced } from "./price.ts";
import { quoteCheckout, quotePaymentLink } from "./quote-checkout.ts";
import { quoteSubscription } from "./quote-subscription.ts";
import { reasonOf } from "./unpriced.ts";

type Rule = (quoted: Quoted) => Priced | Denial;

const AMOUNT = /^[1-9][0-9]{0,11}$/;
const SIGNED = /^-?(?:0|[1-9][0-9]{0,11})$/;
const CURRENCY = /^[A-Za-z]{3}$/;
const OBJECT_ID = /^[a-z]{2,6}_[A-Za-z0-9_]{1,250}$/;
const AMOUNT_FIELDS = ["amount", "amount_to_capture", "amount_to_confirm"];
/** Two deposits of less than a dollar each. */
const MICRODEPOSITS = 200n;

/** The rules that a catalogue's `quote` names. */
const RULES: Readonly<Record<string, Rule>> = {
  none: ({ endpoint, parameters }) => ({
    ...FREE,
    exposureId: endpoint.settle === "none" ? null : (objectOf(parameters) ?? null),
  }),
  amount: (quoted) => findInvalidMoney(quoted) ?? statedPrice(quoted),
  signed_amount: quoteSigned,
  raise: (quoted) => findInvalidMoney(quoted) ?? quoteRaised(quoted),
  whole: (quoted) => findInvalidMoney(quoted) ?? quoteWhole(objectOf(quoted.parameters)),
  reader: quoteReader,
  refund: (quoted) => findInvalidMoney(quoted) ?? quoteRefund(quoted),
  rest: (quoted) => findInvalidMoney(quoted) ?? quoteRest(quoted),
  object: ({ target }) => ({ price: lookUp("object", [readOf(parentOf(target))]), exposureId: null }),
  named: quoteNamed,
  customer: ({ parameters }) =>
    parameters.values.has("balance") ? unpriced("`balance` gives or takes a customer's credit") : FREE,
  invoice: ({ parameters }) => {
    const id = parameters.path.get("invoice") ?? "";
    if (parameters.values.get("paid_out_of_band") === "true") return { ...FREE, exposureId: id };
    return { price: lookUp("invoice", [readOf(`/v1/invoices/${id}`)]), exposureId: id };
  },
  invoice_create: quoteNewInvoice,
  invoice_update: ({ parameters }) => {
    const id = parameters.path.get("invoice") ?? "";
    const isHeldBack =
      !advancesItself(parameters) && !parameters.fields.some(({ name }) => /^shipping_cost\b/.test(name));
    if (isHeldBack) return FREE;
    return { price: lookUp("invoice", [readOf(`/v1/invoices/${id}`)]), exposureId: id };
  },
  invoice_lines: quoteInvoiceLines,
  invoice_item: quoteInvoiceItem,
  invoice_item_update: quoteItemUpdate,
  subscription_create: quoteSubscription,
  subscription_update: quoteSubscription,
  subscription_cancel: quoteSubscription,
  subscription_resume: quoteSubscription,
  subscription_item: quoteSubscription,
  checkout: quoteCheckout,
  payment_link: quotePaymentLink,
  quote: ({ parameters }) => ({
    price: lookUp("quote", [readOf(`/v1/quotes/${parameters.path.get("quote")}`)]),
    exposureId: null,
  }),
  credit_note: quoteCreditNote,
  credit_grant: quoteCreditGrant,
  charge_dispute: ({ parameters }) => ({
    price: lookUp("dispute", [readOf(`/v1/charges/${parameters.path.get("charge")}`, "dispute")]),
    exposureId: null,
  }),
  approval: quoteApproval,
  climate_order: (quoted) =>
    quoted.parameters.values.has("metric_tons")
      ? unpriced("the price of `metric_tons` is not known beforehand: state `amount` and `currency`")
      : (findInvalidMoney(quoted) ?? statedPrice(quoted)),
  flat: ({ pricing }) => ({ price: knownPrice(MICRODEPOSITS, "usd", pricing), exposureId: null }),
  v2_amount: quoteV2Amount,
  v2_object: ({ target, parameters }) => quoteV2Object(parentOf(target), parameters),
  v2_update: ({ target, endpoint, parameters }) =>
    isHarmless(endpoint, parameters) ? FREE : quoteV2Object(target, parameters),
  unpriced: ({ endpoint, parameters }) =>
    isHarmless(endpoint, parameters) ? FREE : unpriced(reasonOf(endpoint.operation)),
};

/** Prices a call by its endpoint's rule. An unknown rule is a fault of the catalogue: nothing passes under it. */
export function quote(quoted: Quoted): Priced | Denial {
  const rule = RULES[quoted.endpoint.quote];
  return rule === undefined ? unpriced("this version has no price for this endpoint") : rule(quoted);
}

/** Every name that may stand in the catalogue's column `quote`. */
export const QUOTE_RULES: ReadonlySet<string> = new Set(Object.keys(RULES));

/** The option `free` lists the parameters that by themselves move nothing; `-` = there are none. */
function isHarmless(endpoint: Endpoint, parameters: Parameters): boolean {
  const free = new Set((endpoint.options.get("free") ?? "-").split("+"));
  const roots = parameters.fields.map(({ name }) => name.split("[")[0] ?? "");
  if (free.has("-")) return false;
  return roots.every((root) => free.has(root));
}

function parentOf(target: string): string {
  return target.slice(0, target.lastIndexOf("/"));
}

function objectOf(parameters: Parameters): string | undefined {
  return OBJECTS.map((name) => parameters.path.get(name)).find((id) => id !== undefined);
}

/** The parameters of a path whose object has an exposure of its own. */
const OBJECTS =
  "intent charge payout topup invoice session order inbound_transfer outbound_payment outbound_transfer payout_intent".split(
    " ",
  );

function findInvalidMoney({ parameters: { values } }: Quoted): Denial | null {
  for (const name of AMOUNT_FIELDS) {
    const value = values.get(name);
    if (value !== undefined && !AMOUNT.test(value)) {
      return deny(
        "request_malformed",
        `\`${name}\` must be a positive whole number of the currency's smallest unit`,
      );
    }
  }
  const currency = values.get("currency");
  if (currency !== undefined && !CURRENCY.test(currency))
    return deny("request_malformed", "`currency` must be a three-letter ISO code");
  return null;
}

function statedPrice({ parameters: { values }, pricing }: Quoted): Priced {
  const amount = values.get("amount");
  const currency = values.get("currency")?.toLowerCase();
  if (amount === undefined || currency === undefined)
    return unpriced("the request must state `amount` and `currency`");
  return { price: knownPrice(BigInt(amount), currency, pricing), exposureId: null };
}

/** Credit and debit of a customer's balance count alike: either is somebody's money. */
function quoteSigned({ parameters: { values }, pricing }: Quoted): Priced | Denial {
  const amount = values.get("amount");
  const currency = values.get("currency");
  if (amount === undefined || currency === undefined)
    return unpriced("the request must state `amount` and `currency`");
  if (!SIGNED.test(amount) || !CURRENCY.test(currency))
    return deny(
      "request_malformed",
      "`amount` must be a whole number and `currency` a three-letter ISO code",
    );
  const size = BigInt(amount);
  return { price: knownPrice(size < 0n ? -size : size, currency.toLowerCase(), pricing), exposureId: null };
}

/** The one field that states a raised amount, by operation; Stripe goes by no other. */
const RAISED_BY: Readonly<Record<string, string>> = {
  "payment_intents.update": "amount",
  "payment_intents.confirm": "amount_to_confirm",
  "payment_intents.capture": "amount_to_capture",
  "payment_intents.increment_authorization": "amount",
  "charges.capture": "amount",
};

/** Confirm, capture, update and increment set an object's total; only what was not yet counted costs. */
function quoteRaised({ endpoint, parameters, pricing }: Quoted): Priced | Denial {
  const { path, values } = parameters;
  const objectId = objectOf(parameters);
  if (objectId === undefined) return deny("request_malformed", "the path has no object id");
  const isUpdate = endpoint.operation === "payment_intents.update";
  const field = RAISED_BY[endpoint.operation] ?? "amount";
  const strayed = AMOUNT_FIELDS.find((name) => name !== field && values.has(name));
  if (strayed !== undefined) return deny("request_malformed", `this endpoint does not take \`${strayed}\``);
  if (!isUpdate && values.has("currency"))
    return deny("request_malformed", "this endpoint does not take `currency`");
  const stated = values.get(field);
  const currency = values.get("currency")?.toLowerCase() ?? null;
  if (isUpdate && stated === undefined && currency === null) return { ...FREE, exposureId: objectId };
  const isPartial = values.has("final_capture") && values.get("final_capture") !== "true";
  const amount = stated === undefined || isPartial ? null : BigInt(stated);
  if (amount !== null && currency !== null)
    return { price: knownPrice(amount, currency, pricing), exposureId: objectId };
  // A capture that is not the last leaves the object open for its whole amount.
  const basis = endpoint.operation.endsWith(".capture") && !isPartial ? "capturable" : "amount";
  const type = path.has("charge") ? "charges" : "payment_intents";
  const price = lookUp(basis, [readOf(`/v1/${type}/${objectId}`)], { objectId, amount, currency });
  return { price, exposureId: objectId };
}

/** What is done to an intent counts for the whole of it, once. */
function quoteWhole(intent: string | undefined): Priced {
  if (intent === undefined || !OBJECT_ID.test(intent))
    return unpriced("the request must name one `payment_intent`");
  const price = lookUp("amount", [readOf(`/v1/payment_intents/${intent}`)], { objectId: intent });
  return { price, exposureId: intent };
}

function quoteReader({ parameters: { values, fields } }: Quoted): Priced {
  if (fields.some(({ name }) => name.includes("[amount_eligible]")))
    return unpriced("a tip at the reader is not known beforehand: leave out `amount_eligible`");
  return quoteWhole(values.get("payment_intent"));
}

function quoteRefund({ parameters, pricing, endpoint, target }: Quoted): Priced {
  const { path, values } = parameters;
  if ((values.get("refund_application_fee") ?? "false") !== "false")
    return unpriced("`refund_application_fee` gives back a fee of unknown size");
  const charge = path.get("charge") ?? values.get("charge");
  const intent = values.get("payment_intent");
  if (values.has("origin")) {
    if (charge === undefined && intent === undefined)
      return statedPrice({ parameters, pricing, endpoint, target });
    return unpriced("the refund names an object and a balance: give one");
  }
  const objectId = charge ?? intent;
  if (objectId === undefined || (charge !== undefined && intent !== undefined))
    return unpriced("the refund must name one `charge` or one `payment_intent`");
  if (!OBJECT_ID.test(objectId)) return unpriced("the refund names no valid object");
  const amount = values.get("amount");
  const read =
    charge === undefined
      ? readOf(`/v1/payment_intents/${objectId}`, "latest_charge")
      : readOf(`/v1/charges/${objectId}`);
  // The ledger knows what was counted for an object, not how much of it is refunded already.
  const stated: Partial<PriceLookup> = amount === undefined ? {} : { objectId, amount: BigInt(amount) };
  return { price: lookUp("refundable", [read], stated), exposureId: null };
}

/** Part of an object, or all that is left of it: reversals of transfers, refunds of fees. */
function quoteRest({ target, parameters: { values } }: Quoted): Priced {
  if ((values.get("refund_application_fee") ?? "false") !== "false")
    return unpriced("`refund_application_fee` gives back a fee of unknown size");
  const amount = values.get("amount");
  const stated = amount === undefined ? {} : { amount: BigInt(amount) };
  return { price: lookUp("rest", [readOf(parentOf(target))], stated), exposureId: null };
}

const NAMED_PATHS: Readonly<Record<string, string>> = {
  received_credit: "/v1/treasury/received_credits/",
  received_debit: "/v1/treasury/received_debits/",
};

/** The whole amount of the object that the body names. */
function quoteNamed({ endpoint, parameters }: Quoted): Priced {
  const field = endpoint.options.get("names") ?? "";
  const id = parameters.values.get(field) ?? "";
  const path = NAMED_PATHS[field];
  if (path === undefined || !OBJECT_ID.test(id)) return unpriced(`the request must name one \`${field}\``);
  return { price: lookUp("object", [readOf(path + id)]), exposureId: null };
}

/** Whether Stripe may finalize and collect an invoice without any further call. */
export function advancesItself({ values }: Parameters): boolean {
  return (values.get("auto_advance") ?? "false") !== "false" || values.has("automatically_finalizes_at");
}

/** A draft commits nothing; one that advances by itself is charged later without a call, so it must be empty. */
function quoteNewInvoice({ parameters }: Quoted): Priced {
  const { values, fields } = parameters;
  if (!advancesItself(parameters)) return FREE;
  const isEmpty =
    (values.get("pending_invoice_items_behavior") ?? "exclude") === "exclude" &&
    !values.has("subscription") &&
    !fields.some(({ name }) => /^(?:shipping_cost|from_invoice)\b/.test(name));
  if (isEmpty) return FREE;
  return unpriced(
    "an invoice that advances by itself has no amount yet: create it empty and add its lines, or finalize it yourself",
  );
}

/** Lines raise the total of their invoice, which is therefore read first. */
function quoteInvoiceLines({ endpoint, parameters }: Quoted): Priced {
  const invoice = parameters.path.get("invoice") ?? "";
  const isOne = parameters.path.has("line");
  const sum = isOne ? lineOf(parameters) : sumLines(withoutLabels(parameters), "lines");
  if (typeof sum === "string") {
    const isUpdate = endpoint.operation !== "invoices.add_lines";
    const names = parameters.fields.map(({ name }) => name);
    if (isUpdate && names.every((name) => LABELS_ONLY.test(name))) return FREE;
    return unpriced(sum);
  }
  return added(sum, invoice);
}

const LABELS_ONLY =
  /^(?:lines\[\d+\]\[id\]|(?:lines\[\d+\]\[|)(?:metadata|description|period)\b.*|expand.*|invoice_metadata.*)$/;

function withoutLabels(parameters: Parameters): Parameters {
  return { ...parameters, fields: parameters.fields.filter(({ name }) => name.startsWith("lines")) };
}

function lineOf({ fields }: Parameters): LineSum | string {
  const line = new Map<string, string>();
  for (const { name, value } of fields) {
    if (!NO_LINE.test(name)) line.set(name.replaceAll("][", ".").replace("[", ".").replace(/\]$/, ""), value);
  }
  return readLine(line);
}

/** What an invoice item has besides its line. */
const NO_LINE = /^(?:customer|customer_account|invoice|subscription|expand)\b|^discount/;

function added(sum: LineSum, invoice: string): Priced {
  const reads = [
    readOf(`/v1/invoices/${invoice}`),
    ...sum.prices.map(({ id }) => readOf(`/v1/prices/${id}`)),
  ];
  const basis = `added:${sum.prices.map(({ quantity }) => quantity).join(",")}`;
  const price = lookUp(basis, reads, { amount: sum.amount, currency: sum.currency });
  return { price, exposureId: invoice };
}

/** An item waits for the next invoice, which a subscription makes and charges without a call: it counts. */
function quoteInvoiceItem({ parameters, pricing }: Quoted): Priced {
  const sum = lineOf(parameters);
  if (typeof sum === "string") return unpriced(sum);
  const invoice = parameters.values.get("invoice");
  if (invoice !== undefined) {
    if (!OBJECT_ID.test(invoice)) return unpriced("the item names no valid invoice");
    return added(sum, invoice);
  }
  return {
    price: sumPrice(sum, pricing, "an item without an `invoice` must state its `currency`"),
    exposureId: null,
  };
}

const ITEM_LABELS = /^(?:metadata|description|period|expand|discountable|tax_behavior|tax_code)\b/;

/** An item's new amount replaces its old one. */
function quoteItemUpdate({ parameters }: Quoted): Priced {
  const id = parameters.path.get("invoice_item") ?? "";
  if (parameters.fields.every(({ name }) => ITEM_LABELS.test(name))) return { ...FREE, exposureId: id };
  const isQuantityOnly = !parameters.fields.some(({ name }) => /amount|price|pricing/.test(name));
  if (isQuantityOnly) return unpriced("state the item's new `amount`, not only its quantity");
  const sum = lineOf(parameters);
  if (typeof sum === "string") return unpriced(sum);
  if (sum.prices.length > 0) return unpriced("state the item's new `amount`, not a price");
  const price = lookUp("item", [readOf(`/v1/invoiceitems/${id}`)], {
    amount: sum.amount,
    currency: sum.currency,
  });
  return { price, exposureId: id };
}

const QUERY_LENGTH_MAX = 4_000;

/** A credit note's preview takes the same parameters and says what they come to. */
function quoteCreditNote({ parameters: { fields, values } }: Quoted): Priced {
  if (!OBJECT_ID.test(values.get("invoice") ?? ""))
    return unpriced("the credit note must name one `invoice`");
  const query = fields
    .filter(({ name }) => !/^(?:metadata|expand|memo|email_type)\b/.test(name))
    .map(({ name, value }) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
  if (query.length > QUERY_LENGTH_MAX) return unpriced("the credit note has too many lines to be previewed");
  const read = { method: "GET", path: "/v1/credit_notes/preview", query, body: null } as const;
  return { price: lookUp("credit_note", [read]), exposureId: null };
}

function quoteCreditGrant({ parameters: { values }, pricing }: Quoted): Priced {
  const amount = values.get("amount[monetary][value]") ?? "";
  const currency = values.get("amount[monetary][currency]") ?? "";
  if (!AMOUNT.test(amount) || !CURRENCY.test(currency))
    return unpriced("a credit grant must state `amount[monetary][value]` and `amount[monetary][currency]`");
  return { price: knownPrice(BigInt(amount), currency.toLowerCase(), pricing), exposureId: null };
}

function quoteApproval({ target, parameters }: Quoted): Priced | Denial {
  const id = parameters.path.get("authorization") ?? "";
  const amount = parameters.values.get("amount");
  if (amount !== undefined && !SIGNED.test(amount))
    return deny("request_malformed", "`amount` must be a whole number of the currency's smallest unit");
  const stated = amount === undefined || amount.startsWith("-") ? {} : { amount: BigInt(amount) };
  return { price: lookUp("approval", [readOf(parentOf(target))], stated), exposureId: id };
}

function quoteV2Amount({ parameters: { values }, pricing }: Quoted): Priced | Denial {
  const amount = values.get("amount[value]");
  const currency = values.get("amount[currency]");
  if (amount === undefined || currency === undefined)
    return unpriced("the request must state `amount.value` and `amount.currency`");
  if (!AMOUNT.test(amount) || !CURRENCY.test(currency))
    return deny("request_malformed", "`amount` must be a positive whole number and a three-letter ISO code");
  return { price: knownPrice(BigInt(amount), currency.toLowerCase(), pricing), exposureId: null };
}

function quoteV2Object(path: string, parameters: Parameters): Priced {
  return { price: lookUp("v2", [readOf(path)]), exposureId: parameters.path.get("payout_intent") ?? null };
}
