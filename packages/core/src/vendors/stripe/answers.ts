import type { Price, PriceLookup } from "../../operation.ts";
import type { KnownExposure } from "../../ports.ts";
import type { Pricing, VendorAnswer } from "../vendor.ts";
import {
  isObject,
  parseObject,
  readAmount,
  readText,
  readV2Amount,
  type StripeObject,
} from "./json-object.ts";
import { multiplyDecimal } from "./lines.ts";
import { knownPrice } from "./price.ts";

/** An amount that the answers come to; a string says why they come to none. */
interface Sum {
  readonly amount: bigint;
  readonly currency: string;
}

/** Prices a look-up by what the ledger has counted for its object; null when that does not say. */
export function priceFromMemory(lookup: PriceLookup, known: KnownExposure, pricing: Pricing): Price | null {
  const { amount, currency } = known;
  const stated = lookup.amount ?? amount;
  // What was refunded already is not remembered.
  if (lookup.basis === "refundable" && lookup.amount === null) return null;
  return knownPrice(stated, lookup.currency ?? currency, pricing);
}

/** Prices a look-up by the answers to its reads, in their order. */
export function priceFromAnswers(
  lookup: PriceLookup,
  answers: readonly VendorAnswer[],
  pricing: Pricing,
): Price {
  const objects: StripeObject[] = [];
  for (const [index, read] of lookup.reads.entries()) {
    const answer = answers[index];
    const object = answer?.status === 200 ? parseObject(answer.body) : null;
    if (object === null) {
      const status = `status ${answer?.status}`;
      return unpriced(`\`${read.path}\` could not be read (${status}), so this call has no price`);
    }
    objects.push(object);
  }
  const [basis = "", quantities = ""] = lookup.basis.split(":");
  const sum = READERS[basis]?.(objects, lookup, quantities) ?? "the vendor's answer does not state an amount";
  return typeof sum === "string" ? unpriced(sum) : knownPrice(sum.amount, sum.currency, pricing);
}

function unpriced(reason: string): Price {
  return { kind: "unpriced", reason };
}

type Reader = (
  objects: readonly StripeObject[],
  lookup: PriceLookup,
  quantities: string,
) => Sum | string | null;

/** How each basis of a look-up is read. */
const READERS: Readonly<Record<string, Reader>> = {
  amount: (objects, lookup) => statedOr(objects[0], lookup, "amount"),
  capturable: readCapturable,
  refundable: ([object], lookup) => {
    const charge = object?.["object"] === "charge" ? object : object?.["latest_charge"];
    const left = leftOf(charge, "amount_captured", "amount_refunded");
    const amount = lookup.amount ?? left;
    return amount === 0n
      ? "nothing is left to refund"
      : sumOf(amount, lookup.currency ?? object?.["currency"]);
  },
  object: (objects, lookup) => statedOr(objects[0], lookup, "amount"),
  rest: ([object], lookup) => {
    const returned = object?.["object"] === "transfer" ? "amount_reversed" : "amount_refunded";
    const amount = lookup.amount ?? leftOf(object, "amount", returned);
    return amount === 0n ? "nothing is left to give back" : sumOf(amount, object?.["currency"]);
  },
  invoice: ([object]) => sumOf(invoiceTotal(object), object?.["currency"]),
  added: readAdded,
  prices: (objects, lookup, quantities) => readPrices(objects, lookup, quantities),
  item: ([object], lookup) => sumOf(lookup.amount, lookup.currency ?? object?.["currency"]),
  preview: ([object]) => {
    // Before discounts, which may end or be taken off later.
    const full = readSigned(object?.["subtotal"]) ?? 0n;
    const total = invoiceTotal(object);
    return sumOf(total !== null && full > total ? full : total, object?.["currency"]);
  },
  quote: readQuote,
  credit_note: ([object]) => {
    const amount = readAmount(object?.["amount"]);
    const paidElsewhere = readAmount(object?.["out_of_band_amount"]) ?? 0n;
    return sumOf(amount === null ? null : floor(amount - paidElsewhere), object?.["currency"]);
  },
  dispute: ([object]) => {
    const dispute = object?.["dispute"];
    return isObject(dispute)
      ? sumOf(readAmount(dispute["amount"]), dispute["currency"])
      : "there is no dispute";
  },
  approval: ([object], lookup) => {
    const pending = object?.["pending_request"];
    const asked = isObject(pending) ? readAmount(pending["amount"]) : readAmount(object?.["amount"]);
    return sumOf(lookup.amount ?? asked, object?.["currency"]);
  },
  v2: ([object]) => readV2Amount(object?.["amount"]),
};

