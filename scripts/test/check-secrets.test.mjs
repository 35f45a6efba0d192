import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const TIMEOUT_MS = 60_000;

// Each is put together here, so that this file has none.
const random = "51H8sKJ2eZvKYlo2C0aBcDeFgHiJkLm";
const PLANTED = {
  "docs/setup.md": `export STRIPE_SECRET_KEY=${["sk", "live", random].join("_")}`,
  ".ci/hidden": `STRIPE=${["rk", "live", random].join("_")}`,
  "src/inside.ts": `const canary = "${["sk", "live", `${random}canary`].join("_")}";`,
  "keys/server.pem": `-----BEGIN ${"PRIVATE"} KEY-----\n${`${"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC".repeat(2)}\n`.repeat(9)}-----END ${"PRIVATE"} KEY-----\n`,
  "compose.yaml": `url: "${["postgres", "//keybrake:pT7wq2Lz@10.0.0.7:5432/ledger"].join(":")}"`,
  ".npmrc": `//registry.npmjs.org/:_authToken=${["npm", "9dKq3ZtPa7LmX2RvB6YsWc4HfJ8NgE1TuQ0i"].join("_")}`,
};
const INNOCENT = {
  "test/canary.ts": `const CANARY = "${["sk", "test", "canaryQ7vX2mNf9LkT4wRz8sYbHd3JpGcE6uA"].join("_")}";`,
  "node_modules/other/readme.md": `STRIPE=${["sk", "live", random].join("_")}`,
};

describe("a secret in the repository fails the check, and what was made up for a test does not", () => {
  const directory = mkdtempSync(join(tmpdir(), "keybrake-secrets-"));
  let found;

  beforeAll(() => {
    for (const name of [".secretlintrc.yml", ".gitignore"]) cpSync(join(ROOT, name), join(directory, name));
    for (const [name, text] of Object.entries({ ...PLANTED, ...INNOCENT })) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), text);
    }
    symlinkSync(join(ROOT, "node_modules/@secretlint"), join(directory, "node_modules/@secretlint"));
    const args = ["**/*", "--format=json"];
    const options = { cwd: directory, encoding: "utf8", timeout: TIMEOUT_MS };
    const { status, stdout } = spawnSync(join(ROOT, "node_modules/.bin/secretlint"), args, options);
    expect(status).toBe(1);
    const files = JSON.parse(stdout).filter(({ messages }) => messages.length > 0);
    found = files.map(({ filePath }) => filePath.split(`${directory}/`)[1]);
  }, TIMEOUT_MS);

  afterAll(() => rmSync(directory, { recursive: true }));

  it("finds each that was planted, and nothing else", () => {
    expect(found.sort()).toEqual(Object.keys(PLANTED).sort());
  });
});
