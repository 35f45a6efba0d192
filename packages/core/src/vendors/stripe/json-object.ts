/** A JSON object of Stripe's, whose fields have yet to be narrowed. */
export type StripeObject = Readonly<Record<string, unknown>>;

/** Parses a JSON object; null for anything else. */
export function parseObject(text: string): StripeObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Reads a non-negative whole number of minor units exactly, or null. */
export function readAmount(value: unknown): bigint | null {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : null;
}

/** Narrows to a JSON object. */
export function isObject(value: unknown): value is StripeObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A string field, or the id of an expanded object, or null. */
export function readText(value: unknown): string | null {
  const text = isObject(value) ? value["id"] : value;
  return typeof text === "string" ? text : null;
}

/** Reads v2's `{value, currency}`, whose value may be a number or its text; null for anything else. */
export function readV2Amount(value: unknown): { amount: bigint; currency: string } | null {
  if (!isObject(value)) return null;
  const { value: number, currency } = value;
  const isText = typeof number === "string" && /^(?:0|[1-9][0-9]{0,17})$/.test(number);
  const amount = isText ? BigInt(number) : readAmount(number);
  return amount === null || typeof currency !== "string"
    ? null
    : { amount, currency: currency.toLowerCase() };
}
