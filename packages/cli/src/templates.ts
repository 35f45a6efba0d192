import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { CliError, EXIT } from "./exit.ts";

/** Made at build time of the folders in `examples/`. */
const TEMPLATES = fileURLToPath(new URL("../dist/templates.json", import.meta.url));

/** A project to start from: its files by their path, with `/`. */
export interface Template {
  readonly name: string;
  readonly description: string;
  readonly files: Readonly<Record<string, string>>;
}

/** Every template that this version brings, by name. */
export function listTemplates(): readonly Template[] {
  return JSON.parse(readFileSync(TEMPLATES, "utf8")) as Template[];
}

/** Finds one, or throws a usage error that names all of them. */
export function findTemplate(name: string): Template {
  const templates = listTemplates();
  const found = templates.find((template) => template.name === name);
  if (found !== undefined) return found;
  const names = templates.map((template) => `\`${template.name}\``).join(", ");
  throw new CliError(EXIT.usage, `there is no template \`${name}\`: use ${names}`);
}

/** Writes a template's files. Throws, and writes nothing, when one of them is there already. */
export function writeTemplate({ files }: Template, directory: string): readonly string[] {
  const names = Object.keys(files);
  const present = names.filter((name) => existsSync(path.join(directory, name)));
  if (present.length > 0)
    throw new CliError(
      EXIT.failed,
      `nothing is written, because these are there already: ${present.map((name) => path.join(directory, name)).join(", ")}`,
    );
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(directory, name);
    mkdirSync(path.dirname(file), { recursive: true });
    // `wx`: should one have appeared in the meantime, it stays as it is.
    writeFileSync(file, text, { flag: "wx" });
  }
  return names;
}
