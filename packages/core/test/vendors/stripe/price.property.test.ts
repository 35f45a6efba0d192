import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Operation, Price } from "../../../src/operation.ts";
import { stripe } from "../../../src/vendors/stripe/stripe.ts";
import type { VendorAnswer } from "../../../src/vendors/vendor.ts";
import { FUZZ, FUZZ_TIMEOUT_MS } from "../../fuzz.ts";
import { contextOf, isDenial, judge, operationOf, RATES, requestOf } from "../../stripe-requests.ts";

/** What the most lenient reader takes for a field: any separator, any case, brackets and blanks thrown away. */
function readLeniently(text: string, root: string): readonly string[] {
  return text.split(/[&;]/).flatMap((pair) => {
    const mark = pair.indexOf("=");
    const decode = (part: string) => new URLSearchParams(`?x=${part}`).get("x") ?? "";
    const name = decode(mark === -1 ? pair : pair.slice(0, mark));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are among what is thrown away.
    const folded = name.replace(/^[[\]\s\u0000-\u001f\ufeff]+/, "").split(/[[\]\s\u0000]/)[0] ?? "";
    return folded.toLowerCase() === root && mark !== -1 ? [decode(pair.slice(mark + 1))] : [];
  });
}

const name = fc.constantFrom(
  ..."amount amount amount currency currency description customer metadata[a] Amount amount[] amount[0] %61mount amount%00 [amount] amount] +amount amount+ %20amount Currency currency[] customer[] amount_to_capture".split(
    " ",
  ),
);
const value = fc.constantFrom(
  "1",
  "99999",
  "usd",
  "jpy",
  "cus_1",
  "x;amount=5",
  "x;currency=jpy",
  "%31",
  "x%26amount=5",
  "",
);
const form = fc
  .tuple(
    fc.constantFrom(
      "amount=7&currency=usd",
      "currency=jpy&amount=7",
      "customer=cus_1&amount=7&currency=usd",
      "",
    ),
    fc.array(fc.tuple(name, value), { maxLength: 3 }),
    fc.constantFrom("&", "&", "&", ";", "&&", "& "),
  )
  .map(([base, pairs, separator]) =>
    [base, ...pairs.map((pair) => pair.join("="))].filter(Boolean).join(separator),
  );
const query = fc.oneof(
  { weight: 4, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.tuple(name, value).map((pair) => pair.join("=")) },
);

describe("a priced request", () => {
  it(
    "G1: says the same to the most lenient reader: what it prices is the only amount and currency there is",
    () => {
      let priced = 0;
      fc.assert(
        fc.property(form, query, (text, beside) => {
          const request = requestOf("POST", "/v1/payment_intents", text, { query: beside });
          if (judge(request, undefined, RATES) !== "allow") return;
          priced++;
          const { price, customerId } = operationOf(request, RATES);
          if (price.kind !== "known") throw new TypeError(price.kind);
          const wire = beside === null ? text : `${text}&${beside}`;
          expect(readLeniently(wire, "amount")).toEqual([price.amount.toString()]);
          expect(readLeniently(wire, "currency").map((code) => code.toLowerCase())).toEqual([price.currency]);
          expect(readLeniently(wire, "customer")).toEqual(customerId === null ? [] : [customerId]);
        }),
        FUZZ,
      );
      expect(priced, "the property must reach what it claims").toBeGreaterThan(FUZZ.numRuns / 20);
    },
    FUZZ_TIMEOUT_MS,
  );
});

/** A payment intent as Stripe keeps it, in cents. */
interface Intent {
  readonly amount: number;
  readonly received: number;
  readonly capturable: number;
  readonly status: "requires_confirmation" | "requires_capture" | "succeeded" | "canceled";
}

function answerOf(intent: Intent): VendorAnswer {
  const { amount, received, capturable, status } = intent;
  const object = {
    id: "pi_1",
    object: "payment_intent",
    currency: "usd",
    amount,
    amount_received: received,
    amount_capturable: capturable,
    status,
  };
  return { status: 200, header: () => null, body: JSON.stringify(object) };
}

