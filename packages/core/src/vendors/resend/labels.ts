import {
  appendElements,
  appendMember,
  type Insertion,
  insertText,
  type JsonObject,
  parseJson,
} from "../../json.ts";
import type { Operation } from "../../operation.ts";
import type { Labels } from "../vendor.ts";

const TAG_LENGTH_MAX = 256;

/** The tags of a mail by name, as far as they are `{name, value}` with texts; the first of a name. */
export function readTags(mail: JsonObject): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const tags = mail.members.get("tags");
  for (const tag of tags?.kind === "array" ? tags.items : []) {
    const name = tag.kind === "object" ? tag.members.get("name") : undefined;
    const value = tag.kind === "object" ? tag.members.get("value") : undefined;
    if (name?.kind === "string" && value?.kind === "string" && !found.has(name.value))
      found.set(name.value, value.value);
  }
  return found;
}

/** The body with the key's labels appended as tags to every mail that has none of that name; all else as it was. */
export function appendTags(operation: Operation, body: Uint8Array, labels: Labels): Uint8Array {
  if (!operation.endpoint?.metadata) return body;
  const value = parseJson(body);
  if (typeof value === "string") return body;
  const mails = value.kind === "array" ? value.items : [value];
  const insertions = mails.flatMap((mail) => (mail.kind === "object" ? tagMail(mail, labels) : []));
  return insertText(body, insertions);
}

function tagMail(mail: JsonObject, labels: Labels): Insertion[] {
  const present = readTags(mail);
  const missing = Object.entries({ agent_id: labels.agentId, crew_run_id: labels.crewRunId }).flatMap(
    ([name, text]) =>
      text === null || text === "" || present.has(name)
        ? []
        : [JSON.stringify({ name, value: toTagValue(text) })],
  );
  const tags = mail.members.get("tags");
  if (missing.length === 0) return [];
  if (tags === undefined) return [appendMember(mail, "tags", `[${missing.join(",")}]`)];
  return tags.kind === "array" ? [appendElements(tags, missing)] : [];
}

function toTagValue(text: string): string {
  return text.replace(/[^A-Za-z0-9_-]/gu, "_").slice(0, TAG_LENGTH_MAX);
}
