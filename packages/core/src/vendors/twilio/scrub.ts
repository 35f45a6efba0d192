import { type JsonValue, parseJson } from "../../json.ts";

/** `auth_token`, `authToken`, `secondary_auth_token`: any member that ends so holds a token of the account. */
function isToken(name: string): boolean {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z]/g, "")
    .endsWith("authtoken");
}

/**
 * An answer without the account's tokens, which Twilio puts into account objects: their values become `null`, all
 * other bytes stay. The same bytes when there are none. An answer that mentions a token and cannot be read is withheld.
 */
export function scrubTokens(body: Uint8Array): Uint8Array {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("latin1");
  // Most answers name nothing of the kind; an escaped name could, so it is read.
  if (!/auth[^a-z]{0,2}token|\\u/i.test(text)) return body;
  const json = parseJson(body);
  if (typeof json === "string") return /auth[^a-z]{0,2}token/i.test(text) ? Buffer.from("{}") : body;
  const tokens: JsonValue[] = [];
  collect(json, tokens);
  return tokens.length === 0 ? body : replaceAll(body, tokens);
}

function collect(value: JsonValue, tokens: JsonValue[]): void {
  if (value.kind === "array") for (const item of value.items) collect(item, tokens);
  if (value.kind !== "object") return;
  for (const [name, member] of value.members) {
    if (isToken(name)) tokens.push(member);
    else collect(member, tokens);
  }
}

function replaceAll(body: Uint8Array, values: readonly JsonValue[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { start, end } of values) {
    parts.push(body.subarray(from, start), Buffer.from("null"));
    from = end;
  }
  return Buffer.concat([...parts, body.subarray(from)]);
}
