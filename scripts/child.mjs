// Running other programs from scripts: with a time limit, with the output kept until it is needed.
import { spawn } from "node:child_process";
import { constants } from "node:os";

const OUTPUT_BYTES_MAX = 4 * 1024 * 1024;
const KILL_AFTER_MS = 5_000;
const DRAIN_MS = 1_000;

/**
 * Runs a program to its end and keeps what it printed.
 * @param {string} command
 * @param {string[]} args
 * @param {{ timeoutMs: number, cwd?: string, env?: NodeJS.ProcessEnv, uid?: number, gid?: number, echo?: boolean,
 *   detached?: boolean, onStart?: (child: import("node:child_process").ChildProcess) => void }} options
 *   `echo` passes the output on as it comes instead of keeping it; `detached` gives the program its own process group, so that
 *   a time-out ends its children too.
 * @returns {Promise<{ code: number, output: string, stdout: string }>} never rejects: a program that cannot be started or that
 *   overruns its time has a code other than 0 and says why in `output`, which holds both streams as they came
 */
export function runProgram(command, args, options) {
  const { timeoutMs, onStart, echo = false, detached = false, ...rest } = options;
  return new Promise((resolve) => {
    const output = createTail(OUTPUT_BYTES_MAX);
    const stdout = createTail(OUTPUT_BYTES_MAX);
    const stream = echo ? "inherit" : "pipe";
    const child = spawn(command, args, { ...rest, detached, stdio: ["ignore", stream, stream] });
    onStart?.(child);
    child.stdout?.on("data", output.add).on("data", stdout.add);
    child.stderr?.on("data", output.add);
    const cancel = endOnTimeout(child, { timeoutMs, detached, output });
    const finish = (code, note = "") => {
      cancel();
      resolve({ code, output: output.text() + note, stdout: stdout.text() });
    };
    child.on("error", (error) => finish(127, `${command}: ${error.message}\n`));
    child.on("exit", (code, signal) => {
      const status = exitStatus(code, signal);
      child.on("close", () => finish(status));
      // A grandchild that still holds the pipe must not keep us waiting for its end.
      setTimeout(() => finish(status), DRAIN_MS).unref();
    });
  });
}

/**
 * Gives the exit status that a shell reports for a program.
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 */
export function exitStatus(code, signal) {
  return code ?? 128 + (constants.signals[signal] ?? 0);
}

/**
 * Sends a signal to a child, and to everything it started when it leads a process group. A child that is gone is no error.
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 * @param {boolean} group
 */
export function sendSignal(pid, signal, group) {
  try {
    process.kill(group ? -pid : pid, signal);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

function endOnTimeout(child, { timeoutMs, detached, output }) {
  let hardStop;
  const softStop = setTimeout(() => {
    output.add(Buffer.from(`\nstopped after ${timeoutMs / 1000} s without an end\n`));
    sendSignal(child.pid, "SIGTERM", detached);
    hardStop = setTimeout(() => sendSignal(child.pid, "SIGKILL", detached), KILL_AFTER_MS);
  }, timeoutMs);
  return () => {
    clearTimeout(softStop);
    clearTimeout(hardStop);
  };
}

// Keeps the end of what is added: the end is where programs say what went wrong.
function createTail(bytesMax) {
  const chunks = [];
  let bytes = 0;
  return {
    add: (chunk) => {
      chunks.push(chunk);
      bytes += chunk.length;
      while (bytes > bytesMax && chunks.length > 1) bytes -= chunks.shift().length;
    },
    text: () => Buffer.concat(chunks).toString("utf8"),
  };
}
