import { describe, expect, it } from "vitest";
import { FormError, type FormNode, parseForm } from "../src/form.ts";

function plain(node: FormNode): unknown {
  return typeof node === "string"
    ? node
    : Object.fromEntries([...node].map(([name, value]) => [name, plain(value)]));
}

describe("a form", () => {
  it.each([
    ["", {}],
    ["a=1&b=2", { a: "1", b: "2" }],
    ["a", { a: "" }],
    ["&a=1&", { a: "1" }],
    ["a=1=2", { a: "1=2" }],
    ["a+b=c+d%2B", { "a b": "c d+" }],
    ["a[b]=1&a[c]=2", { a: { b: "1", c: "2" } }],
    ["a[b][c][d]=1", { a: { b: { c: { d: "1" } } } }],
    ["a%5Bb%5D=1", { a: { b: "1" } }],
    ["a[]=1&a[]=2", { a: { 0: "1", 1: "2" } }],
    ["a[0][b]=1&a[1][b]=2", { a: { 0: { b: "1" }, 1: { b: "2" } } }],
    ["a[][b]=1&a[][c]=2&a[][b]=3", { a: { 0: { b: "1", c: "2" }, 1: { b: "3" } } }],
    ["a=1&a=2", { a: "2" }],
    ["a[b=1", { "a[b": "1" }],
    ["[a]=1", { "[a]": "1" }],
    ["a[b]c=1", { "a[b]c": "1" }],
  ])("%s is read as Rack reads it", (text, expected) => {
    expect(plain(parseForm(text))).toEqual(expected);
  });

  it.each([
    ["a=%zz"],
    ["a=%ff"],
    ["a=1&a[b]=2"],
    ["a[b]=1&a=2"],
    [`a${"[b]".repeat(9)}=1`],
    [Array.from({ length: 1_001 }, (_, n) => `a${n}=1`).join("&")],
  ])("%.20s is refused", (text) => {
    expect(() => parseForm(text)).toThrow(FormError);
  });
});
