import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import {
  appendElements,
  appendMember,
  findLookalikeKey,
  insertText,
  type JsonArray,
  type JsonObject,
  type JsonValue,
  parseJson,
} from "../src/json.ts";

const bytes = (text: string) => Buffer.from(text, "utf8");

function read(text: string): JsonValue {
  const value = parseJson(bytes(text));
  if (typeof value === "string") throw new Error(value);
  return value;
}

function readObject(text: string): JsonObject {
  return read(text) as JsonObject;
}

/** What an ordinary reader makes of the same value. */
function toPlain(value: JsonValue): unknown {
  if (value.kind === "object") {
    return Object.fromEntries([...value.members].map(([name, member]) => [name, toPlain(member)]));
  }
  if (value.kind === "array") return value.items.map(toPlain);
  return value.kind === "number" ? Number(value.text) : value.value;
}

describe("parseJson", () => {
  it.each([
    ["a name twice", bytes('{"to":"a","to":"b"}')],
    ["a name twice through an escape", bytes('{"to":"a","t\\u006f":"b"}')],
    ["a name twice deep inside", bytes('[{"a":{"x":1,"x":1}}]')],
    ["a byte order mark", bytes('\ufeff{"to":"a"}')],
    ["invalid UTF-8", Buffer.from([0x22, 0xff, 0x22])],
    ["an overlong UTF-8 sequence", Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ["half a surrogate pair", bytes('["\\ud800"]')],
    ["half a surrogate pair in a name", bytes('{"\\udc00":1}')],
    ["a NUL in a name", bytes('{"to\\u0000":1}')],
    ["a name that reaches a prototype", bytes('{"__proto__":{}}')],
    ["a number that becomes infinite", bytes("[1e400]")],
    ["a number that becomes zero", bytes("[1e-400]")],
    ["trailing data", bytes("{} {}")],
    ["33 levels", bytes("[".repeat(33) + "]".repeat(33))],
    ["a comment", bytes("[1/**/]")],
    ["a trailing comma", bytes('{"a":1,}')],
    ["an empty body", bytes("")],
  ])("refuses %s", (_name, body) => {
    expect(parseJson(body)).toBeTypeOf("string");
  });

  it("accepts 32 levels", () => {
    expect(parseJson(bytes("[".repeat(32) + "]".repeat(32)))).not.toBeTypeOf("string");
  });

  it("keeps numbers exactly, and only whole numbers are integers", () => {
    const items = (read("[9007199254740993, 1.0, 1e2, -0, -7]") as JsonArray).items;
    expect(items.map((item) => (item.kind === "number" ? [item.text, item.integer] : null))).toEqual([
      ["9007199254740993", 9007199254740993n],
      ["1.0", null],
      ["1e2", null],
      ["-0", null],
      ["-7", -7n],
    ]);
  });

  it("gives the byte offsets of values behind characters of several bytes", () => {
    const body = '{"ä€😀": ["x"] }';
    const value = readObject(body).members.get("ä€😀");
    expect(bytes(body).subarray(value?.start, value?.end).toString()).toBe('["x"]');
  });
});

describe("appending", () => {
  it.each([
    ["{}", '{"tags":[]}'],
    ["{ }\n", '{ "tags":[]}\n'],
    ['{"a":"ü}" }', '{"a":"ü}" ,"tags":[]}'],
  ])("adds a member to %s and leaves all other bytes", (body, expected) => {
    const insertion = appendMember(readObject(body), "tags", "[]");
    expect(Buffer.from(insertText(bytes(body), [insertion])).toString()).toBe(expected);
  });

  it("adds elements to nested arrays at once", () => {
    const body = '[{"t":["é"]},{"t":[]}]';
    const arrays = (read(body) as JsonArray).items.map(
      (item) => (item as JsonObject).members.get("t") as JsonArray,
    );
    const insertions = arrays.map((array) => appendElements(array, ["1", "2"]));
    expect(Buffer.from(insertText(bytes(body), insertions)).toString()).toBe('[{"t":["é",1,2]},{"t":[1,2]}]');
  });
});

describe("findLookalikeKey", () => {
  it.each(["To", "TO", "to ", "t_o", "to[]", "to\u200b", "ｔｏ"])("takes %j for `to`", (key) => {
    expect(findLookalikeKey(readObject(JSON.stringify({ [key]: 1 })), ["to"])).toBe(key);
  });

  it("does not take the name itself or another word for it", () => {
    expect(findLookalikeKey(readObject('{"to":1,"topic_id":2}'), ["to"])).toBeNull();
  });
});

const suite = fileURLToPath(new URL("../../../../shared/data/json-test-suite/", import.meta.url));
const isSuiteHere = existsSync(suite);
if (!isSuiteHere && process.env["CI"] === "true")
  throw new Error("the JSON test suite is not beside the checkout");

describe.skipIf(!isSuiteHere)(
  `JSONTestSuite${isSuiteHere ? "" : " (skipped: not beside the checkout)"}`,
  () => {
    const files = isSuiteHere
      ? ["test_parsing", "test_transform"].flatMap((folder) =>
          readdirSync(`${suite}${folder}`)
            .filter((name) => name.endsWith(".json"))
            .map((name) => `${folder}/${name}`),
        )
      : [];
    const stricter = [
      "y_object_duplicated_key.json",
      "y_object_duplicated_key_and_value.json",
      "y_object_escaped_null_in_key.json",
    ];

    it("was found", () => expect(files.length).toBeGreaterThan(300));

    it.each(files)("%s is refused, or read as every reader reads it", (file) => {
      const body = readFileSync(`${suite}${file}`);
      const value = parseJson(body);
      const name = file.split("/")[1] ?? "";
      if (name.startsWith("n_")) expect(value).toBeTypeOf("string");
      if (name.startsWith("y_") && !stricter.includes(name)) expect(value).not.toBeTypeOf("string");
      if (typeof value !== "string") expect(toPlain(value)).toEqual(JSON.parse(body.toString("utf8")));
    });
  },
);
