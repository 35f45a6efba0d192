import { registerHooks } from "node:module";
import { workerData } from "node:worker_threads";
import { mutate } from "./mutants.ts";
import type { Share } from "./run-seeds.ts";

// Loaded before anything else in a thread that is to run a mutant of the product.
const { mutant } = workerData as Share;
if (mutant !== null && "file" in mutant.where) {
  const end = `/apps/proxy/src/${mutant.where.file}`;
  registerHooks({
    load: (url, context, next) => {
      const loaded = next(url, context);
      if (!url.endsWith(end)) return loaded;
      return { ...loaded, source: mutate(String(loaded.source), mutant) };
    },
  });
}
