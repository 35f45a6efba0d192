import { isPhoneNumber } from "./addresses.ts";
import { badRequest } from "./error.ts";
import { ok, type TwilioOperation } from "./operation.ts";
import { countryOf, LOOKUP_FIELDS } from "./prices.ts";

/** A GET that costs: each field asked for is billed. */
const lookUp: TwilioOperation = ({ account, params, ids, origin }) => {
  const number = ids[0] ?? "";
  const fields = [...new Set((params.text("Fields") ?? "").split(",").filter((field) => field !== ""))];
  const unknown = fields.find((field) => field !== "validation" && !Object.hasOwn(LOOKUP_FIELDS, field));
  if (unknown !== undefined) throw badRequest(60600, `Invalid field in the request: ${unknown}`);
  const paid = fields.filter((field) => field !== "validation");
  const isValid = isPhoneNumber(number);
  const country = isValid ? countryOf(number) : null;
  return () => {
    for (const field of paid) account.bill(["lookups"], 1, LOOKUP_FIELDS[field] ?? 0);
    const packages = Object.keys(LOOKUP_FIELDS).map((field) => [
      field,
      paid.includes(field) ? { error_code: null, carrier_name: "Sandbox", type: "mobile" } : null,
    ]);
    return ok({
      calling_country_code: country?.prefix.slice(1) ?? null,
      country_code: country?.iso ?? null,
      national_format: country === null ? null : number.slice(country.prefix.length),
      phone_number: number,
      phone_number_quality_score: null,
      pre_fill: null,
      url: `${origin}/lookups/v2/PhoneNumbers/${encodeURIComponent(number)}`,
      valid: isValid,
      validation_errors: isValid ? [] : ["TOO_SHORT"],
      ...Object.fromEntries(packages),
    });
  };
};

/** Lookup v2. */
export const LOOKUP_ROUTES: Readonly<Record<string, TwilioOperation>> = {
  "GET /lookups/v2/PhoneNumbers/{}": lookUp,
};
