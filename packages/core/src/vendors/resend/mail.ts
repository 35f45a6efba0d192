import { type Denial, deny, isDenial } from "../../denial.ts";
import { findLookalikeKey, type JsonObject, type JsonValue } from "../../json.ts";

/** What decides about one mail: who sends it and who gets it. */
export interface Mail {
  /** Lower-case address; null when the request leaves the sender to a template. */
  readonly from: string | null;
  /** Lower-case addresses of To, Cc and Bcc, each as often as it is written: each one is billed. */
  readonly recipients: readonly string[];
}

/** The fields that decide who sends and who gets a mail. */
export const DECISIVE_FIELDS = ["from", "to", "cc", "bcc"] as const;

const RECIPIENTS_MAX = 50;
const ADDRESS =
  /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})$/;
const NAMED = /^(?:"(?<quoted>[^"\\<>\p{C}]*)"|(?<plain>[^"\\<>()[\]@:;\p{C}]*)) ?<(?<address>[^<>]+)>$/u;

/** Reads one mail of a body; a denial when a careless reader could find another sender or recipient in it. */
export function readMail(object: JsonObject): Mail | Denial {
  const lookalike = findLookalikeKey(object, DECISIVE_FIELDS);
  if (lookalike !== null) {
    return deny(
      "request_ambiguous",
      `\`${lookalike}\` could be read as another field: use \`from\`, \`to\`, \`cc\`, \`bcc\``,
    );
  }
  const sender = object.members.get("from");
  let from: string | null = null;
  if (sender !== undefined) {
    const read =
      sender.kind === "string"
        ? readAddress("from", sender.value)
        : deny("request_malformed", "`from` must be a string");
    if (isDenial(read)) return read;
    from = read;
  }
  const recipients: string[] = [];
  for (const field of ["to", "cc", "bcc"]) {
    const read = readRecipients(field, object.members.get(field));
    if (isDenial(read)) return read;
    recipients.push(...read);
  }
  return { from, recipients };
}

function readRecipients(field: string, value: JsonValue | undefined): readonly string[] | Denial {
  const isMissing = value === undefined || (value.kind === "literal" && value.value === null);
  if (isMissing)
    return field === "to" ? deny("request_malformed", "`to` is missing: name the recipients") : [];
  const items = value.kind === "array" ? value.items : [value];
  if (items.length > RECIPIENTS_MAX || (field === "to" && items.length === 0)) {
    return deny("request_malformed", `\`${field}\` must have 1 to ${RECIPIENTS_MAX} recipients`);
  }
  const addresses: string[] = [];
  for (const item of items) {
    if (item.kind !== "string")
      return deny("request_malformed", `\`${field}\` must be an address or a list of addresses`);
    const address = readAddress(field, item.value);
    if (isDenial(address)) return address;
    addresses.push(address);
  }
  return addresses;
}

/** Reads `a@b.example` or `Name <a@b.example>` to the lower-case address. */
function readAddress(field: string, text: string): string | Denial {
  if (text.includes(",")) {
    return deny(
      "request_ambiguous",
      `\`${field}\` has a comma in one address: give a list with one address each`,
    );
  }
  const address = (NAMED.exec(text)?.groups?.["address"] ?? text).replace(/[A-Z]/g, (letter) =>
    letter.toLowerCase(),
  );
  const local = address.indexOf("@");
  if (address.length > 254 || local > 64 || !ADDRESS.test(address)) {
    return deny(
      "request_ambiguous",
      `\`${field}\` must be \`name@example.com\` or \`Name <name@example.com>\`, in ASCII`,
    );
  }
  return address;
}
