// Started by guard.mjs. Reads lines about process groups; when its input ends, ends those that are left and removes the folder.
import { rmSync } from "node:fs";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { sendSignal } from "../child.mjs";

const GRACE_MS = 2_000;
const directory = process.argv[2];
const groups = new Map();

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line);
  if (message.watch) groups.set(message.watch, message.signal);
  else groups.delete(message.forget);
}

for (const [pid, signal] of groups) sendSignal(pid, signal, true);
if (groups.size > 0) await delay(GRACE_MS);
for (const pid of groups.keys()) sendSignal(pid, "SIGKILL", true);
rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
