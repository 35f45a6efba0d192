import type { TestProject } from "vitest/node";
import { startTestServer } from "../../../../apps/proxy/test/support/server.ts";

/** Where the server of this run is, for test files; see `stage.ts`. */
export interface Addresses {
  readonly dataUrl: string;
  readonly adminUrl: string;
  readonly adminToken: string;
}

declare module "vitest" {
  interface ProvidedContext {
    keybrake: Addresses;
  }
}

/** Starts a real server with its built-in fake vendors; vitest calls it once, and at the end what it returns. */
export async function setup(project: TestProject): Promise<() => Promise<unknown>> {
  const server = await startTestServer();
  const { dataUrl, adminUrl, adminToken } = server;
  project.provide("keybrake", { dataUrl, adminUrl, adminToken });
  return () => server.stop();
}
