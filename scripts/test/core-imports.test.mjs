import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const ROOT = join(import.meta.dirname, "../..");
const FOLDER = "packages/core/src/vendors";
const LINT_TIMEOUT_MS = 60_000;
const REFUSED = [
  `import { readFileSync } from "node:fs";\nexport const read = readFileSync;\n`,
  `import type { Server } from "node:http";\nexport type Listener = Server;\n`,
  `import "pg";\n`,
  `export * from "pino";\n`,
  `export const os = import("node:os");\n`,
  `import { open } from "@keybrake/client";\nexport const opened = open;\n`,
  `import { z } from "zod/v4";\nexport const schema = z;\n`,
];
const ACCEPTED = [
  `import { createHmac } from "node:crypto";\nexport const hmac = createHmac;\n`,
  `import { z } from "zod";\nexport const schema = z;\n`,
  `import { parse } from "./stripe/form.ts";\nexport const parsed = parse;\n`,
  `import type { Micros } from "../money.ts";\nexport type Amount = Micros;\n`,
];

describe("the policy engine stays pure: the linter lets it import zod, node:crypto and its own files only", () => {
  const directory = mkdtempSync(join(tmpdir(), "keybrake-lint-"));
  let printed;

  beforeAll(() => {
    for (const name of ["biome.json", ".gitignore"]) cpSync(join(ROOT, name), join(directory, name));
    mkdirSync(join(directory, FOLDER), { recursive: true });
    for (const [index, source] of REFUSED.entries()) write(`refused-${index}.ts`, source);
    for (const [index, source] of ACCEPTED.entries()) write(`accepted-${index}.ts`, source);
    const args = ["lint", "--only=style/noRestrictedImports", "--max-diagnostics=none", "packages"];
    const options = { cwd: directory, encoding: "utf8", timeout: LINT_TIMEOUT_MS };
    const { stdout, stderr } = spawnSync(join(ROOT, "node_modules/.bin/biome"), args, options);
    printed = `${stdout}${stderr}`;
  }, LINT_TIMEOUT_MS);

  afterAll(() => rmSync(directory, { recursive: true }));

  const write = (name, source) => writeFileSync(join(directory, FOLDER, name), source);
  const isRefused = (name) => printed.includes(`${FOLDER}/${name}:`);

  it("looks at every file", () => {
    expect(printed).toContain(`Checked ${REFUSED.length + ACCEPTED.length} files`);
  });

  it.each(REFUSED.map((source, index) => [source, index]))("refuses %j", (_source, index) => {
    expect(isRefused(`refused-${index}.ts`)).toBe(true);
  });

  it.each(ACCEPTED.map((source, index) => [source, index]))("accepts %j", (_source, index) => {
    expect(isRefused(`accepted-${index}.ts`)).toBe(false);
  });
});
