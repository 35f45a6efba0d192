import { defineProject } from "vitest/config";

// These tests start databases and whole servers, so files take turns: side by side they would measure each other's load.
export default defineProject({
  test: {
    name: "proxy",
    include: ["test/**/*.test.ts"],
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
