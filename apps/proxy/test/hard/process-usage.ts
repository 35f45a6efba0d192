import { existsSync, readdirSync, readFileSync } from "node:fs";

/** What a process holds. */
export interface ProcessUsage {
  /** Resident memory. */
  readonly rssBytes: number;
  /** Open files, sockets among them. */
  readonly files: number;
}

/** Whether this machine tells: only Linux does. */
export function canReadUsage(): boolean {
  return existsSync("/proc/self/status");
}

/** Reads it of a living process. */
export function readUsage(pid: number): ProcessUsage {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  return { rssBytes: kibibytes * 1_024, files: readdirSync(`/proc/${pid}/fd`).length };
}
