import { parseForm } from "../../form.ts";
import { appendMember, insertText, parseJson } from "../../json.ts";
import type { Operation } from "../../operation.ts";
import type { Labels } from "../vendor.ts";

const METADATA_KEYS_MAX = 50;
const LABEL_LENGTH_MAX = 500;

/** The body with the key's labels appended to its metadata, where Stripe takes them and the agent set none. */
export function appendLabels(operation: Operation, body: Uint8Array, labels: Labels): Uint8Array {
  if (!operation.endpoint?.metadata || operation.endpoint.options.get("body") === "multipart") return body;
  const missing: [string, string][] = [];
  if (!operation.metadata.has("agent_id")) missing.push(["agent_id", labels.agentId]);
  if (labels.crewRunId !== null && !operation.metadata.has("crew_run_id"))
    missing.push(["crew_run_id", labels.crewRunId]);
  if (missing.length === 0 || operation.metadata.size + missing.length > METADATA_KEYS_MAX) return body;
  const cut = missing.map(([name, value]): [string, string] => [
    name,
    value.slice(0, LABEL_LENGTH_MAX).toWellFormed(),
  ]);
  if (operation.contentType === "application/json") return appendToJson(body, cut);
  if (clearsMetadata(body)) return body;
  const text = cut.map(([name, value]) => `metadata[${name}]=${encodeURIComponent(value)}`).join("&");
  return Buffer.concat([body, Buffer.from(body.length === 0 ? text : `&${text}`, "ascii")]);
}

/** `metadata=` removes all metadata; a label beside it would make the body mean something else. */
function clearsMetadata(body: Uint8Array): boolean {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  // Most bodies cannot: only these are worth decoding again.
  if (!/(?:^|[&%])(?:metadata|[0-9a-f]{2})/i.test(text)) return false;
  const fields = parseForm(text);
  return typeof fields === "string" || fields.some((field) => field.name === "metadata");
}

/** Labels go behind what the agent wrote; a `metadata` of `null`, which clears it, stays. */
function appendToJson(body: Uint8Array, labels: readonly (readonly [string, string])[]): Uint8Array {
  const written = JSON.stringify(Object.fromEntries(labels));
  if (body.length === 0) return Buffer.from(`{"metadata":${written}}`, "utf8");
  const object = parseJson(body);
  if (typeof object === "string" || object.kind !== "object") return body;
  const metadata = object.members.get("metadata");
  if (metadata === undefined) return insertText(body, [appendMember(object, "metadata", written)]);
  if (metadata.kind !== "object") return body;
  const separator = metadata.members.size === 0 ? "" : ",";
  return insertText(body, [{ at: metadata.end - 1, text: separator + written.slice(1, -1) }]);
}
