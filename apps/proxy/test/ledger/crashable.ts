import type { Worker } from "node:worker_threads";
import { openPglite, type PgliteDatabase, type PgliteOptions } from "../../src/ledger/pglite.ts";

/** An embedded database that a test can end as a crash would: its thread stops wherever it is. */
export interface Crashable {
  readonly database: PgliteDatabase;
  crash(): Promise<void>;
}

/** Opens one. Nothing else may start a worker meanwhile. */
export async function openCrashable(dataDir: string, options?: PgliteOptions): Promise<Crashable> {
  let worker: Worker | undefined;
  const note = (started: Worker) => {
    worker = started;
  };
  process.on("worker", note);
  try {
    const database = await openPglite(dataDir, options);
    return {
      database,
      crash: async () => {
        await worker?.terminate();
      },
    };
  } finally {
    process.off("worker", note);
  }
}
