import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadMasterKey } from "../../src/secrets/master-key.ts";

const none = { value: null, file: null, generateIn: null, transit: null };

describe("the master key", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "keybrake-master-"));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function writeKeyFile(text: string, mode = 0o600): string {
    const file = join(directory, "key");
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  }

  it("is read from a value", async () => {
    const key = randomBytes(32);
    expect(await loadMasterKey({ ...none, value: ` ${key.toString("base64")}\n` })).toMatchObject({ key });
  });

  it("is read from a file that only its owner can read", async () => {
    const key = randomBytes(32);
    const text = key.toString("base64");
    for (const mode of [0o600, 0o400])
      expect(await loadMasterKey({ ...none, file: writeKeyFile(text, mode) })).toMatchObject({ key });
    for (const mode of [0o640, 0o604, 0o660, 0o620]) {
      const problem = await loadMasterKey({ ...none, file: writeKeyFile(text, mode) });
      expect(problem).toMatch(/can be read by others.*chmod 600/);
    }
  });

  it.each([
    ["short", randomBytes(31).toString("base64")],
    ["long", randomBytes(33).toString("base64")],
    ["hexadecimal", randomBytes(32).toString("hex")],
    ["base64url", Buffer.alloc(32, 0xff).toString("base64url")],
    ["with rubbish", `${randomBytes(32).toString("base64")}!`],
    ["empty", ""],
  ])("is refused when it is %s, without being repeated", async (_name, text) => {
    for (const source of [
      { ...none, value: text },
      { ...none, file: writeKeyFile(text) },
    ]) {
      const problem = await loadMasterKey(source);
      expect(problem).toMatch(/32 bytes in base64/);
      if (text !== "") expect(problem).not.toContain(text);
    }
  });

  it("is asked for with an external database, and refused when it is given twice", async () => {
    expect(await loadMasterKey(none)).toMatch(/KEYBRAKE_MASTER_KEY.*openssl rand -base64 32/);
    const value = randomBytes(32).toString("base64");
    expect(await loadMasterKey({ ...none, value, file: writeKeyFile(value) })).toMatch(/not both/);
    expect(await loadMasterKey({ ...none, file: join(directory, "absent") })).toMatch(/cannot read.*ENOENT/);
  });

  it("is generated once, for its owner only, and found again", async () => {
    const dataDir = join(directory, "data");
    const source = { ...none, generateIn: dataDir };
    const all = await Promise.all(Array.from({ length: 8 }, () => loadMasterKey(source)));
    const ids = all.map((found) => (typeof found === "string" ? found : found.id));
    expect(new Set(ids).size).toBe(1);
    expect(ids[0]).toMatch(/^[0-9a-f]{8}$/);
    expect(readdirSync(dataDir)).toEqual(["master-key"]);
    expect(statSync(join(dataDir, "master-key")).mode & 0o777).toBe(0o600);
    expect(Buffer.from(readFileSync(join(dataDir, "master-key"), "utf8"), "base64")).toHaveLength(32);
  });
});
