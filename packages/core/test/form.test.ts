import { describe, expect, it } from "vitest";
import { findLookalike, parseForm, rootOf } from "../src/form.ts";

describe("parseForm", () => {
  it.each([
    ["", []],
    ["a", [["a", ""]]],
    ["a=", [["a", ""]]],
    ["a=1", [["a", "1"]]],
    [
      "a=1&b=2",
      [
        ["a", "1"],
        ["b", "2"],
      ],
    ],
    ["a=b=c", [["a", "b=c"]]],
    ["a=x+y", [["a", "x y"]]],
    ["a=x%2By", [["a", "x+y"]]],
    ["a=%C3%A9", [["a", "é"]]],
    ["a=é", [["a", "é"]]],
    ["a=%F0%9F%98%80", [["a", "😀"]]],
    ["a=%0A", [["a", "\n"]]],
    ["%61mount=9", [["amount", "9"]]],
    ["a[b]=1", [["a[b]", "1"]]],
    ["a%5Bb%5D=1", [["a[b]", "1"]]],
    ["a[b][0][c]=1", [["a[b][0][c]", "1"]]],
    [
      "a[]=1&a[]=2",
      [
        ["a[]", "1"],
        ["a[]", "2"],
      ],
    ],
    ["a[b][c][d][e][f]=1", [["a[b][c][d][e][f]", "1"]]],
    [
      "method=x&_methods=y",
      [
        ["method", "x"],
        ["_methods", "y"],
      ],
    ],
  ])("reads `%s`", (text, fields) => {
    expect(parseForm(text)).toEqual(fields.map(([name, value]) => ({ name, value })));
  });

  it.each([
    ["the same name twice", "amount=1&amount=99999"],
    ["the same name twice, once without a value", "amount=1&amount"],
    ["the same name twice, once escaped", "amount=1&%61mount=99999"],
    ["the same name twice, brackets escaped once", "a[b]=1&a%5Bb%5D=2"],
    ["a NUL in a name", "amount%00=1"],
    ["a NUL in a value", "amount=1%00"],
    ["a line end in a name", "amount%0a=1"],
    ["a DEL in a name", "amount%7f=1"],
    ["a plus in front of a name", "+amount=1"],
    ["a space in front of a name", " amount=1"],
    ["a space behind a name", "amount =1"],
    ["an escaped space behind a name", "amount%20=1"],
    ["a no-break space in front of a name", "%C2%A0amount=1"],
    ["a byte order mark in front of a name", "\ufeffamount=1"],
    ["an escaped byte order mark", "%EF%BB%BFamount=1"],
    ["no name", "=1"],
    ["a name of 257 characters", `${"a".repeat(257)}=1`],
    ["an empty field in the middle", "a=1&&b=2"],
    ["an empty field at the start", "&a=1"],
    ["an empty field at the end", "a=1&"],
    ["a lone `&`", "&"],
    ["a lone `%`", "a=%"],
    ["half an escape", "a=%4"],
    ["an escape that is not hexadecimal", "a=%zz"],
    ["a `%u` escape", "a=%u0061"],
    ["an overlong encoding", "a=%C0%AF"],
    ["an encoded surrogate", "a=%ED%A0%80"],
    ["a lone continuation byte", "a=%80"],
    ["invalid UTF-8 in a name", "%FFamount=1"],
    ["an opening bracket only", "a[=1"],
    ["a closing bracket only", "a]=1"],
    ["brackets that do not close", "a[b=1"],
    ["brackets within brackets", "a[b[c]]=1"],
    ["text behind brackets", "a[b]c=1"],
    ["brackets in front", "[a]=1"],
    ["brackets only", "[]=1"],
    ["a stray bracket in front", "]a[b]=1"],
    ["a bracket in front of brackets", "[x]a[b]=1"],
    ["a stray bracket behind", "a[b]]=1"],
    ["a nesting of 6", "a[b][c][d][e][f][g]=1"],
    ["201 fields", Array.from({ length: 201 }, (_, index) => `f${index}=1`).join("&")],
  ])("G1: refuses %s with a sentence", (_what, text) => {
    expect(parseForm(text)).toMatch(/^[^A-Z].*[^.]$/);
  });

  // Rack before 3, older Python and the HTML 4 recommendation split at `;` too, so to them this is a second field.
  it.each([
    ["in a value", "description=x;amount=99999"],
    ["behind a name", "description;amount=99999"],
    ["alone", ";"],
    ["at the end", "amount=1;"],
  ])("G1: refuses a bare `;` %s, because some readers take it for a separator", (_what, text) => {
    expect(parseForm(text)).toBeTypeOf("string");
  });

  it("takes an escaped `;` for the character that it is", () => {
    expect(parseForm("description=x%3Bamount=99999")).toEqual([
      { name: "description", value: "x;amount=99999" },
    ]);
  });

  it.each(["_method=DELETE", "_METHOD=DELETE", "%5Fmethod=DELETE", "a=1&_method=x", "_method"])(
    "E9: refuses `%s`, which overrides the method",
    (text) => {
      expect(parseForm(text)).toBe("`_method` overrides the method");
    },
  );

  it.each([
    ["200 fields are read", Array.from({ length: 200 }, (_, index) => `f${index}=1`).join("&"), 200],
    ["a name of 256 characters is read", `${"a".repeat(256)}=1`, 1],
    ["a long value is read", `a=${"x".repeat(60_000)}`, 1],
  ])("%s", (_what, text, count) => {
    expect(parseForm(text)).toHaveLength(count);
  });

  it.each([
    ["100,000 fields", "a=1&".repeat(100_000)],
    ["100,000 empty fields", "&".repeat(100_000)],
    ["100,000 list entries", `${"a[]=1&".repeat(100_000)}b=1`],
    ["a depth of 10,000", `a${"[b]".repeat(10_000)}=1`],
    ["10,000 opening brackets", `a${"[".repeat(10_000)}=1`],
    ["a name of 5 MB", `${"a".repeat(5_000_000)}=1`],
    ["100,000 broken escapes", "%".repeat(100_000)],
  ])("G10: refuses %s", (_what, text) => {
    expect(parseForm(text)).toBeTypeOf("string");
  });
});

describe("rootOf", () => {
  it.each([
    ["amount", "amount"],
    ["metadata[run]", "metadata"],
    ["a[b][c]", "a"],
    ["a[]", "a"],
    ["", ""],
  ])("of `%s` is `%s`", (name, root) => {
    expect(rootOf(name)).toBe(root);
  });
});

describe("findLookalike", () => {
  const scalars = new Set(["amount"]);
  const objects = new Set(["transfer_data"]);

  it.each([
    "Amount",
    "AMOUNT",
    "amount[]",
    "amount[0]",
    "amount[value]",
    "Amount[]",
    "Transfer_data[destination]",
    "TRANSFER_DATA[]",
    "amount [x]",
    "transfer_data [destination]",
    " transfer_data[destination]",
  ])("G1: finds `%s`", (name) => {
    const fields = [
      { name: "description", value: "x" },
      { name, value: "1" },
    ];
    expect(findLookalike(fields, scalars, objects)).toBe(name);
  });

  it.each([
    "amount",
    "amounts",
    "amount_details[tax]",
    "transfer_data[destination]",
    "transfer_data",
    "total[amount]",
    "x",
  ])("lets `%s` pass, which nobody can mistake", (name) => {
    expect(findLookalike([{ name, value: "1" }], scalars, objects)).toBeNull();
  });
});
