import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

const LIBRARIES = "/usr/lib";

/** A wall clock that processes can be given instead of the machine's; their monotonic clock stays as it is. */
export interface FakeClock {
  /** The environment of a process that is to believe it. */
  readonly env: Readonly<Record<string, string>>;
  /** Sets it, for all of these processes at once; it runs on from there. */
  set(time: Date): void;
  /** What it shows now. */
  now(): Date;
  remove(): void;
}

/** Where Debian's package `faketime` has its library; null when it is not installed. */
export function findFaketime(): string | null {
  const folders = readdirSync(LIBRARIES).map((name) => path.join(LIBRARIES, name, "faketime"));
  const files = folders.flatMap((folder) => {
    try {
      return readdirSync(folder).map((name) => path.join(folder, name));
    } catch {
      return [];
    }
  });
  return files.find((file) => file.endsWith("/libfaketime.so.1")) ?? null;
}

/** Makes a clock that shows `time`. */
export function createFakeClock(library: string, time: Date): FakeClock {
  const home = mkdtempSync(path.join(tmpdir(), "keybrake-clock-"));
  const file = path.join(home, "offset");
  let offsetMs = 0;
  const set = (shown: Date) => {
    offsetMs = shown.getTime() - Date.now();
    const seconds = offsetMs / 1_000;
    writeFileSync(file, `${seconds < 0 ? "" : "+"}${seconds.toFixed(3)}\n`, { mode: 0o644 });
  };
  set(time);
  return {
    env: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      DONT_FAKE_MONOTONIC: "1",
    },
    set,
    now: () => new Date(Date.now() + offsetMs),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
