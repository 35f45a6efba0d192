import type { Parameters } from "./parameters.ts";
import { partsOf } from "./parameters.ts";

/** What a list of line items comes to: a stated sum in minor units, and prices that must be read, times a quantity. */
export interface LineSum {
  readonly amount: bigint;
  /** Null when no line states one. */
  readonly currency: string | null;
  readonly prices: readonly { readonly id: string; readonly quantity: bigint }[];
}

const INDEX = /^(?:0|[1-9][0-9]{0,2})$/;
const QUANTITY = /^(?:0|[1-9][0-9]{0,8})$/;
const INTEGER = /^-?(?:0|[1-9][0-9]{0,11})$/;
const DECIMAL = /^(0|[1-9][0-9]{0,11})(?:\.([0-9]{1,12}))?$/;
const CURRENCY = /^[A-Za-z]{3}$/;
const PRICE_ID = /^[A-Za-z0-9_-]{1,255}$/;
const DECIMALS = 12;
/** Stripe's own limit of an adjustable quantity that names none. */
const ADJUSTABLE_MAX = 99n;

/** What one line may say, by its names behind the index; anything else leaves the sum unknown. */
const HARMLESS = new Set(
  "description discountable id metadata tax_behavior tax_code product product_data period discounts recurring".split(
    " ",
  ),
);

/**
 * Sums a list of lines `root[0][…]`. Returns a sentence that says what would give it a price when it has none.
 * Discounts are left out and credits count as nothing, so that the sum is never too little.
 */
export function sumLines(parameters: Parameters, root: string): LineSum | string {
  const lines = new Map<string, Map<string, string>>();
  for (const { name, value } of parameters.fields) {
    const [first, index, ...rest] = partsOf(name);
    if (first !== root) continue;
    if (index === undefined || !INDEX.test(index) || rest.length === 0)
      return `write \`${root}\` as \`${root}[0][…]\``;
    const line = lines.get(index) ?? new Map<string, string>();
    line.set(rest.join("."), value);
    lines.set(index, line);
  }
  let sum: LineSum = { amount: 0n, currency: null, prices: [] };
  for (const line of lines.values()) {
    // Older versions multiply an `amount` of these lines by the quantity, where an invoice's is the whole line's.
    if (root === "line_items" && ["amount", "currency", "unit_amount_decimal"].some((name) => line.has(name)))
      return "a line must state `price` or `price_data`";
    const priced = readLine(line);
    if (typeof priced === "string") return priced;
    const joined = addSums(sum, priced);
    if (joined === null) return "the lines are in more than one currency";
    sum = joined;
  }
  return sum;
}

/** Reads one line, given by its names with dots: `price_data.unit_amount`. Returns what is missing as a sentence. */
export function readLine(line: ReadonlyMap<string, string>): LineSum | string {
  const stray = [...line.keys()].find((name) => !isUnderstood(name));
  if (stray !== undefined)
    return `\`${stray}\` of a line changes its amount in a way that is not known beforehand`;
  const quantity = readQuantity(line);
  if (quantity === null) return "a line's `quantity` must be a whole number";
  const price = line.get("price") ?? line.get("pricing.price");
  const stated = readStated(line, quantity);
  if (typeof stated === "string") return stated;
  if (price !== undefined && price !== "") {
    if (stated !== null) return "a line states a price and an amount: give one";
    if (!PRICE_ID.test(price)) return "a line names no valid price";
    return { amount: 0n, currency: null, prices: [{ id: price, quantity }] };
  }
  if (stated === null) return "a line must state `price`, `price_data` or `amount`";
  const currency = line.get("price_data.currency") ?? line.get("currency") ?? null;
  if (currency !== null && !CURRENCY.test(currency)) return "a line's `currency` is no three-letter code";
  return { amount: stated, currency: currency?.toLowerCase() ?? null, prices: [] };
}

const UNDERSTOOD = new Set([
  "adjustable_quantity.enabled",
  "adjustable_quantity.maximum",
  "adjustable_quantity.minimum",
  "amount",
  "currency",
  "price",
  "price_data.currency",
  "price_data.product",
  "price_data.tax_behavior",
  "price_data.tax_code",
  "price_data.unit_amount",
  "price_data.unit_amount_decimal",
  "pricing.price",
  "quantity",
  "unit_amount_decimal",
]);

function isUnderstood(name: string): boolean {
  if (UNDERSTOOD.has(name)) return true;
  const [first = "", second = ""] = name.split(".");
  return HARMLESS.has(first) || (first === "price_data" && HARMLESS.has(second));
}

function readQuantity(line: ReadonlyMap<string, string>): bigint | null {
  const text = line.get("quantity") ?? "1";
  if (!QUANTITY.test(text)) return null;
  if ((line.get("adjustable_quantity.enabled") ?? "false") === "false") return BigInt(text);
  const maximum = line.get("adjustable_quantity.maximum");
  if (maximum === undefined) return BigInt(text) > ADJUSTABLE_MAX ? BigInt(text) : ADJUSTABLE_MAX;
  if (!QUANTITY.test(maximum)) return null;
  return BigInt(maximum) > BigInt(text) ? BigInt(maximum) : BigInt(text);
}

const STATED = ["amount", "price_data.unit_amount", "price_data.unit_amount_decimal", "unit_amount_decimal"];

function readStated(line: ReadonlyMap<string, string>, quantity: bigint): bigint | null | string {
  const names = STATED.filter((name) => line.has(name));
  const [name] = names;
  if (name === undefined) return null;
  if (names.length > 1) return "a line states more than one amount: give one";
  const text = line.get(name) ?? "";
  if (name === "amount" || name === "price_data.unit_amount") {
    if (!INTEGER.test(text)) return `a line's \`${name}\` must be a whole number of the smallest unit`;
    const amount = BigInt(text);
    return amount < 0n ? 0n : amount * (name === "amount" ? 1n : quantity);
  }
  if (text.startsWith("-") && DECIMAL.test(text.slice(1))) return 0n;
  return multiplyDecimal(text, quantity) ?? `a line's \`${name}\` must be a decimal`;
}

/** A decimal number of minor units (at most 12 decimals) times a quantity, rounded up; null when it is none. */
export function multiplyDecimal(text: string, quantity: bigint): bigint | null {
  const match = DECIMAL.exec(text);
  if (match === null) return null;
  const scaled = BigInt((match[1] ?? "0") + (match[2] ?? "").padEnd(DECIMALS, "0")) * quantity;
  const unit = 10n ** BigInt(DECIMALS);
  return (scaled + unit - 1n) / unit;
}

/** Adds two sums; null when they are in different currencies. */
export function addSums(a: LineSum, b: LineSum): LineSum | null {
  if (a.currency !== null && b.currency !== null && a.currency !== b.currency) return null;
  return {
    amount: a.amount + b.amount,
    currency: a.currency ?? b.currency,
    prices: [...a.prices, ...b.prices],
  };
}
