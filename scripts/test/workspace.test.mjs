import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { listNeeded, listPackages } from "../workspace.mjs";

const ROOT = join(import.meta.dirname, "../..");

it("`npm start` installs what the server needs, and none of the examples' frameworks, which are larger than all of that", () => {
  const needed = listNeeded(ROOT, "apps");
  expect(needed).toEqual(expect.arrayContaining([".", "apps/proxy", "packages/core", "packages/sandbox"]));
  const manifests = needed.map((folder) =>
    JSON.parse(readFileSync(join(ROOT, folder, "package.json"), "utf8")),
  );
  const names = manifests.flatMap(({ dependencies, devDependencies }) =>
    Object.keys({ ...dependencies, ...devDependencies }),
  );
  expect(names.filter((name) => /langchain|langgraph|mastra|openai/.test(name))).toEqual([]);
  expect(listPackages(ROOT)).toEqual(
    expect.arrayContaining(["packages/langchain-tools", "examples/other-frameworks"]),
  );
});
