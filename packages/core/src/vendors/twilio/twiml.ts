import { type Denial, deny } from "../../denial.ts";
import { readUrlHost } from "./callback-url.ts";

/** What instructions (TwiML) that stand in a request make Twilio do. */
export interface Twiml {
  /** Hosts that Twilio will fetch from or hand the call over to. */
  readonly hosts: readonly string[];
  /** An upper bound of the characters that are spoken with a voice that costs. */
  readonly spokenCharacters: number;
  /** What costs in a way that the request does not bound, as `<Dial>`; null when there is nothing. */
  readonly unbounded: string | null;
}

/** Verbs that cost nothing besides the minutes of their call and, for `Say`, the characters. */
const BOUNDED = new Set([
  "Response",
  "Say",
  "Play",
  "Pause",
  "Hangup",
  "Reject",
  "Redirect",
  "Gather",
  "Leave",
]);
/** The basic voices cost nothing; what an account speaks with by default may. */
const FREE_VOICE = /\svoice\s*=\s*["'](?:man|woman)["']/;
/** Attributes that hold a URL. */
const URL_ATTRIBUTE = /(?:action|url|callback)$/i;
const TAG = /<(\/?)([A-Za-z][A-Za-z0-9]*)((?:\s+[A-Za-z][\w:.-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>/y;
const ATTRIBUTE = /([A-Za-z][\w:.-]*)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const ENTITIES: Readonly<Record<string, string>> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&apos;": "'",
};
const LENGTH_MAX = 4_000;

/**
 * Reads TwiML that an agent wrote itself. Only plain elements are understood (no comments, CDATA, document types,
 * numeric entities), because whatever one reader skips another may dial. A URL with placeholders is refused.
 */
export function readTwiml(text: string): Twiml | Denial {
  const reading: Reading = { hosts: new Set(), open: [], unbounded: null, isBegun: false, isSpoken: false };
  const source = text.replace(/^\s*<\?xml [^<>]*\?>/, "");
  if (text.length > LENGTH_MAX) return malformed(`longer than ${LENGTH_MAX} characters`);
  let from = 0;
  for (let at = source.indexOf("<"); at !== -1; at = source.indexOf("<", from)) {
    const problem = readText(reading, source.slice(from, at));
    if (problem !== null) return malformed(problem);
    TAG.lastIndex = at;
    const tag = TAG.exec(source);
    if (tag === null) return malformed("something that is no plain element");
    const [whole, closes, name = "", attributes = "", isEmpty] = tag;
    from = at + whole.length;
    if (closes === "/") {
      if (reading.open.pop() !== name) return malformed(`\`</${name}>\` closes nothing`);
      continue;
    }
    const wrong = readElement(reading, name, attributes);
    if (wrong !== null) return malformed(wrong);
    if (isEmpty !== "/") reading.open.push(name);
  }
  if (reading.open.length > 0 || source.slice(from).trim() !== "")
    return malformed("an element that is not closed");
  return {
    hosts: [...reading.hosts],
    spokenCharacters: reading.isSpoken ? text.length : 0,
    unbounded: reading.unbounded,
  };
}

interface Reading {
  isBegun: boolean;
  isSpoken: boolean;
  readonly hosts: Set<string>;
  readonly open: string[];
  unbounded: string | null;
}

function readElement(reading: Reading, name: string, attributes: string): string | null {
  const isRoot = reading.open.length === 0;
  if ((name === "Response") !== isRoot || (isRoot && reading.isBegun)) return "anything but one `<Response>`";
  reading.isBegun = true;
  if (!BOUNDED.has(name)) reading.unbounded ??= `<${name}>`;
  if (name === "Say" && !FREE_VOICE.test(attributes)) reading.isSpoken = true;
  const seen = new Set<string>();
  for (const [, key = "", double, single] of attributes.matchAll(ATTRIBUTE)) {
    if (seen.has(key)) return `\`${key}\` twice in one element`;
    seen.add(key);
    const value = unescapeXml(double ?? single ?? "");
    if (value === null) return "an entity that is not one of XML's five";
    if (key === "loop" && value !== "1") reading.unbounded ??= `<${name} loop>`;
    if (key === "input" && value !== "dtmf") reading.unbounded ??= `<${name} input="${value}">`;
    if (URL_ATTRIBUTE.test(key) && !addHost(reading, value)) return `a \`${key}\` that is no plain URL`;
  }
  return null;
}

/** Text between elements: what `Play` and `Redirect` hold is a URL, under `Say` it is speech. */
function readText(reading: Reading, raw: string): string | null {
  const text = unescapeXml(raw);
  if (text === null) return "an entity that is not one of XML's five";
  const element = reading.open.at(-1);
  if (text.trim() === "") return null;
  if (element === undefined) return "text outside of an element";
  if (element !== "Play" && element !== "Redirect") return null;
  return addHost(reading, text.trim()) ? null : `a \`<${element}>\` whose text is no plain URL`;
}

function addHost(reading: Reading, url: string): boolean {
  const host = readUrlHost(url);
  if (host !== null) reading.hosts.add(host);
  return host !== null;
}

function unescapeXml(text: string): string | null {
  let isPlain = true;
  const plain = text.replaceAll(/&[^;&]*;?/g, (entity) => {
    const character = ENTITIES[entity];
    if (character === undefined) isPlain = false;
    return character ?? "";
  });
  return isPlain ? plain : null;
}

function malformed(problem: string): Denial {
  return deny(
    "request_malformed",
    `\`Twiml\` has ${problem}: host it and give its \`Url\`, or write it plainly`,
  );
}
