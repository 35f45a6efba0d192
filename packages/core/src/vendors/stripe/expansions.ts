import { type Denial, deny } from "../../denial.ts";
import { type FormField, rootOf } from "../../form.ts";

const EXPANSIONS_MAX = 10;
const EXPANSION = /^[a-z_]{1,60}(?:\.[a-z_]{1,60}){0,3}$/;
/** Expansions that put card numbers into an answer. */
const SENSITIVE = /(?:^|\.)(?:number|cvc)$/;
/** Expansions that show no more than the object itself says; all others open objects that a key may not read. */
const EXPANDABLE = new Set(["latest_charge", "balance_transaction", "payment_intent", "charge"]);

/** Says why an expansion may not be asked for, or null. */
export function findExpansionProblem(fields: readonly FormField[]): Denial | null {
  const expansions = fields.filter((field) => rootOf(field.name) === "expand");
  if (expansions.length > EXPANSIONS_MAX)
    return deny("request_malformed", `more than ${EXPANSIONS_MAX} expansions`);
  for (const { value } of expansions) {
    if (!EXPANSION.test(value))
      return deny("request_malformed", "an `expand` that is no field path of at most four parts");
    if (SENSITIVE.test(value))
      return deny("endpoint_forbidden", `\`expand\` of \`${value}\` reveals card data`);
    const parts = value.startsWith("data.") ? value.slice("data.".length) : value;
    if (!parts.split(".").every((part) => EXPANDABLE.has(part)))
      return deny("endpoint_not_allowed", `\`expand\` of \`${value}\` is not on the list`);
  }
  return null;
}
