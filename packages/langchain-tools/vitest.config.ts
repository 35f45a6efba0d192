import { defineProject } from "vitest/config";

// One server for all files: they only ever look at agents of their own.
export default defineProject({
  test: {
    name: "langchain-tools",
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/keybrake-server.ts"],
    testTimeout: 30_000,
  },
});