/** What Stripe makes of an intent that it lets a call act on; null when it would refuse the call. */
const ACTIONS: Readonly<
  Record<string, (intent: Intent, stated: number | null, isFinal: boolean) => Intent | null>
> = {
  "": (intent, stated) =>
    intent.status === "requires_confirmation" ? { ...intent, amount: stated ?? intent.amount } : null,
  "/confirm": (intent) =>
    intent.status === "requires_confirmation"
      ? { ...intent, status: "succeeded", received: intent.amount, capturable: 0 }
      : null,
  "/increment_authorization": (intent, stated) =>
    intent.status === "requires_capture" && stated !== null && stated > intent.amount
      ? { ...intent, amount: stated, capturable: stated - intent.received }
      : null,
  "/capture": (intent, stated, isFinal) => {
    const captured = stated ?? intent.capturable;
    if (intent.status !== "requires_capture" || captured > intent.capturable || captured === 0) return null;
    const received = intent.received + captured;
    return isFinal
      ? { ...intent, received, capturable: 0, status: "succeeded" }
      : { ...intent, received, capturable: intent.capturable - captured };
  },
  "/cancel": (intent) => (intent.received === 0 ? { ...intent, capturable: 0, status: "canceled" } : null),
};

const cents = fc.integer({ min: 1, max: 100_000 });
const intent: fc.Arbitrary<Intent> = fc
  .record({ amount: cents, part: fc.double({ min: 0, max: 1, noNaN: true }), isHeld: fc.boolean() })
  .map(({ amount, part, isHeld }) => {
    const received = isHeld ? Math.floor(part * (amount - 1)) : 0;
    return isHeld
      ? { amount, received, capturable: amount - received, status: "requires_capture" }
      : { amount, received, capturable: 0, status: "requires_confirmation" };
  });

/** The price as the pipeline finds it: from the request, or from the look-up of the object as it is now. */
function priceNow(operation: Operation, before: Intent): Price {
  if (operation.price.kind !== "lookup") return operation.price;
  const { lookup } = operation.price;
  return stripe.priceFromAnswers(operation, lookup, [answerOf(before)], RATES);
}

describe("the worst case that is held for a call on an intent that the ledger never saw", () => {
  const FIELDS: Readonly<Record<string, string>> = {
    "": "amount",
    "/increment_authorization": "amount",
    "/capture": "amount_to_capture",
  };

  it.each(Object.entries(ACTIONS))(
    "is never less than what its success settles: POST /v1/payment_intents/pi_1%s",
    (action, act) => {
      let settled = 0;
      fc.assert(
        fc.property(intent, fc.option(cents), fc.boolean(), (before, stated, isFinal) => {
          const field = FIELDS[action];
          const fields = [
            ...(field === undefined || stated === null ? [] : [`${field}=${stated}`]),
            ...(action === "/capture" && !isFinal ? ["final_capture=false"] : []),
          ];
          const after = act(before, field === undefined ? null : stated, isFinal);
          if (after === null) return;
          const read = stripe.readOperation(
            requestOf("POST", `/v1/payment_intents/pi_1${action}`, fields.join("&")),
            contextOf(RATES),
          );
          if (isDenial(read)) throw new TypeError(read.reason);
          const price = priceNow(read, before);
          if (price.kind === "unpriced") return;
          const outcome = stripe.readOutcome({ ...read, price }, answerOf(after), RATES);
          if (outcome.kind !== "settled") throw new TypeError(outcome.kind);
          settled++;
          const heldMicros = price.kind === "known" ? price.micros : 0n;
          const spentMicros = outcome.amount === null ? 0n : outcome.amount * 10_000n;
          const exposedMicros = (outcome.exposure?.amount ?? 0n) * 10_000n;
          expect(spentMicros).toBeLessThanOrEqual(heldMicros);
          expect(exposedMicros).toBeLessThanOrEqual(heldMicros);
        }),
        FUZZ,
      );
      expect(settled, "the property must reach what it claims").toBeGreaterThan(FUZZ.numRuns / 20);
    },
    FUZZ_TIMEOUT_MS,
  );
});
