import { describe, expect, it } from "vitest";
import type { KeyIdentity, ReserveRequest } from "../../ports.ts";
import {
  atOnce,
  callOf,
  cap,
  describeResult,
  endOf,
  expectDenied,
  freshId,
  type GetHarness,
  hold,
  makeKey,
  rowOf,
  tally,
} from "./scene.ts";

const WINDOW_SECONDS = 600;

/** Makes calls that do the same. */
function repeating(key: KeyIdentity, more: Partial<ReserveRequest> = {}): () => ReserveRequest {
  const duplicate = { fingerprint: freshId("same"), seconds: WINDOW_SECONDS };
  return () => callOf(key, 10n, { duplicate, ...more });
}

/** A call that a framework makes again after it has succeeded happens once. */
export function testDuplicates(get: GetHarness): void {
  describe("a duplicate window", () => {
    it("refuses the same call, names the first one and holds nothing for it", async () => {
      const harness = get();
      const key = await makeKey(harness, [cap("daily", "usd", 100n)]);
      const again = repeating(key);
      const first = await hold(harness, again());
      await harness.ledger.settle(endOf(first, "settled", { costMicros: 10n }));
      const second = again();
      const denial = expectDenied(await harness.ledger.reserve(second));
      expect(denial).toMatchObject({ code: "duplicate_call" });
      expect(denial.reason).toContain(first.callId);
      expect(await rowOf(harness, second)).toMatchObject({
        verdict: "deny",
        statusCode: 403,
        reservedMicros: 0n,
      });
    });

    it("lets one of fifty same calls at once through", async () => {
      const harness = get();
      const key = await makeKey(harness);
      const again = repeating(key);
      const results = await atOnce(50, () => harness.ledger.reserve(again()));
      expect(tally(results)).toEqual({ reserved: 1, duplicate_call: 49 });
    });

    it("is open again when the first call was never made or was refused", async () => {
      const harness = get();
      const key = await makeKey(harness, [cap("daily", "usd", 10n)]);
      const again = repeating(key);
      const first = await hold(harness, again());
      await harness.ledger.settle(endOf(first, "released", { statusCode: null }));
      const second = await hold(harness, again());
      expect(describeResult(await harness.ledger.reserve(callOf(key, 1n)))).toBe("daily_cap_exceeded");
      await harness.ledger.settle(endOf(second, "released", { statusCode: 402 }));
      await hold(harness, again());
    });

    it("holds no place for a call that a cap refused", async () => {
      const harness = get();
      const key = await makeKey(harness, [cap("daily", "usd", 10n)]);
      const other = await hold(harness, callOf(key, 5n));
      const again = repeating(key);
      expect(describeResult(await harness.ledger.reserve(again()))).toBe("daily_cap_exceeded");
      await harness.ledger.settle(endOf(other, "released", { statusCode: null }));
      await hold(harness, again());
    });

    it("takes the same idempotency key for a retry", async () => {
      const harness = get();
      const key = await makeKey(harness);
      const again = repeating(key, { idempotency: { upstreamKey: freshId("idem"), fingerprint: "body" } });
      const first = await hold(harness, again());
      await harness.ledger.settle(endOf(first, "settled", { costMicros: 10n }));
      const { reserved } = await hold(harness, again());
      expect(reserved.replayOf?.callId).toBe(first.callId);
    });

    it("ends", async () => {
      const harness = get();
      const key = await makeKey(harness);
      const duplicate = { fingerprint: freshId("same"), seconds: 0 };
      await hold(harness, callOf(key, 1n, { duplicate }));
      await hold(harness, callOf(key, 1n, { duplicate }));
    });
  });
}
