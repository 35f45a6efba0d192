import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseForm } from "../src/form.ts";
import { FUZZ, FUZZ_TENTH, FUZZ_TIMEOUT_MS } from "./fuzz.ts";

const fragment = fc.constantFrom(
  ..."& = + % [ ] ; ? # _method amount Amount a b metadata [] [0] [a] %5B %5D %26 %3D %2B %25 %00 %0a %20 %C3%A9 %FF %61 1 é 😀".split(
    " ",
  ),
  " ",
  "\u0000",
);
const text = fc.oneof(
  fc.array(fragment, { maxLength: 14 }).map((parts) => parts.join("")),
  fc.string({ unit: "binary", maxLength: 40 }).map((value) => value.toWellFormed()),
  fc
    .array(
      fc.tuple(fc.constantFrom("a", "b", "c[]", "d[e]", "%66"), fc.constantFrom("1", "", "x+y", "%41", "=")),
      {
        maxLength: 4,
      },
    )
    .map((pairs) => pairs.map((pair) => pair.join("=")).join("&")),
);

const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,15}(\[[a-z0-9_]{1,10}\]){0,3}$/);
const value = fc.string({ unit: "grapheme", maxLength: 30 }).filter((words) => !words.includes("\u0000"));

describe("parseForm", () => {
  it(
    "agrees with URLSearchParams whenever it accepts",
    () => {
      let accepted = 0;
      fc.assert(
        fc.property(text, (form) => {
          const fields = parseForm(form);
          if (typeof fields === "string") return;
          accepted++;
          // URLSearchParams drops one leading `?`, so it gets one to drop.
          expect(fields.map((field) => [field.name, field.value])).toEqual([
            ...new URLSearchParams(`?${form}`),
          ]);
        }),
        FUZZ,
      );
      expect(accepted, "the property must reach what it claims").toBeGreaterThan(FUZZ.numRuns / 20);
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "accepts whatever an SDK encodes, and reads back what was meant",
    () => {
      fc.assert(
        fc.property(
          fc.uniqueArray(fc.tuple(name, value), { selector: ([key]) => key, maxLength: 20 }),
          (pairs) => {
            fc.pre(pairs.every(([key]) => key !== "_method"));
            const encoded = new URLSearchParams(pairs).toString();
            expect(parseForm(encoded)).toEqual(pairs.map(([key, words]) => ({ name: key, value: words })));
          },
        ),
        FUZZ_TENTH,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "never reads a name twice, unless it is a list, and never one that hides something",
    () => {
      fc.assert(
        fc.property(text, (form) => {
          const fields = parseForm(form);
          if (typeof fields === "string") return;
          const names = fields.map((field) => field.name).filter((key) => !key.endsWith("[]"));
          expect(new Set(names).size).toBe(names.length);
          expect(fields.every((field) => field.name === field.name.trim() && field.name !== "")).toBe(true);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});
