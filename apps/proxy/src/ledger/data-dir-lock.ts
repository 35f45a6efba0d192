import { randomUUID } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

/** A held data directory. `release` may be called more than once. */
export interface DataDirLock {
  release(): void;
}

/** Who holds a lock: enough to tell a living process from a dead one whose pid was given out again. */
interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly startedAt: string | null;
  readonly bootId: string | null;
  readonly pidNamespace: string | null;
  readonly host: string;
}

const LOCK_NAME = "keybrake.lock";
/** Each try that fails means that another starter got further, so a handful is plenty. */
const TRIES_MAX = 20;

/**
 * Takes the data directory for this process, or throws an error that names the process that has it. The directory is
 * made (0700) when it is not there. The lock of a process that died is taken over, by one of any number of starters.
 *
 * Only processes that see each other's pids can judge each other; a lock from another machine is never taken over.
 */
export function lockDataDir(dataDir: string): DataDirLock {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const self: Holder = { token: randomUUID(), ...describeProcess(process.pid), host: hostname() };
  const path = join(dataDir, LOCK_NAME);
  // Written under a name of its own and then linked, so that a lock is never seen half-written.
  const draft = `${path}.${self.token}`;
  writeFileSync(draft, JSON.stringify(self), { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
      if (linkOnce(draft, path) || takeOver(path, draft, dataDir)) {
        return { release: () => release(path, self.token) };
      }
    }
  } finally {
    rmSync(draft, { force: true });
  }
  throw new Error(`the data directory \`${dataDir}\` is being taken by other processes: start one only`);
}

/**
 * Replaces a dead holder's lock; false = look again. The right to replace the holder with token T is the file
 * `keybrake.lock.T.claim`, which only one starter can make. A claim counts only if the lock still names T after the
 * claim was made, and is removed only when the lock no longer does; tokens are never used twice. So a slow starter can
 * never remove the lock of a faster one.
 */
function takeOver(path: string, draft: string, dataDir: string): boolean {
  const stale: string[] = [];
  let holder = readHolder(path);
  for (;;) {
    if (holder === null) return false;
    refuseIfAlive(holder, dataDir, path);
    const claim = `${path}.${holder.token}.claim`;
    stale.push(claim);
    if (linkOnce(draft, claim)) break;
    // Somebody else has claimed it: alive, and this start is refused; dead as well, and its claim can be claimed.
    holder = readHolder(claim);
  }
  const first = readHolder(path);
  const isStillDue = first !== null && `${path}.${first.token}.claim` === stale[0];
  if (isStillDue) renameSync(draft, path);
  for (const claim of isStillDue ? stale : stale.slice(-1)) rmSync(claim, { force: true });
  return isStillDue;
}

function release(path: string, token: string): void {
  if (readHolder(path)?.token === token) rmSync(path, { force: true });
}

function linkOnce(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  }
}

function readHolder(path: string): Holder | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT")) return null;
    throw error;
  }
  try {
    const holder = JSON.parse(text) as Partial<Holder>;
    if (typeof holder.token === "string" && typeof holder.pid === "number") return holder as Holder;
  } catch {
    // Not JSON: said below.
  }
  throw new Error(
    `the lock file \`${path}\` cannot be read: if no Keybrake process uses this directory, delete the file`,
  );
}

function refuseIfAlive(holder: Holder, dataDir: string, path: string): void {
  const here = describeProcess(holder.pid);
  if (holder.bootId !== here.bootId || holder.pidNamespace !== here.pidNamespace) {
    // The same host after a reboot, or a container that was started again: whatever held the lock is gone.
    if (holder.host === hostname()) return;
    throw new Error(
      `the data directory \`${dataDir}\` is locked by process ${holder.pid} on host \`${holder.host}\`: ` +
        `if that process is gone, delete \`${path}\``,
    );
  }
  if (here.startedAt === null ? !isRunning(holder.pid) : here.startedAt !== holder.startedAt) return;
  throw new Error(
    `the data directory \`${dataDir}\` is in use by process ${holder.pid}: stop that process, ` +
      "or set KEYBRAKE_DATA_DIR to another directory",
  );
}

/** Where /proc is absent (macOS, Windows) only the pid is known, and a pid given out again looks alive. */
function describeProcess(pid: number): Omit<Holder, "token" | "host"> {
  return {
    pid,
    startedAt: readProcess(() => startTimeOf(readFileSync(`/proc/${pid}/stat`, "utf8"))),
    bootId: readProcess(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
    pidNamespace: readProcess(() => readlinkSync("/proc/self/ns/pid")),
  };
}

/** Field 22 of /proc/PID/stat; the second field is a name in brackets that may hold anything. A zombie has ended. */
function startTimeOf(stat: string): string | null {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? "ended" : (fields[19] ?? null);
}

function readProcess(read: () => string | null): string | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, "EPERM");
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
