import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { lockDataDir } from "../../src/ledger/data-dir-lock.ts";
import { type Child, startChild } from "./child.ts";
import { makeTempDir } from "./temp-dir.ts";

const DIRECTORIES = 150;

function lockFileOf(dataDir: string): string {
  return join(dataDir, "keybrake.lock");
}

/** Changes what a lock file says of its holder. */
function editHolder(dataDir: string, changes: Readonly<Record<string, unknown>>): void {
  const path = lockFileOf(dataDir);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, "utf8")), ...changes }));
}

/** Children that take, all at once, every directory below `root` that they can, and live on with them. */
async function startTakers(count: number, root: string): Promise<readonly Child[]> {
  using temp = makeTempDir();
  const go = join(temp.path, "go");
  const children = Array.from({ length: count }, () => startChild("lock-child.ts", root, go));
  await Promise.all(children.map((child) => child.line("ready")));
  writeFileSync(go, "");
  // The file must stay until the last of them has seen it.
  await Promise.all(children.map((child) => Promise.race([child.line("took"), child.line("done")])));
  return children;
}

function takenBy(child: Child): string[] {
  return child.lines.filter((line) => line.startsWith("took ")).map((line) => line.slice("took ".length));
}

function makeDirectories(root: string): string[] {
  const names = Array.from({ length: DIRECTORIES }, (_, index) => `data-${index}`);
  for (const name of names) mkdirSync(join(root, name));
  return names.sort();
}

describe("lockDataDir", () => {
  it("makes the directory for its owner alone, refuses a second holder by pid, and is free once released", () => {
    using temp = makeTempDir();
    const dataDir = join(temp.path, "made", "here");
    const lock = lockDataDir(dataDir);
    expect(statSync(dataDir).mode & 0o777).toBe(0o700);
    expect(() => lockDataDir(dataDir)).toThrow(
      `the data directory \`${dataDir}\` is in use by process ${process.pid}: stop that process`,
    );

    lock.release();
    lock.release();
    expect(readdirSync(dataDir)).toEqual([]);
    lockDataDir(dataDir).release();
  });

  it("never removes a lock that is not its own any more", () => {
    using temp = makeTempDir();
    const lock = lockDataDir(temp.path);
    editHolder(temp.path, { token: "another" });
    lock.release();
    expect(readdirSync(temp.path)).toEqual(["keybrake.lock"]);
  });

  it("refuses while another process has the directory, and takes it over once that process was killed", async () => {
    using temp = makeTempDir();
    const dataDir = join(temp.path, "data");
    mkdirSync(dataDir);
    const [child] = await startTakers(1, temp.path);
    assert(child);
    await child.line("done");
    expect(() => lockDataDir(dataDir)).toThrow(`is in use by process ${child.pid}`);

    await child.kill();
    const lock = lockDataDir(dataDir);
    expect(() => lockDataDir(dataDir)).toThrow(`is in use by process ${process.pid}`);
    lock.release();
    expect(readdirSync(dataDir)).toEqual([]);
  });

  it.runIf(process.platform === "linux")("is not fooled by a pid that was given out again", () => {
    using temp = makeTempDir();
    lockDataDir(temp.path);
    editHolder(temp.path, { startedAt: "1" });
    lockDataDir(temp.path).release();
  });

  it("takes over after a reboot of the same host, and never judges a process of another host", () => {
    using temp = makeTempDir();
    lockDataDir(temp.path);
    editHolder(temp.path, { bootId: "an earlier boot" });
    lockDataDir(temp.path);
    editHolder(temp.path, { bootId: "another machine", host: "elsewhere" });
    expect(() => lockDataDir(temp.path)).toThrow(
      `is locked by process ${process.pid} on host \`elsewhere\`: if that process is gone, delete`,
    );
  });

  it("refuses a lock file that it cannot read, and names it", () => {
    using temp = makeTempDir();
    writeFileSync(lockFileOf(temp.path), "");
    expect(() => lockDataDir(temp.path)).toThrow(`the lock file \`${lockFileOf(temp.path)}\` cannot be read`);
  });

  // Real processes, each going through the same directories at the same time: some hundred races in every run.
  it.each([
    ["free directories", false],
    ["directories of a dead process", true],
  ])("gives %s to exactly one of three starters", async (_, isStale) => {
    using temp = makeTempDir();
    const names = makeDirectories(temp.path);
    if (isStale) {
      const [dead] = await startTakers(1, temp.path);
      assert(dead);
      await dead.line("done");
      await dead.kill();
      expect(takenBy(dead).sort()).toEqual(names);
    }
    const children = await startTakers(3, temp.path);
    try {
      await Promise.all(children.map((child) => child.line("done")));
      expect(children.flatMap(takenBy).sort()).toEqual(names);
    } finally {
      await Promise.all(children.map((child) => child.kill()));
    }
  });

  it("ends with one living holder for each directory when a starter is killed in the middle of taking over", async () => {
    using temp = makeTempDir();
    const names = makeDirectories(temp.path);
    const victims = await startTakers(2, temp.path);
    await Promise.all(victims.map((victim) => victim.kill()));

    const children = await startTakers(2, temp.path);
    try {
      await Promise.all(children.map((child) => child.line("done")));
      expect(children.flatMap(takenBy).sort()).toEqual(names);
    } finally {
      await Promise.all(children.map((child) => child.kill()));
    }
  });
});
