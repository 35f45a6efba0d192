import { describe, expect, it } from "vitest";
import type { HoldRequest } from "../../ports.ts";
import { callOf, describeResult, endOf, expectReserved, type GetHarness, makeKey, rowOf } from "./scene.ts";

/** A read that no agent asked for. */
async function ownRead(get: GetHarness, secretId?: string): Promise<HoldRequest> {
  const key = await makeKey(get());
  return {
    ...callOf(key, 0n, { method: "GET", accounted: false, direction: null }),
    identity: {
      vaultKeyId: null,
      policyVersion: 0,
      secretId: secretId ?? key.secretId,
      agentId: "keybrake",
      crewRunId: null,
    },
  };
}

/** What Keybrake reads on its own account is audited and braked like everything else. */
export function testOwnReads(get: GetHarness): void {
  describe("a read of Keybrake's own", () => {
    it("has an audit row without a key, under its own name", async () => {
      const harness = get();
      const read = await ownRead(get);
      expectReserved(await harness.ledger.reserve(read));
      await harness.ledger.settle(
        endOf({ ...read, identity: { ...read.identity, vaultKeyId: "" } }, "settled"),
      );
      expect(await rowOf(harness, read)).toMatchObject({
        vaultKeyId: null,
        agentId: "keybrake",
        state: "settled",
      });
    });

    it("is refused while the kill switch is engaged", async () => {
      const harness = get();
      const read = await ownRead(get);
      await harness.setKillSwitch(true);
      try {
        expect(describeResult(await harness.ledger.reserve(read))).toBe("kill_switch_engaged");
      } finally {
        await harness.setKillSwitch(false);
      }
    });

    it("is refused when its secret is gone", async () => {
      const harness = get();
      const secretId = await harness.createSecret();
      await harness.deleteSecret(secretId);
      expect(describeResult(await harness.ledger.reserve(await ownRead(get, secretId)))).toBe(
        "vault_key_revoked",
      );
    });
  });
}
