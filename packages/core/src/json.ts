interface Span {
  /** Offset of the first byte in the body. */
  readonly start: number;
  /** Offset behind the last byte. */
  readonly end: number;
}

export interface JsonString extends Span {
  readonly kind: "string";
  readonly value: string;
}

export interface JsonNumber extends Span {
  readonly kind: "number";
  /** The number exactly as it is written. */
  readonly text: string;
  /** Its exact value when it is written as a whole number (no point, no exponent, no `-0`), else null. */
  readonly integer: bigint | null;
}

export interface JsonLiteral extends Span {
  readonly kind: "literal";
  readonly value: true | false | null;
}

export interface JsonArray extends Span {
  readonly kind: "array";
  readonly items: readonly JsonValue[];
}

export interface JsonObject extends Span {
  readonly kind: "object";
  /** In the order of the body. No name stands twice. */
  readonly members: ReadonlyMap<string, JsonValue>;
}

/** A JSON value together with its place in the body. */
export type JsonValue = JsonString | JsonNumber | JsonLiteral | JsonArray | JsonObject;

/** Text to be put into a body at a byte offset. */
export interface Insertion {
  readonly at: number;
  readonly text: string;
}

const DEPTH_MAX = 32;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them raw, so they end a run.
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\n\r]*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
const LITERALS: readonly (readonly [string, JsonLiteral["value"]])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];
const TRAP_KEYS = new Set(["__proto__", "constructor"]);

/**
 * Reads a JSON body so strictly that no two readers can understand it differently: valid UTF-8 without a byte order
 * mark, no name twice in an object (also not through escapes), no lone surrogates, no NUL in a name, no name that
 * reaches into an object's prototype, at most 32 levels, no number beyond what a double can hold. Numbers keep their
 * text. Returns a sentence that says what is wrong otherwise.
 */
export function parseJson(bytes: Uint8Array): JsonValue | string {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return "the body is not valid UTF-8";
  }
  if (text.startsWith("\ufeff")) return "the body starts with a byte order mark: remove it";
  try {
    return new Reader(text).readBody();
  } catch (error) {
    if (error instanceof Unreadable) return error.message;
    throw error;
  }
}

/**
 * The first member that a careless reader could take for one of the names: other case, other spelling of the words
 * (`replyTo` for `reply_to`), look-alike or invisible characters. Null when there is none; the names themselves are none.
 */
export function findLookalikeKey(object: JsonObject, names: readonly string[]): string | null {
  const folded = new Set(names.map(fold));
  for (const key of object.members.keys()) {
    if (!names.includes(key) && folded.has(fold(key))) return key;
  }
  return null;
}

/** Says where a member (a name that the object does not have, and JSON text) goes at the end of an object. */
export function appendMember(object: JsonObject, name: string, json: string): Insertion {
  const separator = object.members.size === 0 ? "" : ",";
  return { at: object.end - 1, text: `${separator}${JSON.stringify(name)}:${json}` };
}

/** Says where elements (JSON texts, at least one) go at the end of an array. */
export function appendElements(array: JsonArray, elements: readonly string[]): Insertion {
  return { at: array.end - 1, text: `${array.items.length === 0 ? "" : ","}${elements.join(",")}` };
}

/** The body with the texts put in at their offsets in ascending order; all other bytes stay as they are. */
export function insertText(bytes: Uint8Array, insertions: readonly Insertion[]): Uint8Array {
  if (insertions.length === 0) return bytes;
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const { at, text } of insertions) {
    parts.push(bytes.subarray(from, at), Buffer.from(text, "utf8"));
    from = at;
  }
  return Buffer.concat([...parts, bytes.subarray(from)]);
}

function fold(name: string): string {
  return name
    .normalize("NFKC")
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "");
}

class Unreadable extends Error {}

class Reader {
  readonly #text: string;
  #index = 0;
  /** Byte offset that belongs to `#countedIndex`, moved along so that every character is counted once. */
  #byte = 0;
  #countedIndex = 0;

  constructor(text: string) {
    this.#text = text;
  }

