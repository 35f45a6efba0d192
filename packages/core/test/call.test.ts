import { describe, expect, it } from "vitest";
import { CALL_STATES, type CallState, canMove } from "../src/call.ts";

/** Every legal move, written out a second time; all others are illegal. */
const LEGAL: readonly `${CallState} → ${CallState}`[] = [
  "reserved → settled",
  "reserved → released",
  "reserved → unknown",
  "unknown → settled",
  "unknown → released",
];

describe("canMove", () => {
  const moves = CALL_STATES.flatMap((from) => CALL_STATES.map((to) => [from, to] as const));

  it.each(moves)("from %s to %s only when the life of a call says so", (from, to) => {
    expect(canMove(from, to)).toBe(LEGAL.includes(`${from} → ${to}`));
  });

  it("knows no other state", () => {
    expect(CALL_STATES).toEqual(["denied", "reserved", "unknown", "settled", "released"]);
  });
});
