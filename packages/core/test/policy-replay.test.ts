import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { authorize } from "../src/authorize.ts";
import { BUDGET_DENIALS, type BudgetWindow, windowStart } from "../src/budget.ts";
import type { Method } from "../src/endpoint.ts";
import type { Policy } from "../src/policy.ts";
import { PolicyReplay, type RecordedCall, type ReplayOptions } from "../src/policy-replay.ts";
import { FUZZ_TENTH, FUZZ_TIMEOUT_MS } from "./fuzz.ts";
import { NOW, operationOf, policyOf, RATES, requestOf } from "./stripe-requests.ts";

const REQUESTS: readonly (readonly [Method, string, string])[] = [
  ["POST", "/v1/payment_intents", "amount=1000&currency=usd"],
  ["POST", "/v1/payment_intents", "amount=2550&currency=eur"],
  ["POST", "/v1/payment_intents", "amount=999999&currency=usd"],
  ["POST", "/v1/payouts", "amount=400&currency=usd"],
  ["POST", "/v1/products", "name=Tea"],
  ["GET", "/v1/customers/cus_1", ""],
  ["POST", "/v1/issuing/cards", "currency=usd&type=virtual"],
];
const UNPRICED = 6;

/** One request, when it comes, and what becomes of it when it is allowed. */
interface Step {
  readonly afterMs: number;
  readonly request: number;
  readonly isReplay: boolean;
  readonly end: "settled" | "released" | "not_sent" | "unknown";
  readonly endsAfterMs: number;
  readonly costPercent: number;
  /** Whether what ends in the millisecond of this request ends before it. */
  readonly isAfterEndings: boolean;
}

/**
 * The ledger in miniature, apart from the replay: it judges requests one after the other, holds, settles, and writes
 * down what the audit log would say.
 */
function record(policy: Policy, steps: readonly Step[]): RecordedCall[] {
  const used = new Map<string, bigint>();
  const endings: { readonly atMs: number; readonly run: () => void }[] = [];
  const rows: RecordedCall[] = [];
  let nowMs = NOW.getTime();
  for (const [index, step] of steps.entries()) {
    nowMs += step.afterMs;
    const now = new Date(nowMs);
    endings.sort((a, b) => a.atMs - b.atMs);
    while (endings[0] !== undefined && endings[0].atMs < nowMs + Number(step.isAfterEndings))
      endings.shift()?.run();
    const [method, path, form] = REQUESTS[step.request] ?? REQUESTS[0] ?? ["GET", "/", ""];
    const operation = operationOf(requestOf(method, path, form), RATES);
    const { price, endpoint } = operation;
    const decision = authorize({ status: "active", expiresAt: null, policy }, operation, now);
    const isReplay = step.isReplay && endpoint?.accounted === true;
    const price0 =
      price.kind === "known"
        ? price.micros
        : price.kind === "unpriced"
          ? (policy.perCallLimitMicros ?? 0n)
          : 0n;
    const hold = isReplay ? 0n : price0;
    const counted = endpoint?.accounted === true && !isReplay ? 1n : 0n;
    let code: string | null = decision.verdict === "deny" ? decision.denial.code : null;
    const nameOf = (window: BudgetWindow, unit: string) =>
      `${unit} ${window} ${windowStart(window, now).toISOString()}`;
    const order = ["total", "monthly", "daily"];
    const budgets = policy.budgets.toSorted((a, b) => order.indexOf(a.window) - order.indexOf(b.window));
    for (const { window, unit, limit } of budgets) {
      const need = unit === "usd" ? hold : counted;
      if (code === null && need > 0n && (used.get(nameOf(window, unit)) ?? 0n) + need > limit)
        code = (BUDGET_DENIALS[unit] as Record<string, string>)[window] ?? null;
    }
    const isAllowed = code === null;
    const cost = step.end === "settled" ? (hold * BigInt(step.costPercent)) / 100n : 0n;
    const add = (unit: string, by: bigint) => {
      for (const { window, unit: of } of policy.budgets)
        if (of === unit) used.set(nameOf(window, unit), (used.get(nameOf(window, unit)) ?? 0n) + by);
    };
    if (isAllowed) {
      add("usd", hold);
      add("calls", counted);
      const run = () => {
        add("usd", cost - hold);
        if (step.end === "not_sent") add("calls", -counted);
      };
      if (step.end !== "unknown") endings.push({ atMs: nowMs + step.endsAfterMs, run });
    }
    const state = step.end === "not_sent" ? "released" : step.end;
    rows.push({
      // In another order than they came in, as it is within one flush.
      id: `${(index * 7919) % 1009}-${index}`,
      requestedAt: now,
      completedAt: new Date(nowMs + (isAllowed ? step.endsAfterMs : 0)),
      state: isAllowed ? state : "denied",
      denialCode: code,
      denialReason: null,
      isDeniedElsewhere: false,
      vaultKeyId: "key",
      agentId: "agent",
      method,
      path,
      endpoint: endpoint === null ? null : `${endpoint.method} ${endpoint.template.text}`,
      mode: "live",
      amount: price.kind === "known" ? price.amount : null,
      currency: price.kind === "known" ? price.currency : null,
      customerId: null,
      heldMicros: isAllowed ? hold : 0n,
      costMicros: isAllowed ? cost : 0n,
      credits: [],
      statusCode: isAllowed && step.end === "not_sent" ? null : 200,
      isReplay: isAllowed && isReplay,
    });
  }
  return rows;
}