  readBody(): JsonValue {
    this.#skipSpace();
    const value = this.#readValue(0);
    this.#skipSpace();
    if (this.#index !== this.#text.length) throw this.#fail("there is more behind the end of the JSON value");
    return value;
  }

  #readValue(depth: number): JsonValue {
    const start = this.#offset();
    const mark = this.#text[this.#index];
    if (mark === "{" || mark === "[") {
      if (depth === DEPTH_MAX) throw this.#fail(`the JSON is nested deeper than ${DEPTH_MAX} levels`);
      return mark === "{" ? this.#readObject(start, depth + 1) : this.#readArray(start, depth + 1);
    }
    if (mark === '"') {
      const value = this.#readString();
      return { kind: "string", value, start, end: this.#offset() };
    }
    for (const [word, value] of LITERALS) {
      if (!this.#text.startsWith(word, this.#index)) continue;
      this.#index += word.length;
      return { kind: "literal", value, start, end: this.#offset() };
    }
    return this.#readNumber(start);
  }

  #readObject(start: number, depth: number): JsonObject {
    const members = new Map<string, JsonValue>();
    this.#index += 1;
    this.#skipSpace();
    if (!this.#take("}")) {
      do {
        this.#skipSpace();
        const name = this.#readString();
        if (members.has(name)) throw this.#fail("a name stands twice in one object");
        if (name.includes("\0")) throw this.#fail("a name contains a NUL character");
        if (TRAP_KEYS.has(name)) throw this.#fail(`the name \`${name}\` is not accepted`);
        this.#skipSpace();
        if (!this.#take(":")) throw this.#fail("a name has no value");
        this.#skipSpace();
        members.set(name, this.#readValue(depth));
        this.#skipSpace();
      } while (this.#take(","));
      if (!this.#take("}")) throw this.#fail("an object is not closed");
    }
    return { kind: "object", members, start, end: this.#offset() };
  }

  #readArray(start: number, depth: number): JsonArray {
    const items: JsonValue[] = [];
    this.#index += 1;
    this.#skipSpace();
    if (!this.#take("]")) {
      do {
        this.#skipSpace();
        items.push(this.#readValue(depth));
        this.#skipSpace();
      } while (this.#take(","));
      if (!this.#take("]")) throw this.#fail("an array is not closed");
    }
    return { kind: "array", items, start, end: this.#offset() };
  }

  #readString(): string {
    if (!this.#take('"')) throw this.#fail("a name or value is missing");
    let value = "";
    for (;;) {
      value += this.#match(PLAIN);
      const mark = this.#text[this.#index];
      if (mark === undefined) throw this.#fail("a string is not closed");
      if (mark !== '"' && mark !== "\\") throw this.#fail("a string contains a raw control character");
      this.#index += 1;
      if (mark === '"') break;
      value += this.#readEscape();
    }
    if (!value.isWellFormed()) throw this.#fail("a string contains half of a surrogate pair");
    return value;
  }

  #readEscape(): string {
    const mark = this.#text[this.#index] ?? "";
    this.#index += 1;
    if (mark === "u") {
      const digits = this.#text.slice(this.#index, this.#index + 4);
      if (!/^[0-9A-Fa-f]{4}$/.test(digits)) throw this.#fail("a `\\u` escape has no four hex digits");
      this.#index += 4;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const meaning = Object.hasOwn(ESCAPES, mark) ? ESCAPES[mark] : undefined;
    if (meaning === undefined) throw this.#fail("a string contains an unknown escape");
    return meaning;
  }

  #readNumber(start: number): JsonNumber {
    const text = this.#match(NUMBER);
    if (text === "") throw this.#fail("a value is missing or is none of JSON's");
    const double = Number(text);
    const isZeroWritten = !/[1-9]/.test(text.replace(/[eE].*$/, ""));
    if (!Number.isFinite(double) || (double === 0 && !isZeroWritten)) {
      throw this.#fail("a number is beyond what a reader can hold");
    }
    const integer = /^-?[0-9]+$/.test(text) && text !== "-0" ? BigInt(text) : null;
    return { kind: "number", text, integer, start, end: this.#offset() };
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#index;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#index += found.length;
    return found;
  }

  #take(mark: string): boolean {
    if (this.#text[this.#index] !== mark) return false;
    this.#index += 1;
    return true;
  }

  #skipSpace(): void {
    this.#match(SPACE);
  }

  #offset(): number {
    this.#byte += Buffer.byteLength(this.#text.slice(this.#countedIndex, this.#index), "utf8");
    this.#countedIndex = this.#index;
    return this.#byte;
  }

  #fail(sentence: string): Unreadable {
    return new Unreadable(`${sentence}, near byte ${this.#offset()}`);
  }
}
