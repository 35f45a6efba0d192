import { existsSync } from "node:fs";
import path from "node:path";
import { type Manifest, parseManifest } from "@keybrake/client/manifest";
import { parse } from "yaml";
import { CrewError } from "./crew-error.ts";
import { understandFile } from "./project-file.ts";

/** Reads `keybrake.yaml`. Throws a CrewError when there is none, and a ManifestError when it is wrong. */
export function readManifestFile(directory: string, name: string): Manifest {
  const file = path.resolve(directory, name);
  if (!existsSync(file))
    throw new CrewError("manifest_unreadable", [
      `there is no \`${name}\` here: it says which agent of the crew may use which vendor, and how far`,
    ]);
  const read = (text: string): unknown => parse(text, { maxAliasCount: 100 });
  return parseManifest(understandFile(directory, file, read, "manifest_unreadable"));
}
