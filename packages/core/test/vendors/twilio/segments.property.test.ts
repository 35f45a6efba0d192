import fc from "fast-check";
import { SegmentedMessage } from "sms-segments-calculator";
import { expect, it } from "vitest";
import { countSegments } from "../../../src/vendors/twilio/segments.ts";

// Every character of ASCII that a message may have, and some that cost more.
const ascii = fc.constantFrom(
  ..."\n\t\r",
  ...Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)),
  "€",
  "é",
);
const text = fc.string({ unit: ascii, maxLength: 500 });

it("plain text is counted as Twilio's own rules count it", () => {
  fc.assert(
    fc.property(text, (body) => {
      expect(countSegments(body, false)).toBe(
        Math.max(1, new SegmentedMessage(body, "auto", false).segmentsCount),
      );
    }),
    { numRuns: 150 },
  );
});

it("each plain character is counted as Twilio's own rules count it, at the edge of a segment", () => {
  for (let code = 32; code < 127; code++) {
    const body = String.fromCharCode(code).repeat(160);
    expect(countSegments(body, false)).toBe(new SegmentedMessage(body, "auto", false).segmentsCount);
  }
});

it("the smallest lengths of two and three segments are exact", () => {
  for (const [length, segments] of [
    [0, 1],
    [160, 1],
    [161, 2],
    [306, 2],
    [307, 3],
    [1_600, 11],
  ] as const)
    expect(countSegments("a".repeat(length), false)).toBe(segments);
});
