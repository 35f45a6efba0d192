import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** One member of an interface of stripe-node. */
export interface Member {
  readonly isOptional: boolean;
  readonly isNullable: boolean;
}

const RESOURCES = join(dirname(createRequire(import.meta.url).resolve("stripe")), "..", "esm", "resources");

/** What paging parameters extend; stripe-node declares it outside of its resources. */
const PAGINATION = ["ending_before", "limit", "starting_after"];

/**
 * The members of an interface in one of stripe-node's type files, with those of the interfaces it extends. Read from
 * the text, since TypeScript 7 has no compiler API; the files are generated, so their shape is regular.
 */
export function membersOf(file: string, name: string): ReadonlyMap<string, Member> {
  const source = readFileSync(join(RESOURCES, `${file}.d.ts`), "utf8").replaceAll(/\/\*[\s\S]*?\*\//g, "");
  const head = new RegExp(`^( *)(?:export )?interface ${name}(?: extends (\\w+))? \\{`, "m").exec(source);
  if (head === null) throw new Error(`stripe-node has no interface \`${name}\` in \`${file}.d.ts\``);
  const members = new Map<string, Member>();
  if (head[2] === "PaginationParams") {
    for (const member of PAGINATION) members.set(member, { isOptional: true, isNullable: false });
  } else if (head[2] !== undefined) {
    for (const [member, shape] of membersOf(file, head[2])) members.set(member, shape);
  }
  const rest = source.slice(head.index + head[0].length);
  // Members of the interface itself are indented by four spaces more than it; what is nested, by more.
  const indent = head[1] ?? "";
  const pattern = new RegExp(`^${indent} {4}'?(\\w+)'?(\\?)?: (.*)$`);
  for (const line of rest.slice(0, rest.indexOf(`\n${indent}}`)).split("\n")) {
    const match = pattern.exec(line);
    if (match === null) continue;
    const [, member = "", question, type = ""] = match;
    members.set(member, { isOptional: question === "?", isNullable: /\bnull\b/.test(type) });
  }
  return members;
}
