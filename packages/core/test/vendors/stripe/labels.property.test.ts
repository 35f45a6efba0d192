import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseForm } from "../../../src/form.ts";
import { stripe } from "../../../src/vendors/stripe/stripe.ts";
import { FUZZ, FUZZ_TIMEOUT_MS } from "../../fuzz.ts";
import { contextOf, isDenial, operationOf, RATES, requestOf } from "../../stripe-requests.ts";

const pair = fc.constantFrom(
  "amount=100",
  "currency=usd",
  "description=x",
  "metadata[order]=7",
  "metadata[agent_id]=me",
  "metadata%5Bagent_id%5D=me",
  "metadata[agent_id]=",
  "metadata[crew_run_id]=mine",
  "metadata=",
  "metadata",
  "%6Detadata=",
  "metadata[a][b]=c",
  "x[metadata]=1",
  "expand[]=latest_charge",
);
const form = fc
  .tuple(fc.uniqueArray(pair, { maxLength: 6 }), fc.integer({ min: 0, max: 52 }))
  .map(([pairs, count]) =>
    [...pairs, ...Array.from({ length: count }, (_, index) => `metadata[k${index}]=v`)].join("&"),
  );
const label = fc
  .string({ unit: "binary", maxLength: 510 })
  .map((text) => text.toWellFormed().replaceAll("\u0000", ""));
const labels = fc.record({ agentId: label, crewRunId: fc.option(label) });
const path = fc.constantFrom(
  "/v1/payment_intents",
  "/v1/payment_intents/pi_1",
  "/v1/payment_intents/pi_1/confirm",
  "/v1/payment_intents/pi_1/capture",
  "/v1/refunds",
  "/v1/customers/cus_1",
);

describe("appendLabels", () => {
  it(
    "only ever adds the two labels behind an untouched body, and never changes what the call costs",
    () => {
      let appendedTo = 0;
      fc.assert(
        fc.property(path, form, labels, (to, text, key) => {
          const request = requestOf("POST", to, text);
          const read = stripe.readOperation(request, contextOf(RATES));
          if (isDenial(read)) return;
          const before = parseForm(text);
          const body = Buffer.from(stripe.completeBody(read, request.body, key));
          const after = parseForm(body.toString("utf8"));
          if (typeof before === "string" || typeof after === "string") throw new TypeError(String(after));
          // The agent's own bytes stand first, unchanged, and a retry gives the same ones.
          expect(body.subarray(0, request.body.length).equals(request.body)).toBe(true);
          expect(body.equals(Buffer.from(stripe.completeBody(read, request.body, key)))).toBe(true);
          const added = after.slice(before.length);
          if (added.length > 0) appendedTo++;
          const names = added.map((field) => field.name);
          expect(["metadata[agent_id]", "metadata[crew_run_id]"]).toEqual(expect.arrayContaining(names));
          expect(before.filter((field) => names.includes(field.name))).toEqual([]);
          if (before.some((field) => field.name === "metadata")) expect(added).toEqual([]);
          if (added.length > 0) {
            expect(
              after.filter((field) => /^metadata\[[^\]]+\]$/.test(field.name)).length,
            ).toBeLessThanOrEqual(50);
          }
          const labeled = operationOf(requestOf("POST", to, body.toString("utf8")), RATES);
          expect([labeled.price, labeled.exposureId, labeled.demands]).toEqual([
            read.price,
            read.exposureId,
            read.demands,
          ]);
        }),
        FUZZ,
      );
      expect(appendedTo, "the property must reach what it claims").toBeGreaterThan(FUZZ.numRuns / 20);
    },
    FUZZ_TIMEOUT_MS,
  );
});
