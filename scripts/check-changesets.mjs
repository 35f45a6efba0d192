// Says whether every pending changeset can be released: it names packages of this workspace and legal bumps, and has a text.
// `changeset status` needs a branch to compare with and passes over what it does not know; this needs only the files.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { listPackages } from "./workspace.mjs";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const FOLDER = join(ROOT, ".changeset");
const FORM = /^---\r?\n([\s\S]*?)\r?\n---\r?\n([\s\S]*)$/;
const BUMP = /^["']?([^"']+)["']?: *(major|minor|patch|none)$/;

const names = new Set(
  listPackages(ROOT).map(
    (folder) => JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")).name,
  ),
);
const config = JSON.parse(readFileSync(join(FOLDER, "config.json"), "utf8"));
const problems = [];

for (const name of config.fixed.flat()) {
  if (!names.has(name))
    problems.push(`config.json: \`${name}\` in \`fixed\` is no package of this workspace`);
}
for (const file of readdirSync(FOLDER)) {
  if (!file.endsWith(".md") || file === "README.md") continue;
  const [, header, text] = FORM.exec(readFileSync(join(FOLDER, file), "utf8")) ?? [];
  if (header === undefined)
    problems.push(`${file}: does not begin with a block between two lines of \`---\``);
  else problems.push(...checkBumps(file, header), ...(text.trim() ? [] : [`${file}: says nothing`]));
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

function checkBumps(file, header) {
  return header.split(/\r?\n/).flatMap((line) => {
    const name = BUMP.exec(line.trim())?.[1];
    if (name === undefined) return [`${file}: \`${line}\` is not \`"package": major|minor|patch|none\``];
    return names.has(name) ? [] : [`${file}: \`${name}\` is no package of this workspace`];
  });
}
