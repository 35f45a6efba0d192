import { describeKeyStore, type KeyStoreHarness } from "@keybrake/core/testing";
import { SqlKeyStore } from "../../src/ledger/key-store.ts";
import { DATABASE_URL, skipSuite } from "../support/databases.ts";
import { createSecret } from "./sql-ledger-harness.ts";
import { openPgliteStore, openPostgresStore, type SqlStore } from "./sql-store.ts";

async function openHarness(openStore: () => Promise<SqlStore>): Promise<KeyStoreHarness> {
  const store = await openStore();
  const { control, lockTable } = store;
  let passedMs = 0;
  return {
    keys: new SqlKeyStore(store.generalDatabase, () => performance.now() + passedMs),
    createKey: async ({ keyHash, redacted, name, agentId, crewRunId, policy, expiresAt }) => {
      const secretId = await createSecret(control);
      const [row] = await control.query(
        `SELECT k.id, s.name AS secret_name
         FROM create_vault_key($1, $2, $3, $4, $5, $6, 'stripe', $7::jsonb, '[]', NULL, $8) k JOIN secrets s ON s.id = k.secret_id`,
        [
          Buffer.from(keyHash),
          redacted,
          name,
          agentId,
          crewRunId,
          secretId,
          JSON.stringify(policy),
          expiresAt,
        ],
      );
      return { id: row?.["id"] as string, secretId, secretName: row?.["secret_name"] as string };
    },
    updateKey: async (vaultKeyId, policy) => {
      await control.query("SELECT update_vault_key($1, $2::jsonb, '[]', NULL, NULL)", [
        vaultKeyId,
        JSON.stringify(policy),
      ]);
    },
    revoke: async (vaultKeyId) => {
      await control.query("SELECT revoke_vault_keys('vault_key', $1, 'contract')", [vaultKeyId]);
    },
    now: async () => {
      const [row] = await control.query("SELECT clock_timestamp() AS now");
      return row?.["now"] as Date;
    },
    passTime: (ms) => {
      passedMs += ms;
    },
    stall: lockTable === null ? null : () => lockTable("vault_keys"),
    close: () => store.close(),
  };
}

describeKeyStore("PGlite", () => openHarness(openPgliteStore), { canStall: false });

if (DATABASE_URL === undefined) skipSuite("key store on PostgreSQL", "KEYBRAKE_TEST_DATABASE_URL");
else describeKeyStore("PostgreSQL", () => openHarness(openPostgresStore), { canStall: true });
