import { renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { syncDirectory, syncTree } from "./durable-files.ts";
import { SyncedNodeFS } from "./synced-node-fs.ts";

const STDERR_LINES_KEPT = 10;
/** PostgreSQL's switch for "no fsync", which PGlite sets. */
const NO_FSYNC = "-F";
const SETTINGS = ["-c", "shared_buffers=32MB"];

/**
 * Makes a database where there is none. It costs a hundred megabytes that a thread gives back only at its end, so do
 * it in a thread of its own.
 */
export async function makeDatabase(directory: string): Promise<void> {
  // Under another name first: a process killed meanwhile must not leave half a database under the real one.
  const draft = `${directory}.new`;
  rmSync(draft, { recursive: true, force: true });
  const engine = await openEngine(draft, { waitsForDisk: false });
  await engine.close();
  await syncTree(draft, new Map());
  renameSync(draft, directory);
  syncDirectory(dirname(directory));
}

/**
 * Opens PGlite on a database. Rejects with what the engine last said when the files cannot be used. With `waitsForDisk`
 * a commit is on the disk when it is answered; without, it is in the hands of the operating system.
 */
export async function openEngine(
  directory: string,
  { waitsForDisk }: { readonly waitsForDisk: boolean },
): Promise<PGlite> {
  const defaults = PGlite.defaultStartParams.filter((parameter) => !waitsForDisk || parameter !== NO_FSYNC);
  const startParams = [...defaults, ...SETTINGS, "-c", "wal_sync_method=fsync"];
  const said: string[] = [];
  const listen = (line: string) => {
    said.push(line);
    if (said.length > STDERR_LINES_KEPT) said.shift();
    return false;
  };
  try {
    const engine = await PGlite.create({ fs: new SyncedNodeFS(directory), startParams, onStderr: listen });
    const keep = (text: string) => text;
    for (const type of Object.keys(engine.parsers)) engine.parsers[type] = keep;
    for (const type of Object.keys(engine.serializers)) engine.serializers[type] = keep;
    return engine;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const lines = [`the database files in \`${directory}\` cannot be used: ${reason}`, ...said];
    throw new Error(lines.join("\n"), { cause: error });
  }
}
