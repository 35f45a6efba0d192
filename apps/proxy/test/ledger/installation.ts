import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openPglite, type PgliteDatabase } from "../../src/ledger/pglite.ts";
import { type Crashable, openCrashable } from "./crashable.ts";
import { makeKey, type Seed, seedLedger, takeEpoch } from "./ledger-fixture.ts";
import { makeTempDir } from "./temp-dir.ts";

/** A data directory with three keys and no calls, to be copied. */
export interface Base extends Disposable {
  readonly path: string;
  readonly seed: Seed;
  readonly otherKey: string;
  readonly thirdKey: string;
}

/** Makes one, once a test file: a new database takes seconds, a copy none. */
export async function makeBase(): Promise<Base> {
  const temp = makeTempDir();
  const database = await openPglite(temp.path);
  const seed = await seedLedger(database);
  const otherKey = await makeKey(database, seed.secretId, "cd");
  const thirdKey = await makeKey(database, seed.secretId, "ef");
  await database.close();
  return { path: temp.path, seed, otherKey, thirdKey, [Symbol.dispose]: () => temp[Symbol.dispose]() };
}

/** A data directory that is opened, crashes and loses power. Its journal is never begun anew. */
export class Installation implements AsyncDisposable {
  readonly #temp = makeTempDir();
  readonly #base: Base;
  readonly dataDir = join(this.#temp.path, "data");
  #open: Crashable | null = null;

  constructor(base: Base) {
    this.#base = base;
    cpSync(base.path, this.dataDir, { recursive: true });
  }

  /** Opens it as the server does, but for the replay. */
  async start(): Promise<{ database: PgliteDatabase; epoch: bigint }> {
    this.#open = await openCrashable(this.dataDir, { journalBytesMax: Number.MAX_SAFE_INTEGER });
    return { database: this.#open.database, epoch: await takeEpoch(this.#open.database) };
  }

  async crash(): Promise<void> {
    await this.#open?.crash();
    this.#open = null;
  }

  /** A crash after which all that is left of the database is how it was at the beginning; the journal is whole. */
  async cutPower(): Promise<void> {
    await this.crash();
    const pgdata = join(this.dataDir, "pgdata");
    rmSync(pgdata, { recursive: true });
    cpSync(join(this.#base.path, "pgdata"), pgdata, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.crash();
    this.#temp[Symbol.dispose]();
  }
}
