import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of a test's own; `using` removes it at the end. */
export function makeTempDir(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "keybrake-test-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
