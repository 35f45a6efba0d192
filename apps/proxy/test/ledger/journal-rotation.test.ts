import { copyFileSync, cpSync, existsSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { IntentJournal, replayIntents } from "../../src/ledger/intent-journal.ts";
import { LEDGER_APPLY_SQL } from "../../src/ledger/ledger-apply.ts";
import { openPglite } from "../../src/ledger/pglite.ts";
import { openEngine } from "../../src/ledger/pglite-engine.ts";
import type { Reply } from "../../src/ledger/pglite-messages.ts";
import { PgliteServer } from "../../src/ledger/pglite-server.ts";
import { openCrashable } from "./crashable.ts";
import { type Base, makeBase } from "./installation.ts";
import { expectConsistent, recordOf, reserveOp, type Seed, statesOf, takeEpoch } from "./ledger-fixture.ts";
import { makeTempDir } from "./temp-dir.ts";

const NEVER_ROTATE = Number.MAX_SAFE_INTEGER;

let base: Base;
let seed: Seed;
beforeAll(async () => {
  base = await makeBase();
  seed = base.seed;
});
afterAll(() => base[Symbol.dispose]());

describe("the rotation of a journal", () => {
  // The engine in this thread, so that the test can take the disk's picture at the moments that matter: right after a
  // checkpoint the files hold no more than the rotation promises to sync.
  it("can be cut anywhere: the last picture of the database and the journals have every acknowledged call", {
    timeout: 120_000,
  }, async () => {
    using temp = makeTempDir();
    const live = join(temp.path, "live");
    const picture = join(temp.path, "picture");
    cpSync(base.path, live, { recursive: true });
    const pgdata = join(live, "pgdata");
    const engine = await openEngine(pgdata, { waitsForDisk: false });
    const answers: Reply[] = [];
    const settings = {
      task: "serve",
      dataDir: live,
      pgdata,
      journalBytesMax: 6_000,
      waitsForDisk: false,
    } as const;
    const server = new PgliteServer(engine, new IntentJournal(live), settings, (reply) =>
      answers.push(reply),
    );
    await engine.exec(
      "INSERT INTO replicas (name, version, lease_until) VALUES ('t', '0', now() + interval '1 hour')",
    );
    const epoch =
      (await engine.query<[string]>("SELECT max(epoch) FROM replicas", [], { rowMode: "array" }))
        .rows[0]?.[0] ?? "";

    const acknowledged: string[] = [];
    const hasNext = () => existsSync(join(live, "intents.journal.next"));
    const reserveTwo = async () => {
      const ops = [reserveOp(seed), reserveOp(seed)].map((op, index) => ({ i: index + 1, ...op }));
      const id = answers.length;
      await server.serve({
        id,
        kind: "query",
        text: LEDGER_APPLY_SQL,
        values: [epoch, JSON.stringify(ops), null, "{}", "{}", "{}"],
      });
      expect(answers.at(-1)).toMatchObject({ kind: "answer", id });
      acknowledged.push(...ops.map((op) => op.id));
    };
    cpSync(pgdata, picture, { recursive: true });
    let isRotating = false;
    for (let finished = 0; finished < 2; ) {
      await reserveTwo();
      if (hasNext() && !isRotating) {
        isRotating = true;
        // No statement has run since the checkpoint. Until the rotation ends, the picture before this one is what counts.
        cpSync(pgdata, `${picture}.next`, { recursive: true });
        await reserveTwo();
        expect(hasNext()).toBe(true);
        await expectAllBack(live, picture, acknowledged);
      }
      await new Promise((resolve) => setImmediate(resolve));
      if (isRotating && !hasNext()) {
        isRotating = false;
        finished++;
        rmSync(picture, { recursive: true });
        renameSync(`${picture}.next`, picture);
        await expectAllBack(live, picture, acknowledged);
      }
    }
    await server.close();
  });

  it("waits until what was found at the start has been replayed", async () => {
    using temp = makeTempDir();
    cpSync(base.path, temp.path, { recursive: true });
    const journal = new IntentJournal(temp.path);
    journal.append({
      ...recordOf(10_000),
      calls: [{ ...reserveOp(seed), hold: "1", replay_of: null, note: "x".repeat(10_000) }],
    });
    journal.close();
    const size = () => statSync(join(temp.path, "intents.journal")).size;
    const before = size();

    const unreplayed = await openPglite(temp.path, { journalBytesMax: 1_000 });
    await unreplayed.query("SELECT 1");
    await unreplayed.close();
    expect(size()).toBe(before);

    const replayed = await openPglite(temp.path, { journalBytesMax: 1_000 });
    expect((await replayIntents(replayed, temp.path, await takeEpoch(replayed))).calls).toBe(1);
    await replayed.close();
    expect(size()).toBeLessThan(100);
  });

  it("gives no answer that it could not write down", async () => {
    using temp = makeTempDir();
    cpSync(base.path, temp.path, { recursive: true });
    const pgdata = join(temp.path, "pgdata");
    const engine = await openEngine(pgdata, { waitsForDisk: false });
    const journal = new IntentJournal(temp.path);
    const answers: Reply[] = [];
    const settings = {
      task: "serve",
      dataDir: temp.path,
      pgdata,
      journalBytesMax: NEVER_ROTATE,
      waitsForDisk: false,
    } as const;
    const server = new PgliteServer(engine, journal, settings, (reply) => answers.push(reply));
    await engine.exec(
      "INSERT INTO replicas (name, version, lease_until) VALUES ('t', '0', now() + interval '1 hour')",
    );
    journal.close();

    const batch = JSON.stringify([{ i: 1, ...reserveOp(seed) }]);
    const text = LEDGER_APPLY_SQL;
    const epoch =
      (await engine.query<[string]>("SELECT max(epoch) FROM replicas", [], { rowMode: "array" }))
        .rows[0]?.[0] ?? "";
    await expect(
      server.serve({ id: 1, kind: "query", text, values: [epoch, batch, null, "{}", "{}", "{}"] }),
    ).rejects.toMatchObject({
      code: "ERR_OUT_OF_RANGE",
    });
    await expect(
      server.serve({ id: 2, kind: "query", text: "SELECT set_kill_switch(true, 'x')", values: [] }),
    ).rejects.toMatchObject({ code: "ERR_OUT_OF_RANGE" });
    expect(answers).toEqual([]);
    await engine.close();
  });
});

/** Fails unless a database opened from this picture and the journals of `live` has all of these calls. */
async function expectAllBack(live: string, picture: string, acknowledged: readonly string[]): Promise<void> {
  using temp = makeTempDir();
  cpSync(picture, join(temp.path, "pgdata"), { recursive: true });
  for (const name of ["intents.journal", "intents.journal.next"]) {
    if (existsSync(join(live, name))) copyFileSync(join(live, name), join(temp.path, name));
  }
  const { database, crash } = await openCrashable(temp.path);
  try {
    await replayIntents(database, temp.path, await takeEpoch(database));
    const states = await statesOf(database);
    expect(acknowledged.filter((id) => !states.has(id))).toEqual([]);
    await expectConsistent(database);
  } finally {
    await crash();
  }
}
