// A server of somebody else's, run for the length of a test run on a free loopback port.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { sendSignal } from "../child.mjs";

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 50;
const STOP_TIMEOUT_MS = 10_000;
const ATTEMPTS = 3;
const LOG_TAIL = 2_000;

/**
 * Starts a server and waits until it answers.
 * @param {DaemonOptions} options
 * @typedef {{ name: string, command: string, argsFor: (port: number) => string[], isReady: (port: number) => Promise<boolean>,
 *   guard: import("./guard.mjs").Guard, stopSignal: NodeJS.Signals, killSignal: NodeJS.Signals, uid?: number, gid?: number,
 *   cwd?: string }} DaemonOptions `stopSignal` asks for an orderly end, `killSignal` is for when nobody can wait
 * @returns {Promise<{ port: number, close: () => Promise<void> }>}
 * @throws {Error} with the end of the server's log when it does not come up
 */
export async function openDaemon(options) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(options, await findFreePort());
    } catch (error) {
      // Another program may have taken the port between our look and the server's start.
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

async function startOnce(options, port) {
  const { name, command, argsFor, isReady, guard, stopSignal, killSignal, uid, gid, cwd } = options;
  const logFile = join(guard.directory, `${name}-${port}.log`);
  const log = openSync(logFile, "a");
  const child = spawn(command, argsFor(port), {
    cwd: cwd ?? guard.directory,
    uid,
    gid,
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  let failure;
  child.on("error", (error) => {
    failure = error.message;
  });
  child.on("exit", (code, signal) => {
    failure ??= `ended with ${signal ?? `exit code ${code}`}`;
    guard.forget(child.pid);
  });
  if (child.pid !== undefined) guard.watch(child.pid, killSignal);
  const close = () => endChild(child, stopSignal);
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (failure === undefined && !(await isReady(port))) {
    if (Date.now() > deadline) failure = `did not answer within ${READY_TIMEOUT_MS / 1000} s`;
    await delay(READY_POLL_MS);
  }
  if (failure === undefined) return { port, close };
  await close();
  throw new Error(`${name} ${failure}\n${readFileSync(logFile, "utf8").slice(-LOG_TAIL)}`);
}

async function endChild(child, stopSignal) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  sendSignal(child.pid, stopSignal, false);
  const hardStop = setTimeout(() => sendSignal(child.pid, "SIGKILL", true), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(hardStop);
}

async function findFreePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
