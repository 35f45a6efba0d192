import { type Denial, deny } from "../../denial.ts";
import { type FormField, parseForm, showName } from "../../form.ts";
import type { VendorRequest } from "../vendor.ts";

/** What a request says, in the one way in which it can be read. */
export interface Parameters {
  /** Fields that stand once, by name. */
  readonly values: ReadonlyMap<string, string>;
  /** Every field in the order of the wire, a list's name as often as it has elements. */
  readonly fields: readonly FormField[];
  /** The media type as it goes to Twilio; null without a body. */
  readonly contentType: string | null;
}

const FORM = "application/x-www-form-urlencoded";
const FORM_TYPE = /^application\/x-www-form-urlencoded(?:; *charset=utf-8)?$/i;

/** Twilio writes a list by repeating its name; no other name may stand twice. */
const LISTS = new Set([
  "ConferenceRecordingStatusCallbackEvent",
  "ConferenceStatusCallbackEvent",
  "MediaUrl",
  "PersistentAction",
  "RecordingStatusCallbackEvent",
  "StatusCallbackEvent",
]);

/** Fields that decide what a call costs or whom it reaches: only their one exact spelling is understood. */
const DECISIVE = [
  "AccountSid",
  "ApplicationSid",
  "AreaCode",
  "AsyncAmd",
  "Body",
  "Byoc",
  "CallReason",
  "CallerId",
  "Channel",
  "ConferenceRecord",
  "ContentSid",
  "CustomMessage",
  "FallbackFrom",
  "Fields",
  "From",
  "MachineDetection",
  "MaxParticipants",
  "MediaUrl",
  "MessagingServiceSid",
  "PersistentAction",
  "PhoneNumber",
  "Record",
  "ScheduleType",
  "SendAsMms",
  "SendAt",
  "ShortenUrls",
  "SmartEncoded",
  "Status",
  "StatusCallback",
  "TimeLimit",
  "To",
  "Transcribe",
  "TrunkSid",
  "Twiml",
  "Url",
];
const SPELLINGS = new Map([...DECISIVE, ...LISTS].map((name) => [fold(name), name]));

/** Reads query and body, or says why they could be read in more than one way. */
export function readParameters(request: VendorRequest): Parameters | Denial {
  const query = readFields(request.query ?? "");
  if (typeof query === "string") return deny("request_ambiguous", `the query is ambiguous: ${query}`);
  if (request.method === "GET" || request.method === "HEAD") {
    if (request.body.length > 0) return deny("request_malformed", `a ${request.method} request has no body`);
    return collect(query, null);
  }
  const [first] = query;
  if (first !== undefined)
    return deny(
      "request_ambiguous",
      `${showName(first.name)} belongs into the body: remove it from the query`,
    );
  if (request.body.length === 0) return collect([], request.method === "DELETE" ? null : FORM);
  if (!FORM_TYPE.test(request.contentType ?? ""))
    return deny("request_malformed", `the body must be \`${FORM}\``);
  const text = decodeUtf8(request.body);
  if (text === null) return deny("request_malformed", "the body is not valid UTF-8");
  const fields = readFields(text);
  if (typeof fields === "string") return deny("request_ambiguous", `the body is ambiguous: ${fields}`);
  return collect(fields, FORM);
}

function collect(fields: readonly FormField[], contentType: string | null): Parameters | Denial {
  for (const { name } of fields) {
    const expected = SPELLINGS.get(fold(name));
    if (expected !== undefined && expected !== name)
      return deny(
        "request_ambiguous",
        `${showName(name)} can be read as \`${expected}\`: write it exactly so`,
      );
  }
  const values = new Map(
    fields.filter(({ name }) => !LISTS.has(name)).map(({ name, value }) => [name, value]),
  );
  return { fields, values, contentType };
}

/**
 * Reads a form whose only repeated names are Twilio's lists. They are read as `name[]`, which is how a strict form
 * writes a list; so no name of the wire may have brackets.
 */
function readFields(text: string): readonly FormField[] | string {
  if (/\[|\]|%5b|%5d/i.test(namesOf(text))) return "a field name with brackets";
  const marked = text
    .split("&")
    .map((pair) => {
      const name = pair.split("=", 1)[0] ?? "";
      return LISTS.has(name) ? `${name}[]${pair.slice(name.length)}` : pair;
    })
    .join("&");
  const fields = parseForm(marked);
  if (typeof fields === "string") return fields;
  // A list's name that was escaped on the wire was not marked: it would be read once here and repeated there.
  const disguised = fields.find(({ name }) => LISTS.has(name));
  if (disguised !== undefined) return `${showName(disguised.name)} is escaped without need`;
  return fields.map(({ name, value }) => ({ name: name.endsWith("[]") ? name.slice(0, -2) : name, value }));
}

function namesOf(text: string): string {
  return text
    .split("&")
    .map((pair) => pair.split("=", 1)[0])
    .join("&");
}

/** What a lenient reader may take for the same name: any case, look-alike characters, no separators. */
function fold(name: string): string {
  return name
    .normalize("NFKC")
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, "");
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
