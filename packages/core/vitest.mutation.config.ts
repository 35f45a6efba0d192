import { defineConfig } from "vitest/config";

// The tests of the files that are mutated, without random ones: a mutant must be found by every run or by none.
export default defineConfig({
  test: { include: ["test/{authorize,budget,endpoint,money}.test.ts"] },
});
