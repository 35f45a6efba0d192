import { writeSync } from "node:fs";
import { lockDataDir } from "../../src/ledger/data-dir-lock.ts";
import { replayIntents } from "../../src/ledger/intent-journal.ts";
import { openPglite } from "../../src/ledger/pglite.ts";
import { flush, reserveOp, seedLedger, settleOp, takeEpoch } from "./ledger-fixture.ts";

// Started by tests, to be killed: starts as the server does, then reserves and settles as fast as it can, and says
// which calls were acknowledged.
const [, , dataDir = "", journalBytesMax] = process.argv;
lockDataDir(dataDir);
const database = await openPglite(dataDir, { journalBytesMax: Number(journalBytesMax) });
const seed = await seedLedger(database);
const epoch = await takeEpoch(database);
const replayed = await replayIntents(database, dataDir, epoch);
writeSync(1, `opened ${JSON.stringify(replayed)}\n`);
for (let open: string[] = []; ; ) {
  const wanted = [reserveOp(seed), reserveOp(seed), reserveOp(seed)];
  await flush(database, epoch, [...open.slice(0, 2).map((id) => settleOp(seed, id)), ...wanted]);
  open = wanted.map((op) => op.id);
  writeSync(1, `acknowledged ${open.join(" ")}\n`);
}