function replay(policy: Policy, calls: readonly RecordedCall[], more: Partial<ReplayOptions> = {}) {
  const options = {
    pricing: RATES,
    from: calls[0]?.requestedAt ?? NOW,
    opening: [],
    samplesMax: 100,
    ...more,
  };
  const run = new PolicyReplay(policy, options);
  const order = (call: RecordedCall) => `${call.requestedAt.toISOString()} ${call.id}`;
  for (const call of calls.toSorted((a, b) => (order(a) < order(b) ? -1 : 1))) run.add(call);
  return run.finish();
}

const usdCap = fc.option(fc.constantFrom("0", "10", "25.50", "60", "12000"), { nil: undefined });
const callCap = fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined });
const policies = fc
  .record({
    allowed_endpoints: fc.subarray(["* /**", "POST /v1/payment_intents", "payouts.create", "GET /v1/**"], {
      minLength: 1,
    }),
    per_call_usd_cap: usdCap,
    daily_usd_cap: usdCap,
    monthly_usd_cap: usdCap,
    total_usd_cap: usdCap,
    daily_call_cap: callCap,
    total_call_cap: callCap,
    currencies: fc.option(fc.subarray(["usd", "eur"]), { nil: undefined }),
    on_unpriced: fc.constantFrom("deny", "allow"),
  })
  .map((document) => policyOf(document));
const HOUR_MS = 3_600_000;
const stepsOf = (afterMs: fc.Arbitrary<number>, requests: number) =>
  fc.array(
    fc.record<Step>({
      afterMs,
      request: fc.nat(requests - 1),
      isReplay: fc.boolean(),
      end: fc.constantFrom("settled", "settled", "released", "not_sent", "unknown"),
      endsAfterMs: fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 30 * HOUR_MS })),
      costPercent: fc.constantFrom(0, 40, 100, 100, 130),
      isAfterEndings: fc.boolean(),
    }),
    { maxLength: 25 },
  );

