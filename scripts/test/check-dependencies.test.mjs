import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { listPackages } from "../workspace.mjs";

const ROOT = join(import.meta.dirname, "../..");
const LOCKFILE = "pnpm-lock.yaml";
const SETTINGS = "pnpm-workspace.yaml";
/** Without what it also says of each package's own dependencies, which is most of it. */
const read = (file) => ({ ...parse(readFileSync(join(ROOT, file), "utf8")), snapshots: undefined });
const zod = (lockfile) => lockfile.packages[`zod@${read(SETTINGS).catalog.zod}`];
const proxyNeeds = (lockfile) => lockfile.importers["apps/proxy"].dependencies;

/** What somebody might slip into a change, and what the check says of it. */
const PLANTED = {
  "a package without a hash": [
    LOCKFILE,
    (lockfile) => delete zod(lockfile).resolution.integrity,
    /`zod@.*` has no SHA-512/,
  ],
  "a weaker hash": [
    LOCKFILE,
    (lockfile) => Object.assign(zod(lockfile).resolution, { integrity: "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=" }),
    /has no SHA-512/,
  ],
  "a tarball of another host": [
    LOCKFILE,
    (lockfile) => Object.assign(zod(lockfile).resolution, { tarball: "https://example.com/zod.tgz" }),
    /comes from a `tarball`/,
  ],
  "a git repository": [
    LOCKFILE,
    (lockfile) =>
      Object.assign(zod(lockfile), {
        resolution: { type: "git", repo: "https://example.com/zod", commit: "0".repeat(40) },
      }),
    /comes from a `repo`/,
  ],
  "a direct dependency from a URL": [
    LOCKFILE,
    (lockfile) => Object.assign(proxyNeeds(lockfile).pg, { specifier: "github:someone/pg" }),
    /apps\/proxy needs `pg` as `github:someone\/pg`/,
  ],
  "a version that may move": [
    LOCKFILE,
    (lockfile) => Object.assign(proxyNeeds(lockfile).pg, { specifier: "^8.0.0" }),
    /needs `pg` as `\^8/,
  ],
  "a folder outside the workspace": [
    LOCKFILE,
    (lockfile) =>
      Object.assign(proxyNeeds(lockfile)["@keybrake/core"], { version: "link:../../../elsewhere" }),
    /needs `@keybrake\/core`/,
  ],
  "a range in the catalog": [
    SETTINGS,
    (settings) => Object.assign(settings.catalog, { pg: "8" }),
    /`pg` is `8`, no exact version/,
  ],
  "an install script that is let run": [
    SETTINGS,
    (settings) => Object.assign(settings, { onlyBuiltDependencies: ["esbuild"] }),
    /`onlyBuiltDependencies` is set/,
  ],
  "install scripts that nobody reviewed": [
    SETTINGS,
    (settings) => delete settings.strictDepBuilds,
    /`strictDepBuilds` is not `true`/,
  ],
};

describe("a dependency that nobody could have reviewed fails the check", () => {
  const directory = mkdtempSync(join(tmpdir(), "keybrake-dependencies-"));
  beforeAll(() => {
    for (const folder of listPackages(ROOT)) copy(join(folder, "package.json"));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  /** Checks the workspace as it is, but for one file that was changed. */
  function check(file, change) {
    const changed = read(file);
    change(changed);
    for (const name of [LOCKFILE, SETTINGS]) copy(name);
    const text = stringify(changed, { aliasDuplicateObjects: false, lineWidth: 0 });
    writeFileSync(join(directory, file), text);
    return spawnSync(process.execPath, [join(ROOT, "scripts/check-dependencies.mjs"), directory], {
      encoding: "utf8",
      timeout: 30_000,
    });
  }

  function copy(file) {
    mkdirSync(dirname(join(directory, file)), { recursive: true });
    writeFileSync(join(directory, file), readFileSync(join(ROOT, file)));
  }

  it("accepts what stands there now", () => {
    expect(check(SETTINGS, () => undefined)).toMatchObject({ status: 0, stderr: "" });
  });

  it.each(Object.entries(PLANTED))("finds %s", (_name, [file, change, problem]) => {
    const { status, stderr } = check(file, change);
    expect(stderr).toMatch(problem);
    expect(status).toBe(1);
  });
});
