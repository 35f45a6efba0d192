import { defineProject } from "vitest/config";

// These tests start databases and whole servers. What must have the machine to itself, because it measures or kills under
// load, is in vitest.alone.config.ts.
export default defineProject({
  test: {
    name: "proxy",
    include: ["test/**/*.test.ts"],
    exclude: ["test/{races,lifecycle,simulation}/**"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
