import { writeSync } from "node:fs";
import { sqlStateOf } from "../../src/ledger/database.ts";
import { openPglite } from "../../src/ledger/pglite.ts";

// Started by pglite.test.ts, which then forbids this process to write: goes on writing, and says how that ends.
const [, , dataDir = ""] = process.argv;
const database = await openPglite(dataDir);
await database.script("CREATE TABLE rows (a integer); INSERT INTO rows VALUES (0); CHECKPOINT;");
writeSync(1, "ready\n");
for (;;) {
  try {
    await database.query("UPDATE rows SET a = a + 1");
  } catch (error) {
    writeSync(
      1,
      `rejected ${sqlStateOf(error) === null ? "without a SQLSTATE" : `with ${sqlStateOf(error)}`}\n`,
    );
    break;
  }
}
await database.query("SELECT 1").then(
  () => writeSync(1, "answered after the limit\n"),
  () => writeSync(1, "refused after the limit\n"),
);
await database.died;
