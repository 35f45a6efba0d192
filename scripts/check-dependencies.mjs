// Says whether everything that an install would fetch is exactly what was reviewed: bytes from the registry, known by their hash,
// none of which runs by being installed. What is known to be vulnerable only the registry can say: `pnpm audit:dependencies`.
//   node scripts/check-dependencies.mjs [root]
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { listPackages } from "./workspace.mjs";

const ROOT = process.argv[2] ?? dirname(dirname(fileURLToPath(import.meta.url)));
const KINDS = ["dependencies", "devDependencies", "optionalDependencies"];
const EXACT = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;
const HASH = /^sha512-[A-Za-z0-9+/]{86}==$/;
/** What pnpm must refuse: install scripts that nobody looked at, and dependencies of dependencies that are no packages. */
const REQUIRED = { strictDepBuilds: true, blockExoticSubdeps: true };
/** Each of these would let something run, or come from elsewhere. */
const FORBIDDEN = [
  "allowBuilds",
  "dangerouslyAllowAllBuilds",
  "onlyBuiltDependencies",
  "patchedDependencies",
  "pnpmfile",
  "registries",
  "registry",
];

const read = (file) => parse(readFileSync(join(ROOT, file), "utf8"));
const lockfile = read("pnpm-lock.yaml");
const settings = read("pnpm-workspace.yaml");
const folders = new Set(listPackages(ROOT));
const problems = [...checkSettings(), ...checkPackages(), ...checkImporters()];
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;

function checkSettings() {
  const missing = Object.entries(REQUIRED).filter(([name, value]) => settings[name] !== value);
  const present = FORBIDDEN.filter((name) => settings[name] !== undefined);
  const loose = Object.entries(settings.catalog).filter(([, version]) => !EXACT.test(version));
  return [
    ...missing.map(([name, value]) => `pnpm-workspace.yaml: \`${name}\` is not \`${value}\``),
    ...present.map((name) => `pnpm-workspace.yaml: \`${name}\` is set`),
    ...loose.map(([name, version]) => `pnpm-workspace.yaml: \`${name}\` is \`${version}\`, no exact version`),
  ];
}

// A tarball, a git repository or a folder has another resolution than a hash; so has a package of another registry.
function checkPackages() {
  return Object.entries(lockfile.packages).flatMap(([name, { resolution }]) => {
    const { integrity, ...others } = resolution;
    const exotic = Object.keys(others).map((key) => `pnpm-lock.yaml: \`${name}\` comes from a \`${key}\``);
    return HASH.test(integrity ?? "")
      ? exotic
      : [...exotic, `pnpm-lock.yaml: \`${name}\` has no SHA-512 hash`];
  });
}

function checkImporters() {
  return Object.entries(lockfile.importers).flatMap(([folder, importer]) =>
    KINDS.flatMap((kind) => Object.entries(importer[kind] ?? {})).flatMap(([name, { specifier, version }]) =>
      isReviewed(folder, specifier, version)
        ? []
        : [`pnpm-lock.yaml: ${folder} needs \`${name}\` as \`${specifier}\``],
    ),
  );
}

function isReviewed(folder, specifier, version) {
  if (specifier === "catalog:" || EXACT.test(specifier)) return /^\d/.test(version);
  const target = /^link:(.+)$/.exec(version)?.[1];
  return specifier === "workspace:*" && target !== undefined && folders.has(normalize(join(folder, target)));
}