describe("replaying a policy over recorded calls", () => {
  it(
    "changes nothing under the policy that they were recorded under",
    () => {
      const times = fc.oneof(
        fc.constant(0),
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 20 * HOUR_MS }),
      );
      fc.assert(
        fc.property(policies, stepsOf(times, REQUESTS.length), (policy, steps) => {
          const calls = record(policy, steps);
          const result = replay(policy, calls);
          expect(result.samples).toEqual([]);
          expect(result).toMatchObject({ calls: calls.length, wouldDeny: 0, wouldAllow: 0, undecidable: 0 });
        }),
        FUZZ_TENTH,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "changes nothing where many calls are decided in one moment",
    () => {
      const crowd = fc
        .array(
          fc.record<Step>({
            afterMs: fc.constantFrom(0, 0, 1),
            request: fc.constantFrom(0, 1),
            isReplay: fc.constant(false),
            end: fc.constantFrom("settled", "released", "not_sent"),
            endsAfterMs: fc.integer({ min: 1, max: 2 }),
            costPercent: fc.constantFrom(0, 50, 100, 130),
            isAfterEndings: fc.boolean(),
          }),
          { minLength: 3, maxLength: 12 },
        )
        .map((steps) => ({ steps, policy: policyOf({ allowed_endpoints: ["* /**"], daily_usd_cap: "40" }) }));
      fc.assert(
        fc.property(crowd, ({ steps, policy }) => {
          expect(replay(policy, record(policy, steps)).samples).toEqual([]);
        }),
        FUZZ_TENTH,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    "refuses what the engine would have refused, and lets through what it would have let through",
    () => {
      // Times of their own: within one millisecond the log does not tell an order.
      const apart = fc.integer({ min: 7, max: 20 * HOUR_MS }).map((ms) => ms - (ms % 7) || 7);
      const steps = stepsOf(apart, UNPRICED).map((list) =>
        list.map((step) => ({
          ...step,
          endsAfterMs: step.endsAfterMs - (step.endsAfterMs % 7) + 1,
          isReplay: false,
        })),
      );
      const free = policyOf({ allowed_endpoints: ["* /**"], on_unpriced: "allow" });
      fc.assert(
        fc.property(policies, steps, (policy, list) => {
          const wanted = record(policy, list);
          const refused = wanted.filter(({ denialCode }) => denialCode !== null);
          const narrowed = replay(policy, record(free, list));
          expect(narrowed).toMatchObject({ wouldAllow: 0, undecidable: 0, wouldDeny: refused.length });
          const differing = narrowed.samples.map(({ call, wouldBe }) => [call.id, wouldBe]);
          expect(differing).toEqual(refused.map(({ id, denialCode }) => [id, denialCode]).reverse());
          const widened = replay(free, wanted);
          expect(widened).toMatchObject({ wouldDeny: 0, undecidable: 0, wouldAllow: refused.length });
        }),
        FUZZ_TENTH,
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe("a replayed policy", () => {
  const CHARGE = {
    request: 0,
    isReplay: false,
    endsAfterMs: 1,
    costPercent: 100,
    isAfterEndings: false,
  } as const;
  const anything = policyOf({ allowed_endpoints: ["* /**"] });
  /** Charges of ten dollars, a second apart. */
  const charges = (count: number, more: Partial<RecordedCall> = {}) =>
    record(
      anything,
      Array.from({ length: count }, () => ({ ...CHARGE, afterMs: 1_000, end: "settled" })),
    ).map((call) => ({ ...call, ...more }));

  it("counts live and test calls apart", () => {
    const policy = policyOf({ allowed_endpoints: ["* /**"], daily_usd_cap: 20 });
    const calls = charges(4).map((call, index) => ({ ...call, mode: index < 2 ? "live" : "test" }) as const);
    expect(replay(policy, calls)).toMatchObject({ wouldDeny: 0, unchanged: 4 });
    expect(replay(policy, charges(4))).toMatchObject({
      wouldDeny: 2,
      byReason: [{ code: "daily_cap_exceeded", calls: 2 }],
    });
  });

  it("begins with what its windows had used before", () => {
    const policy = policyOf({ allowed_endpoints: ["* /**"], total_usd_cap: 100, daily_call_cap: 5 });
    const opening = [
      { window: "total", unit: "usd", mode: "live", used: 90_000_000n },
      { window: "daily", unit: "calls", mode: "live", used: 3n },
    ] as const;
    const { byReason } = replay(policy, charges(4), { opening });
    expect(byReason).toEqual([{ code: "total_cap_exceeded", calls: 3 }]);
    expect(replay(policy, charges(4), { opening: opening.slice(1) }).byReason).toEqual([
      { code: "daily_call_cap_exceeded", calls: 2 },
    ]);
  });

  it("gives back in the window where it was counted", () => {
    const policy = policyOf({ allowed_endpoints: ["* /**"], daily_usd_cap: 20 });
    const [first, second, third] = charges(3);
    if (first === undefined || second === undefined || third === undefined) expect.fail("no calls");
    const refund = (day: Date) => ({
      ...second,
      heldMicros: 0n,
      costMicros: 0n,
      credits: [{ day, micros: 10_000_000n }],
    });
    const fill = charges(2).map((call) => ({
      ...call,
      requestedAt: third.requestedAt,
      completedAt: third.completedAt,
    }));
    expect(replay(policy, [first, refund(NOW), ...fill])).toMatchObject({ wouldDeny: 0 });
    const yesterday = new Date(NOW.getTime() - 86_400_000);
    expect(replay(policy, [first, refund(yesterday), ...fill])).toMatchObject({ wouldDeny: 1 });
  });

  it("lets so many requests a minute through", () => {
    const policy = policyOf({ allowed_endpoints: ["* /**"], requests_per_minute: 2 });
    const calls = charges(3).concat(
      charges(2).map((call) => ({ ...call, requestedAt: new Date(call.requestedAt.getTime() + 60_000) })),
    );
    expect(replay(policy, calls)).toMatchObject({
      wouldDeny: 1,
      byReason: [{ code: "rate_limited", calls: 1 }],
    });
  });

  it("judges customers by the row, and only when it names one", () => {
    const policy = policyOf({ allowed_endpoints: ["* /**"], customers: ["cus_1"] });
    const [call] = charges(1);
    if (call === undefined) expect.fail("no call");
    expect(replay(policy, [{ ...call, customerId: "cus_1" }])).toMatchObject({ unchanged: 1 });
    expect(replay(policy, [{ ...call, customerId: "cus_2" }]).byReason).toEqual([
      { code: "customer_not_allowed", calls: 1 },
    ]);
    const unknown = replay(policy, [call]);
    expect(unknown).toMatchObject({ undecidable: 1 });
    expect(unknown.notes).toContainEqual(expect.stringContaining("`customers`"));
  });

  it.each(["destination_not_allowed", "account_not_allowed"])(
    "cannot decide %s, which a body caused",
    (denialCode) => {
      const calls = charges(1, { state: "denied", denialCode });
      expect(replay(anything, calls)).toMatchObject({ undecidable: 1, wouldAllow: 0 });
    },
  );

  it.each(["kill_switch_engaged", "vault_key_revoked", "request_malformed", "endpoint_forbidden"])(
    "leaves %s as it is, which no policy decides",
    (denialCode) => {
      const calls = charges(1, { state: "denied", denialCode });
      expect(replay(anything, calls)).toMatchObject({ unchanged: 1, wouldAllow: 0 });
    },
  );

  it("leaves a call refused that another budget refused", () => {
    const denied = { state: "denied", denialCode: "daily_cap_exceeded" } as const;
    expect(replay(anything, charges(1, denied))).toMatchObject({ wouldAllow: 1 });
    const elsewhere = replay(anything, charges(1, { ...denied, isDeniedElsewhere: true }));
    expect(elsewhere).toMatchObject({ unchanged: 1, wouldAllow: 0 });
    expect(elsewhere.notes).toContainEqual(expect.stringContaining("stay refused"));
  });

  it("cannot decide a refused call whose price is not recorded", () => {
    const unpriced = {
      state: "denied",
      denialCode: "endpoint_not_allowed",
      amount: null,
      currency: null,
    } as const;
    expect(replay(anything, charges(1, unpriced))).toMatchObject({ undecidable: 1 });
    expect(replay(anything, charges(1, { ...unpriced, amount: 5n, currency: "chf" }))).toMatchObject({
      undecidable: 1,
    });
    const amount = { ...unpriced, amount: 500n, currency: "eur" };
    expect(replay(anything, charges(1, amount)).samples).toMatchObject([
      { micros: 5_500_000n, wouldBe: null },
    ]);
  });

  it("keeps the latest differing calls, newest first", () => {
    const nothing = policyOf({ allowed_endpoints: [] });
    const calls = charges(5);
    const { samples, wouldDeny } = replay(nothing, calls, { samplesMax: 2 });
    expect(wouldDeny).toBe(5);
    expect(samples.map(({ call }) => call.id)).toEqual([calls[4]?.id, calls[3]?.id]);
  });

  it("says what it leaves out", () => {
    const policy = policyOf({
      ...{ allowed_endpoints: ["* /**"], duplicate_window: "10m", expires_in: "1h", requests_per_minute: 9 },
      stripe: { destinations: ["acct_1"] },
    });
    const { notes } = replay(policy, charges(1));
    for (const word of ["vendor's own part", "`duplicate_window`", "expiry", "`requests_per_minute`"])
      expect(notes).toContainEqual(expect.stringContaining(word));
    expect(replay(anything, charges(1)).notes).toEqual([]);
  });

  it("refuses calls that come in another order than they were made", () => {
    const run = new PolicyReplay(anything, { pricing: RATES, from: NOW, opening: [], samplesMax: 1 });
    const [first, second] = charges(2);
    if (first === undefined || second === undefined) expect.fail("no calls");
    run.add(second);
    expect(() => run.add(first)).toThrow(RangeError);
  });
});
