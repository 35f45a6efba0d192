import { randomBytes } from "node:crypto";
import { describeSecretStore, type SecretStoreHarness } from "@keybrake/core/testing";
import { createKeyRing } from "../../src/secrets/key-ring.ts";
import { type EnvelopeSecretStore, openSecretStore } from "../../src/secrets/secret-store.ts";
import { DATABASE_URL, skipSuite } from "../support/databases.ts";
import { openPgliteStore, openPostgresStore, type SqlStore } from "./sql-store.ts";

async function openHarness(openStore: () => Promise<SqlStore>): Promise<SecretStoreHarness> {
  const store = await openStore();
  const { control, lockTable } = store;
  const [row] = await control.query("SELECT id FROM installation");
  const installationId = row?.["id"] as string;
  const keyRing = createKeyRing(randomBytes(32));
  const stores: EnvelopeSecretStore[] = [];
  const openReplica = () => {
    const opened = openSecretStore(store.generalDatabase, keyRing, installationId);
    stores.push(opened);
    return opened;
  };
  const secrets = openReplica();
  const elsewhere = openReplica();
  const nameOf = async (secretId: string) => {
    const [found] = await control.query("SELECT name FROM secrets WHERE id = $1", [secretId]);
    return found?.["name"] as string;
  };
  return {
    secrets,
    create: async (value, accountId) => {
      const name = `s${randomBytes(8).toString("hex")}`;
      const created = await secrets.create({ name, vendor: "stripe", value, accountId, mode: "live" });
      if (created === null) throw new Error("the name is taken");
      return created.id;
    },
    rotateElsewhere: async (secretId, value) => {
      const rotated = await elsewhere.rotate(await nameOf(secretId), value);
      if (rotated === null) throw new Error("there is no such secret");
      return rotated.version;
    },
    erase: async (secretId) => {
      await secrets.delete(await nameOf(secretId));
    },
    swapStored: async (oneId, otherId) => {
      await control.query(
        `UPDATE secrets s SET envelope = o.envelope FROM secrets o
         WHERE s.id IN ($1, $2) AND o.id IN ($1, $2) AND o.id <> s.id`,
        [oneId, otherId],
      );
    },
    openFresh: openReplica,
    stall: lockTable === null ? null : () => lockTable("secrets"),
    close: async () => {
      for (const opened of stores) opened.close();
      await store.close();
    },
  };
}

describeSecretStore("PGlite", () => openHarness(openPgliteStore), { canStall: false });

if (DATABASE_URL === undefined) skipSuite("secret store on PostgreSQL", "KEYBRAKE_TEST_DATABASE_URL");
else describeSecretStore("PostgreSQL", () => openHarness(openPostgresStore), { canStall: true });
