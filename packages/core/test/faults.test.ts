import { describe, expect, it } from "vitest";
import { FAULTS, type FaultCode, isKeybrakeError, KeybrakeError } from "../src/faults.ts";

const CODES = Object.keys(FAULTS) as FaultCode[];

describe("FAULTS", () => {
  it.each<[FaultCode, number]>([
    ["ledger_unavailable", 503],
    ["overloaded", 503],
    ["vendor_unreachable", 502],
    ["vendor_timeout", 504],
    ["history_lost", 503],
    ["vendor_answer_withheld", 502],
    ["internal", 500],
  ])("has `%s` with status %i", (code, status) => {
    expect(FAULTS[code].status).toBe(status);
  });

  it.each(CODES)("has nothing but server errors, so `%s` is never taken for the agent's fault", (code) => {
    expect(FAULTS[code].status).toBeGreaterThanOrEqual(500);
  });

  it.each(CODES)("titles `%s` in lower case, without a full stop", (code) => {
    expect(FAULTS[code].title).toMatch(/^[a-z].*[^.]$/);
  });
});

describe("KeybrakeError", () => {
  it.each(CODES)("`%s` says its title unless it is given a detail", (code) => {
    expect(new KeybrakeError(code).message).toBe(FAULTS[code].title);
    expect(new KeybrakeError(code, { detail: "more" }).message).toBe("more");
  });

  it("keeps its cause out of its message and out of JSON, because the message reaches the caller", () => {
    const error = new KeybrakeError("ledger_unavailable", { cause: new Error("password=canary") });
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain("canary");
    expect(error.cause).toBeInstanceOf(Error);
    expect(new KeybrakeError("internal")).not.toHaveProperty("cause");
  });
});

describe("isKeybrakeError", () => {
  it("knows a fault of another copy of this package by its code", () => {
    expect(isKeybrakeError(new KeybrakeError("internal"))).toBe(true);
    expect(isKeybrakeError(Object.assign(new Error("x"), { code: "vendor_timeout" }))).toBe(true);
  });

  it.each([
    ["nothing", undefined],
    ["null", null],
    ["a text", "internal"],
    ["a plain object", { code: "internal" }],
    ["an error without a code", new Error("internal")],
    ["a system error", Object.assign(new Error("x"), { code: "ECONNRESET" })],
    ["a denial's code", Object.assign(new Error("x"), { code: "unpriced" })],
    ["a numeric code", Object.assign(new Error("x"), { code: 500 })],
    ["a name that every object has", Object.assign(new Error("x"), { code: "constructor" })],
    ["another name that every object has", Object.assign(new Error("x"), { code: "toString" })],
  ])("is not fooled by %s", (_what, error) => {
    expect(isKeybrakeError(error)).toBe(false);
  });
});
