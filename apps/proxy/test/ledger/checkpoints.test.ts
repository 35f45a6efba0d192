import { generateKeyPairSync } from "node:crypto";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Checkpoints } from "../../src/ledger/checkpoints.ts";
import { createTestDataDir } from "../support/databases.ts";

const NOW = new Date("2026-11-23T12:00:00Z");
const { privateKey } = generateKeyPairSync("ed25519");
const headOf = (epoch: number, seq: number) => ({
  epoch: BigInt(epoch),
  seq: BigInt(seq),
  hash: Buffer.from([epoch, seq]),
});

describe("checkpoints of the audit chains", () => {
  let file: string;
  let directory: Awaited<ReturnType<typeof createTestDataDir>>;
  beforeEach(async () => {
    directory = await createTestDataDir();
    file = path.join(directory.path, "checkpoints.ndjson");
  });
  afterEach(() => directory.remove());

  it("vouch for the newest head of each epoch, also after a restart", () => {
    const first = new Checkpoints(file, privateKey);
    first.write([headOf(1, 5), headOf(2, 1)], NOW);
    first.write([headOf(1, 9), headOf(2, 1)], NOW);
    expect(new Checkpoints(file, privateKey).list()).toEqual([headOf(1, 9), headOf(2, 1)]);
  });

  it("write nothing when nothing is new, and never go back", () => {
    const checkpoints = new Checkpoints(file, privateKey);
    checkpoints.write([headOf(1, 5)], NOW);
    const before = readFileSync(file, "utf8");
    checkpoints.write([headOf(1, 5)], NOW);
    checkpoints.write([headOf(1, 4)], NOW);
    expect(readFileSync(file, "utf8")).toBe(before);
    expect(checkpoints.list()).toEqual([headOf(1, 5)]);
  });

  it("refuse a file in which somebody else has written", () => {
    new Checkpoints(file, privateKey).write([headOf(1, 5)], NOW);
    new Checkpoints(file, privateKey).write([headOf(1, 6)], NOW);
    writeFileSync(file, readFileSync(file, "utf8").replace('"5"', '"4"'));
    expect(() => new Checkpoints(file, privateKey)).toThrow("line 1 of the checkpoint file was not signed");
    const stranger = generateKeyPairSync("ed25519").privateKey;
    writeFileSync(file, "");
    new Checkpoints(file, stranger).write([headOf(1, 5)], NOW);
    expect(() => new Checkpoints(file, privateKey)).toThrow("not signed by this installation");
  });

  it("pass over a line that a crash cut short", () => {
    new Checkpoints(file, privateKey).write([headOf(1, 5)], NOW);
    appendFileSync(file, '{"at":"2026-11-23T12:0');
    expect(new Checkpoints(file, privateKey).list()).toEqual([headOf(1, 5)]);
  });
});
