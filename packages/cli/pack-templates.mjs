// Puts every example that has a README into one file of this package, from which `keybrake init` writes it out again: as text,
// so that no rule of a package manager leaves a file of it out. References within the workspace become versions.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { parse } from "yaml";

const ROOT = join(import.meta.dirname, "../..");
const EXAMPLES = join(ROOT, "examples");
const TARGET = join(import.meta.dirname, "dist/templates.json");
// What is made by tools, and what only this repository can use.
const LEFT_OUT =
  /^(?:node_modules|dist|\.turbo|\.venv|venv|__pycache__|\.pytest_cache|\.ruff_cache|\.keybrake|\.env|test|tests|vitest\.config\.ts|.*\.(?:test\.m?[jt]s|pyc|tsbuildinfo|log))$/;

const { catalog } = parse(readFileSync(join(ROOT, "pnpm-workspace.yaml"), "utf8"));
const workspace = new Map(
  readdirSync(join(ROOT, "packages"))
    .map((name) => join(ROOT, "packages", name, "package.json"))
    .filter((file) => existsSync(file))
    .map((file) => JSON.parse(readFileSync(file, "utf8")))
    .map((manifest) => [manifest.name, manifest]),
);

const names = existsSync(EXAMPLES)
  ? readdirSync(EXAMPLES).filter((name) => existsSync(join(EXAMPLES, name, "README.md")))
  : [];
writeFileSync(TARGET, `${JSON.stringify(names.sort().map(packTemplate), null, 1)}\n`);

function packTemplate(name) {
  const folder = join(EXAMPLES, name);
  const files = Object.fromEntries(
    listFiles(folder).map((file) => {
      const text = readFileSync(join(folder, file), "utf8");
      if (text.includes("\0")) throw new Error(`examples/${name}/${file} is no text`);
      return [file.split(sep).join("/"), file === "package.json" ? resolveVersions(name, text) : text];
    }),
  );
  return { name, description: describe(files["README.md"]), files };
}

function listFiles(folder) {
  const walk = (directory) =>
    readdirSync(directory, { withFileTypes: true })
      .filter((entry) => !LEFT_OUT.test(entry.name))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((entry) => {
        const path = join(directory, entry.name);
        if (entry.isDirectory()) return walk(path);
        return entry.isFile() ? [relative(folder, path)] : [];
      });
  return walk(folder);
}

// The first sentence below the heading.
function describe(readme) {
  const [paragraph = ""] = readme.split(/\n\s*\n/).filter((part) => !part.startsWith("#"));
  return (/^.*?[.:](?=\s|$)/s.exec(paragraph.trim())?.[0] ?? paragraph.trim())
    .replace(/[.:]$/, "")
    .replace(/\s+/g, " ");
}

function resolveVersions(name, text) {
  const manifest = JSON.parse(text);
  for (const field of ["dependencies", "devDependencies"]) {
    for (const [dependency, range] of Object.entries(manifest[field] ?? {}))
      manifest[field][dependency] = resolveVersion(name, dependency, range);
  }
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

function resolveVersion(name, dependency, range) {
  if (range === "catalog:") return catalog[dependency];
  if (!range.startsWith("workspace:")) return range;
  const { version, private: isPrivate } = workspace.get(dependency) ?? {};
  if (version === undefined || isPrivate)
    throw new Error(`examples/${name} needs \`${dependency}\`, which is not published`);
  return `^${version}`;
}
