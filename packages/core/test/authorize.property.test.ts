import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { authorize, type KeyFacts } from "../src/authorize.ts";
import { type Method, matchesEndpoint, parseEndpointPattern } from "../src/endpoint.ts";
import type { Operation } from "../src/operation.ts";
import { listStripeEndpoints } from "../src/vendors/stripe/catalogue.ts";
import { FUZZ, FUZZ_TIMEOUT_MS } from "./fuzz.ts";
import { NOW, operationOf, policyOf, RATES, requestOf } from "./stripe-requests.ts";

const ENTRIES = [
  "* /**",
  "GET /v1/**",
  "POST /v1/*",
  "POST /v1/payment_intents",
  "POST /v1/payment_intents/**",
  "POST /v1/refunds",
  "GET /v1/customers/*",
  "* /v1/customers/*",
  "DELETE /v1/customers/cus_1",
  "payment_intents.create",
  "refunds.create",
  "customers.retrieve",
  "transfers.create",
] as const;

interface Rules {
  readonly allowed: readonly string[];
  readonly perCall: string | null;
  readonly currencies: readonly string[] | null;
  readonly account: string | null;
}

const rules: fc.Arbitrary<Rules> = fc.record({
  allowed: fc.subarray([...ENTRIES]),
  perCall: fc.option(fc.constantFrom("0", "0.01", "1", "10", "9999")),
  currencies: fc.option(fc.subarray(["usd", "eur", "jpy"])),
  account: fc.option(fc.constantFrom("acct_a", "acct_b")),
});

function keyOf({ allowed, perCall, currencies, account }: Rules): KeyFacts {
  const policy = policyOf({
    allowed_endpoints: allowed,
    ...(perCall === null ? {} : { per_call_usd_cap: perCall }),
    ...(currencies === null ? {} : { currencies }),
    ...(account === null ? {} : { stripe: { account } }),
  });
  return { status: "active", expiresAt: new Date(NOW.getTime() + 60_000), policy };
}

const operation: fc.Arbitrary<Operation> = fc
  .tuple(
    fc.constantFrom<[Method, string, string]>(
      ["POST", "/v1/payment_intents", "amount=1000&currency=usd"],
      ["POST", "/v1/payment_intents", "amount=1&currency=eur"],
      ["POST", "/v1/payment_intents", "amount=5000&currency=jpy&on_behalf_of=acct_a"],
      ["POST", "/v1/payment_intents", "amount=5&currency=usd&transfer_data[destination]=acct_b"],
      ["POST", "/v1/payment_intents", "amount=5&currency=chf"],
      ["POST", "/v1/payment_intents/pi_1/confirm", ""],
      ["POST", "/v1/refunds", "charge=ch_1"],
      ["POST", "/v1/transfers", "amount=100&currency=usd&destination=acct_a"],
      ["GET", "/v1/customers/cus_1", ""],
      ["DELETE", "/v1/customers/cus_1", ""],
      ["POST", "/v1/ephemeral_keys", ""],
      ["POST", "/v1/topups", "amount=1&currency=usd"],
      ["GET", "/v1/nonsense", ""],
    ),
    fc.constantFrom(null, null, null, "acct_a", "acct_b"),
  )
  .map(([[method, path, form], account]) => operationOf(requestOf(method, path, form, { account }), RATES));

/** Every way to take something away from a policy, or from the key that carries it. */
const TIGHTEN: readonly ((rules: Rules, pick: number) => Rules)[] = [
  (from, pick) => ({
    ...from,
    allowed: from.allowed.filter((_, index) => index !== pick % from.allowed.length),
  }),
  (from) => ({ ...from, allowed: [] }),
  (from) => ({ ...from, perCall: from.perCall === null ? "5" : "0" }),
  (from, pick) =>
    from.currencies === null
      ? { ...from, currencies: ["usd"] }
      : { ...from, currencies: from.currencies.filter((_, index) => index !== pick % 3) },
  (from) => ({ ...from, account: null }),
];

const allows = (key: KeyFacts, asked: Operation, now = NOW) => authorize(key, asked, now).verdict === "allow";

describe("authorize", () => {
  it(
    "is monotone: taking an entry away or adding a limit never allows more",
    () => {
      let refusedByTightening = 0;
      fc.assert(
        fc.property(
          rules,
          fc.nat(),
          fc.constantFrom(...TIGHTEN),
          operation,
          (loose, pick, tighten, asked) => {
            const before = allows(keyOf(loose), asked);
            const after = allows(keyOf(tighten(loose, pick)), asked);
            if (before && !after) refusedByTightening++;
            expect(after && !before).toBe(false);
          },
        ),
        FUZZ,
      );
      expect(refusedByTightening, "some tightening must bite").toBeGreaterThan(FUZZ.numRuns / 100);
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "is monotone in the key: revoking, suspending or letting time pass never allows more",
    () => {
      const status = fc.constantFrom("revoked", "suspended", "active");
      fc.assert(
        fc.property(rules, operation, status, fc.nat({ max: 120_000 }), (from, asked, next, laterMs) => {
          const key = keyOf(from);
          const later = new Date(NOW.getTime() + laterMs);
          const after = allows({ ...key, status: next }, asked, later);
          expect(after && !allows(key, asked)).toBe(false);
          if (next !== "active" || laterMs >= 60_000) expect(after).toBe(false);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "denies by default: what it allows is listed, known to the catalogue, not forbidden, and within every limit",
    () => {
      fc.assert(
        fc.property(rules, operation, (from, asked) => {
          if (!allows(keyOf(from), asked)) return;
          const { endpoint, price, method, path } = asked;
          const isListed = from.allowed.some((entry) => {
            if (entry === endpoint?.operation) return true;
            const pattern = parseEndpointPattern(entry);
            return typeof pattern !== "string" && matchesEndpoint(pattern, method, path);
          });
          expect(isListed).toBe(true);
          expect(listStripeEndpoints()).toContain(endpoint);
          expect([null, from.account]).toContain(asked.account);
          expect(asked.demands.flatMap(({ anyOf }) => anyOf).filter((id) => id !== from.account)).toEqual([]);
          expect(["free", "lookup", "known"]).toContain(price.kind);
          if (price.kind !== "known") return;
          if (from.perCall !== null)
            expect(Number(price.micros) / 1e6).toBeLessThanOrEqual(Number(from.perCall));
          if (from.currencies !== null) expect(from.currencies).toContain(price.currency);
        }),
        FUZZ,
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});
