import { type Denial, deny } from "../../denial.ts";
import type { FormField } from "../../form.ts";
import { type JsonValue, parseJson } from "../../json.ts";

const FIELDS_MAX = 2_000;

/**
 * Reads a JSON object into fields named like a form's (`amount[value]`, `items[0]`), so that every rule for forms holds
 * for it, too. Numbers keep their own spelling and have no exponent; `null` is an empty value.
 */
export function readJsonFields(body: Uint8Array): readonly FormField[] | Denial {
  const json = parseJson(body);
  if (typeof json === "string") return deny("request_ambiguous", `the JSON body is refused: ${json}`);
  if (json.kind !== "object") return deny("request_malformed", "the JSON body must be an object");
  const fields: FormField[] = [];
  const problem = flatten(json, "", fields);
  return problem === null ? fields : deny("request_ambiguous", `the JSON body is refused: ${problem}`);
}

function flatten(json: JsonValue, name: string, fields: FormField[]): string | null {
  if (fields.length > FIELDS_MAX) return `it has more than ${FIELDS_MAX} values`;
  switch (json.kind) {
    case "object":
      for (const [key, value] of json.members) {
        if (key === "" || /[[\]]/.test(key)) return "a name is empty or has brackets";
        const problem = flatten(value, name === "" ? key : `${name}[${key}]`, fields);
        if (problem !== null) return problem;
      }
      return null;
    case "array":
      for (const [index, value] of json.items.entries()) {
        const problem = flatten(value, `${name}[${index}]`, fields);
        if (problem !== null) return problem;
      }
      return null;
    case "number":
      if (/e/i.test(json.text)) return "a number has an exponent";
      fields.push({ name, value: json.text });
      return null;
    case "string":
      fields.push({ name, value: json.value });
      return null;
    case "literal":
      fields.push({ name, value: json.value === null ? "" : String(json.value) });
      return null;
  }
}
