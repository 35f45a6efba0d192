import { ManifestError } from "@keybrake/client/manifest";
import { describe, expect, it } from "vitest";
import { CliError, EXIT, explainError } from "../src/exit.ts";

describe("an error", () => {
  it("becomes one sentence and an exit code", () => {
    const problems = [
      { field: "a", message: "is required" },
      { field: "", message: "is odd" },
    ];
    const refusal = Object.assign(new Error("x"), {
      name: "KeybrakeApiError",
      detail: "no",
      code: "c",
      problems,
    });
    expect(explainError(refusal)).toEqual({ lines: ["a: is required; is odd (c)"], exitCode: EXIT.failed });
    expect(explainError(Object.assign(new Error("gone"), { name: "KeybrakeConnectionError" }))).toEqual({
      lines: ["gone"],
      exitCode: EXIT.unreachable,
    });
    expect(explainError(new ManifestError(["keys.0: is odd"]))).toEqual({
      lines: ["keys.0: is odd"],
      exitCode: EXIT.usage,
    });
    expect(explainError(new CliError(EXIT.usage, "wrong"))).toEqual({
      lines: ["wrong"],
      exitCode: EXIT.usage,
    });
  });
});
