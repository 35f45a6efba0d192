import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { CliError, EXIT } from "./exit.ts";
import { findServer } from "./server-file.ts";

const START_MS_MAX = 60_000;
/** The server itself lets open calls end for at most 25 seconds. */
const STOP_MS_MAX = 30_000;
const OUTPUT_LENGTH_MAX = 65_536;
const READY = /agents +(http:\S+)[\s\S]* operators +(http:\S+)/;

/** Ends the server when this process is gone without having been able to end it. */
const ORPHANS_END = `data:text/javascript,${encodeURIComponent(
  `const parent = process.ppid; setInterval(() => process.ppid === parent || process.kill(process.pid, "SIGTERM"), 500).unref();`,
)}`;

/** A server that lasts as long as one command: fake vendors, an empty database, free ports. */
export interface SandboxServer {
  /** What a command needs to find it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ends it and removes everything it has written. */
  stop(): Promise<void>;
}

/** Starts one. Rejects with what it printed when it does not come up. */
export async function openSandboxServer(
  inherited: Readonly<Record<string, string | undefined>>,
): Promise<SandboxServer> {
  const server = findServer(
    "set `KEYBRAKE_URL`, `KEYBRAKE_DATA_URL` and `KEYBRAKE_ADMIN_TOKEN` to a running one",
  );
  const dataDir = mkdtempSync(path.join(tmpdir(), "keybrake-sandbox-"));
  const token = randomBytes(24).toString("hex");
  const others = Object.entries(inherited).filter(([name]) => !name.startsWith("KEYBRAKE_"));
  // Not in our process group: Ctrl-C must not end it before the command, which has keys to revoke.
  const child = spawn(process.execPath, [`--import=${ORPHANS_END}`, server], {
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
    env: {
      ...Object.fromEntries(others),
      KEYBRAKE_PORT: "0",
      KEYBRAKE_ADMIN_PORT: "0",
      KEYBRAKE_SANDBOX: "1",
      KEYBRAKE_DATA_DIR: dataDir,
      KEYBRAKE_ADMIN_TOKEN: token,
      KEYBRAKE_LOG_LEVEL: "error",
    },
  });
  const stop = async () => {
    await end(child);
    rmSync(dataDir, { recursive: true, force: true });
  };
  try {
    const [dataUrl, url] = await waitForAddresses(child);
    const environment = { KEYBRAKE_URL: url, KEYBRAKE_DATA_URL: dataUrl, KEYBRAKE_ADMIN_TOKEN: token };
    return { environment, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function waitForAddresses(child: ChildProcess): Promise<[dataUrl: string, url: string]> {
  return new Promise((resolve, reject) => {
    let output = "";
    const fail = (what: string) => {
      clearTimeout(timer);
      reject(new CliError(EXIT.failed, `the sandbox ${what}: ${output.trim().slice(-2_000)}`));
    };
    const timer = setTimeout(() => fail("did not start in time"), START_MS_MAX);
    const read = (chunk: Buffer) => {
      if (output.length > OUTPUT_LENGTH_MAX) return;
      output += chunk.toString();
      const [, dataUrl, url] = READY.exec(output) ?? [];
      if (dataUrl === undefined || url === undefined) return;
      clearTimeout(timer);
      resolve([dataUrl, url]);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("error", () => fail("cannot be started"));
    child.once("exit", () => fail("ended at its start"));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
  await ended;
  clearTimeout(timer);
}
