import type { Json } from "../json.ts";

/** Names that hold whole numbers wherever they stand. */
const INTEGERS = new Set(
  (
    "amount amount_off application_fee_amount days_until_due expires_at flat_amount interval_count maximum minimum " +
    "preset quantity trial_period_days unit_amount year month day start end"
  ).split(" "),
);

/** Names that hold booleans wherever they stand. */
const BOOLEANS = new Set(
  "accepted active enabled flexible inclusive optional required liability_shift".split(" "),
);

/** A form has only texts: gives the values inside of it the types that their names have at Stripe. */
export function reviveNumbers(name: string, value: Json): Json {
  if (typeof value === "string") {
    if (INTEGERS.has(name) && /^-?\d{1,15}$/.test(value)) return Number(value);
    return BOOLEANS.has(name) && (value === "true" || value === "false") ? value === "true" : value;
  }
  if (Array.isArray(value)) return value.map((item: Json) => reviveNumbers(name, item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, reviveNumbers(key, inner)]));
}
