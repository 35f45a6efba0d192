// A private PostgreSQL for one run: own data folder, own port, password only, durable as in production.
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { runProgram } from "../child.mjs";
import { openDaemon } from "./daemon.mjs";
import { findProgram, ServiceMissing } from "./program.mjs";

const DEBIAN_ROOT = "/usr/lib/postgresql";
const MAJOR_MIN = 15;
const CONNECTIONS_MAX = 200;
const REMEDY = "apt-get install postgresql";
const STEP_TIMEOUT_MS = 60_000;

/**
 * Starts PostgreSQL.
 * @param {{ guard: import("./guard.mjs").Guard }} options
 * @returns {Promise<{ value: string, close: () => Promise<void> }>} the URL of a superuser
 * @throws {ServiceMissing} when no PostgreSQL of version 15 or newer is installed
 */
export async function openPostgres({ guard }) {
  const directory = await findBinaries();
  const user = await findOwner();
  const password = randomBytes(18).toString("base64url");
  const home = join(guard.directory, "postgres");
  const passwordFile = join(home, "password");
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user.uid !== undefined) for (const path of [home, passwordFile]) chownSync(path, user.uid, user.gid);

  const data = join(home, "data");
  const login = ["--username=postgres", `--pwfile=${passwordFile}`, "--auth=scram-sha-256"];
  const shape = ["--encoding=UTF8", "--no-locale", "--no-sync"];
  const created = await runProgram(join(directory, "initdb"), ["--pgdata", data, ...login, ...shape], {
    ...user,
    cwd: home,
    timeoutMs: STEP_TIMEOUT_MS,
  });
  if (created.code !== 0) throw new Error(`initdb failed\n${created.output}`);

  const { port, close } = await openDaemon({
    name: "postgres",
    command: join(directory, "postgres"),
    argsFor: (port) => ["-D", data, ...settings(port)],
    isReady: (port) => isReady(join(directory, "pg_isready"), port),
    guard,
    stopSignal: "SIGINT",
    killSignal: "SIGQUIT",
    cwd: home,
    ...user,
  });
  return { value: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`, close };
}

// fsync stays on: a race that only a slow commit shows must be able to show itself.
function settings(port) {
  const values = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: CONNECTIONS_MAX,
    fsync: "on",
    synchronous_commit: "on",
  };
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function isReady(command, port) {
  const args = ["-q", "-h", "127.0.0.1", "-p", String(port)];
  return (await runProgram(command, args, { timeoutMs: STEP_TIMEOUT_MS })).code === 0;
}

async function findBinaries() {
  const initdb = findProgram("initdb", debianFolders());
  if (!initdb) throw new ServiceMissing("PostgreSQL is not installed", REMEDY);
  const directory = dirname(realpathSync(initdb));
  const { stdout } = await runProgram(join(directory, "postgres"), ["--version"], {
    timeoutMs: STEP_TIMEOUT_MS,
  });
  const major = Number(/\d+/.exec(stdout)?.[0] ?? 0);
  if (major >= MAJOR_MIN) return directory;
  throw new ServiceMissing(
    `${directory} is PostgreSQL ${major}; ${MAJOR_MIN} is the oldest that works`,
    REMEDY,
  );
}

function debianFolders() {
  try {
    const versions = readdirSync(DEBIAN_ROOT).sort((left, right) => Number(right) - Number(left));
    return versions.map((version) => join(DEBIAN_ROOT, version, "bin"));
  } catch {
    return [];
  }
}

// PostgreSQL refuses to run as root: then it runs as its own user, which its package creates, or as nobody.
async function findOwner() {
  if (process.getuid?.() !== 0) return {};
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = await Promise.all(["-u", "-g"].map((flag) => askId(flag, name)));
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  throw new Error("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`");
}

async function askId(flag, name) {
  const { code, stdout } = await runProgram("id", [flag, name], { timeoutMs: STEP_TIMEOUT_MS });
  return code === 0 ? Number(stdout.trim()) : undefined;
}
