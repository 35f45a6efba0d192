import { closeSync, type Dirent, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import { open, readdir, rename } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Path to what a file looked like when it was last synced; kept by the caller from one `syncTree` to the next. */
export type SyncedFiles = Map<string, string>;

/** A file written less than this ago may be written again without a later time stamp, so it is synced again. */
const SETTLED_AFTER_MS = 1_000;
const SYNCS_AT_ONCE = 4;

/**
 * Brings every file below a directory, and the directories themselves, to stable storage. Files that look as they did
 * in `synced` are passed over. Files may come and go meanwhile; one that is written during the walk is synced as it
 * was at some moment of it. Rejects when the disk does.
 */
export async function syncTree(root: string, synced: SyncedFiles): Promise<void> {
  const directories = [root];
  const files: string[] = [];
  for (let directory = directories[0], next = 1; directory !== undefined; directory = directories[next++]) {
    for (const entry of await listDirectory(directory)) {
      if (entry.isDirectory()) directories.push(join(directory, entry.name));
      else if (entry.isFile()) files.push(join(directory, entry.name));
    }
  }
  const present = new Set(files);
  for (const path of synced.keys()) if (!present.has(path)) synced.delete(path);
  await forEachOf(files, (path) => syncFile(path, synced));
  // Directories last: a name is of no use before what it names.
  await forEachOf(directories, (path) => syncFile(path, new Map()));
}

/** Brings a directory's list of names to stable storage, after a file in it was made or renamed. */
export function syncDirectory(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Adds text at the end of a file, which is made when it is missing, and waits for the disk. */
export function appendDurably(path: string, text: string): void {
  writeAndSync(path, text, "a");
  syncDirectory(dirname(path));
}

/** Puts a file in the place of another in one step: after a crash there is the old one or the new one. */
export function replaceDurably(path: string, text: string): void {
  writeAndSync(`${path}.next`, text, "w");
  renameSync(`${path}.next`, path);
  syncDirectory(dirname(path));
}

/** The same without keeping anybody waiting; one call at a time for one path. */
export async function replaceDurablyLater(path: string, text: string): Promise<void> {
  const file = await open(`${path}.next`, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.next`, path);
  const directory = await open(dirname(path), "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function writeAndSync(path: string, text: string, flag: "a" | "w"): void {
  const descriptor = openSync(path, flag, 0o600);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

async function listDirectory(path: string): Promise<Dirent[]> {
  return (await unlessGone(readdir(path, { withFileTypes: true }))) ?? [];
}

async function syncFile(path: string, synced: SyncedFiles): Promise<void> {
  const file = await unlessGone(open(path, "r"));
  if (file === null) return;
  try {
    // Looked at before the sync, so that a write in between shows as a change the next time.
    const { ino, size, mtimeMs, ctimeMs } = await file.stat();
    const look = `${ino} ${size} ${mtimeMs} ${ctimeMs}`;
    const isSettled = Math.abs(Date.now() - ctimeMs) > SETTLED_AFTER_MS;
    if (isSettled && synced.get(path) === look) return;
    await file.sync();
    if (isSettled) synced.set(path, look);
    else synced.delete(path);
  } finally {
    await file.close();
  }
}

async function forEachOf(paths: readonly string[], work: (path: string) => Promise<void>): Promise<void> {
  let next = 0;
  const runners = Array.from({ length: SYNCS_AT_ONCE }, async () => {
    for (let path = paths[next++]; path !== undefined; path = paths[next++]) await work(path);
  });
  await Promise.all(runners);
}

async function unlessGone<Result>(result: Promise<Result>): Promise<Result | null> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
