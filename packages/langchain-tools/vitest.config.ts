import { defineProject } from "vitest/config";

// LangChain takes seconds to load, so the files share one process, and one server: they only ever look at agents of
// their own.
export default defineProject({
  test: {
    name: "langchain-tools",
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/keybrake-server.ts"],
    isolate: false,
    fileParallelism: false,
    testTimeout: 30_000,
  },
});
