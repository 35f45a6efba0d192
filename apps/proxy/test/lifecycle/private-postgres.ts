import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";

const DEBIAN_ROOT = "/usr/lib/postgresql";
const READY_MS_MAX = 30_000;
const POLL_MS = 50;

/** A PostgreSQL of one's own: it can be frozen, killed and started again without harm to anybody. */
export interface PrivatePostgres {
  readonly url: string;
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Stops every process of it in its tracks, as a machine that hangs does; connections stay open. */
  freeze(): void;
  thaw(): void;
  /** `kill -9` of all of it. */
  kill(): Promise<void>;
  /** Starts it again on the same data; resolves when it answers. */
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Where PostgreSQL's programs are; null when it is not installed. */
export function findPostgres(): string | null {
  const versions = (() => {
    try {
      return readdirSync(DEBIAN_ROOT).sort((left, right) => Number(right) - Number(left));
    } catch {
      return [];
    }
  })();
  const candidates = [
    ...versions.map((version) => path.join(DEBIAN_ROOT, version, "bin")),
    ...pathDirectories(),
  ];
  return candidates.find((directory) => listFiles(directory).includes("initdb")) ?? null;
}

function pathDirectories(): string[] {
  return (process.env["PATH"] ?? "").split(":").filter((directory) => directory !== "");
}

function listFiles(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/**
 * Starts one in a directory of its own, as the user `postgres` when we are root, which PostgreSQL refuses to be. `env` is
 * added to what its server inherits.
 */
export async function openPrivatePostgres(
  programs: string,
  env: Readonly<Record<string, string>> = {},
): Promise<PrivatePostgres> {
  const home = mkdtempSync(path.join(tmpdir(), "keybrake-postgres-"));
  const owner = process.getuid?.() === 0 ? ownerOf("postgres") : {};
  if (owner.uid !== undefined) execFileSync("chown", [`${owner.uid}:${owner.gid}`, home]);
  chmodSync(home, 0o700);
  const data = path.join(home, "data");
  const shape = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"];
  execFileSync(path.join(programs, "initdb"), ["--pgdata", data, ...shape], {
    cwd: home,
    stdio: "ignore",
    ...owner,
  });
  const port = await findFreePort();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  let child: ChildProcess | null = null;
  /** Stops it in its tracks and says which processes that are: one that is stopped has no new children. */
  const freeze = (): number[] => {
    if (child?.pid === undefined) return [];
    signalAll([child.pid], "SIGSTOP");
    const children = childrenOf(child.pid);
    signalAll(children, "SIGSTOP");
    return [child.pid, ...children];
  };
  const start = async () => {
    const settings = [
      "-c",
      `port=${port}`,
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
    ];
    child = spawn(path.join(programs, "postgres"), ["-D", data, ...settings], {
      cwd: home,
      stdio: "ignore",
      env: { ...process.env, ...env },
      ...owner,
    });
    const deadline = performance.now() + READY_MS_MAX;
    while (!isReady(programs, port)) {
      if (performance.now() > deadline) throw new Error("PostgreSQL did not start in time");
      await delay(POLL_MS);
    }
  };
  const kill = async () => {
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    const pids = freeze();
    signalAll(pids, "SIGKILL");
    await ended;
    // A new one would not start beside a backend of the old one.
    const deadline = performance.now() + READY_MS_MAX;
    while (pids.some(isRunning)) {
      if (performance.now() > deadline) throw new Error("PostgreSQL did not end in time");
      await delay(POLL_MS);
    }
  };
  await start();
  return {
    url,
    query: async (text, values) => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      try {
        return (await client.query(text, [...(values ?? [])])).rows;
      } finally {
        await client.end();
      }
    },
    freeze: () => void freeze(),
    thaw: () => signalAll(freeze().reverse(), "SIGCONT"),
    kill,
    start,
    close: async () => {
      await kill();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function ownerOf(name: string): { uid?: number; gid?: number } {
  const idOf = (flag: string) => Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
  return { uid: idOf("-u"), gid: idOf("-g") };
}

function isReady(programs: string, port: number): boolean {
  return (
    spawnSync(path.join(programs, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", String(port)]).status === 0
  );
}

function signalAll(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It has ended meanwhile.
    }
  }
}

/** Each backend is a session of its own, so a process group would not reach it: its parent is what tells. */
function childrenOf(parent: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statusOf(pid)?.parent === parent);
}

/** One that has ended and waits only to be noticed holds nothing any more. */
function isRunning(pid: number): boolean {
  const status = statusOf(pid);
  return status !== null && status.state !== "Z" && status.state !== "X";
}

function statusOf(pid: number): { state: string; parent: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return { state: state ?? "", parent: Number(parent) };
  } catch {
    return null;
  }
}

/** A port that was free a moment ago. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