function sumOf(amount: bigint | null, currency: unknown): Sum | null {
  const code = readText(currency);
  return amount === null || code === null ? null : { amount, currency: code.toLowerCase() };
}

function floor(amount: bigint): bigint {
  return amount < 0n ? 0n : amount;
}

function statedOr(object: StripeObject | undefined, lookup: PriceLookup, field: string): Sum | null {
  return sumOf(lookup.amount ?? readAmount(object?.[field]), lookup.currency ?? object?.["currency"]);
}

/** An object's exposure is its total, so what was captured before counts, too. */
function readCapturable([object]: readonly StripeObject[], lookup: PriceLookup): Sum | null {
  const amount = readAmount(object?.["amount"]);
  if (amount === null) return null;
  const isCharge = object?.["object"] === "charge";
  const capturable = isCharge ? amount : (readAmount(object?.["amount_capturable"]) ?? amount);
  const received = isCharge ? 0n : (readAmount(object?.["amount_received"]) ?? 0n);
  return sumOf(received + (lookup.amount ?? capturable), lookup.currency ?? object?.["currency"]);
}

/** What is left of an amount; 0 when the object does not show what it was. */
function leftOf(object: unknown, whole: string, gone: string): bigint {
  if (!isObject(object)) return 0n;
  return floor((readAmount(object[whole]) ?? 0n) - (readAmount(object[gone]) ?? 0n));
}

/** The most that an invoice asks for, before any credit of its customer; below nothing it asks for nothing. */
function invoiceTotal(object: StripeObject | undefined): bigint | null {
  const due = readSigned(object?.["amount_due"]);
  const total = readSigned(object?.["total"]);
  if (due === null && total === null) return null;
  return [due, total].reduce<bigint>((most, value) => (value !== null && value > most ? value : most), 0n);
}

function readSigned(value: unknown): bigint | null {
  return typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : null;
}

function readAdded(
  objects: readonly StripeObject[],
  lookup: PriceLookup,
  quantities: string,
): Sum | string | null {
  const [invoice, ...prices] = objects;
  const before = sumOf(invoiceTotal(invoice), invoice?.["currency"]);
  if (before === null) return null;
  const more = readPrices(prices, { ...lookup, currency: lookup.currency ?? before.currency }, quantities);
  if (typeof more === "string" || more === null) return more;
  if (more.currency !== before.currency) return "the line is not in the currency of its invoice";
  return { amount: before.amount + more.amount, currency: before.currency };
}

/** Prices times quantities and what the request states besides; all in one currency. */
function readPrices(
  objects: readonly StripeObject[],
  lookup: PriceLookup,
  quantities: string,
): Sum | string | null {
  let amount = lookup.amount ?? 0n;
  let currency = lookup.currency;
  const times = quantities === "" ? [] : quantities.split(",");
  for (const [index, object] of objects.entries()) {
    const price = readPrice(object, BigInt(times[index] ?? "1"));
    if (price === null)
      return "a price that is metered, tiered or chosen by the customer is not known beforehand";
    if (currency !== null && currency !== price.currency) return "the lines are in more than one currency";
    currency = price.currency;
    amount += price.amount;
  }
  return sumOf(amount, currency);
}

function readPrice(object: StripeObject, quantity: bigint): Sum | null {
  const recurring = object["recurring"];
  const isMetered = isObject(recurring) && recurring["usage_type"] === "metered";
  const isPlain =
    (object["billing_scheme"] ?? "per_unit") === "per_unit" && !isObject(object["transform_quantity"]);
  if (isMetered || !isPlain || isObject(object["custom_unit_amount"])) return null;
  const unit = readAmount(object["unit_amount"]);
  if (unit !== null) return sumOf(unit * quantity, object["currency"]);
  const decimal = object["unit_amount_decimal"];
  return typeof decimal === "string" ? sumOf(multiplyDecimal(decimal, quantity), object["currency"]) : null;
}

/** A quote's total, or what it asks for at once when that is more. */
function readQuote([object]: readonly StripeObject[]): Sum | null {
  const total = readAmount(object?.["amount_total"]);
  const computed = object?.["computed"];
  const upfront =
    isObject(computed) && isObject(computed["upfront"]) ? computed["upfront"]["amount_total"] : null;
  const first = readAmount(upfront) ?? 0n;
  return sumOf(total === null || total > first ? total : first, object?.["currency"]);
}
