// Changes the master key, and stands still with one statement on its way: there the parent ends it.
import type { Database } from "../../src/ledger/database.ts";
import { openPostgres } from "../../src/ledger/postgres.ts";
import { createMasterKey } from "../../src/secrets/envelope.ts";
import { KeyRing } from "../../src/secrets/key-ring.ts";
import { MasterKeyRotation } from "../../src/secrets/master-key-rotation.ts";

const [, , url = "", installationId = "", current = "", previous = "", last = ""] = process.argv;
const keyOf = (text: string) => createMasterKey(Buffer.from(text, "base64"));
const postgres = openPostgres(url, { connectionsMax: 1 });
let statements = 0;
const database: Database = {
  ...postgres,
  query: async (text, values) => {
    statements++;
    if (statements < Number(last)) return postgres.query(text, values);
    postgres.query(text, values).catch(() => undefined);
    process.stdout.write("on its way\n");
    setInterval(() => undefined, 60_000);
    return new Promise(() => undefined);
  },
};
const rotation = new MasterKeyRotation(
  database,
  new KeyRing(keyOf(current), keyOf(previous)),
  installationId,
);
const refusal = await rotation.begin();
if (refusal !== null) throw new Error(refusal.detail);
await rotation.continue();
