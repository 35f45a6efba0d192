import { randomBytes } from "node:crypto";
import type { AdminClient, Call } from "@keybrake/client";
import { expect } from "vitest";
import { issueKey, storeSecret } from "../support/crew.ts";
import { createEmptyDatabase, type EmptyDatabase, POSTGRES_URL } from "../support/empty-database.ts";
import { type ServerOptions, startTestServer, type TestServer } from "../support/server.ts";
import type { RawAnswer } from "./raw-client.ts";

/** A server process with a real credential in it. */
export interface Front {
  readonly server: TestServer;
  readonly admin: AdminClient;
  /** Null = embedded. */
  readonly database: EmptyDatabase | null;
  close(): Promise<void>;
}

/** Starts a server in front of a vendor: on PostgreSQL where there is one, else embedded. */
export async function openFront(vendorUrl: string, options: ServerOptions = {}): Promise<Front> {
  const database = POSTGRES_URL === undefined ? null : await createEmptyDatabase();
  const server = await startTestServer({
    stripeUrl: vendorUrl,
    ...(database === null
      ? {}
      : { databaseUrl: database.url, masterKey: randomBytes(32).toString("base64") }),
    ...options,
  });
  await storeSecret(server.admin);
  return {
    server,
    admin: server.admin,
    database,
    close: async () => {
      await server.stop();
      await database?.drop();
    },
  };
}

/** A key that may do everything below /v1 for a thousand dollars, unless the policy says otherwise. */
export function newKey(
  front: Front,
  policy: Readonly<Record<string, unknown>> = {},
): Promise<{ id: string; vaultKey: string }> {
  const wide = { daily_usd_cap: 1000, allowed_endpoints: ["* /v1/**"], expires_in: "1h" };
  return issueKey(front.admin, "attacker_agent", { ...wide, ...policy });
}

/** Keybrake's own code in an answer; null when the answer is somebody else's. */
export function codeOf(answer: RawAnswer | undefined): string | null {
  try {
    const { error } = JSON.parse(answer?.body ?? "") as { error?: { code?: string } };
    return error?.code ?? null;
  } catch {
    return null;
  }
}

/** The audit row that an answer names. */
export function rowOf(front: Front, answer: RawAnswer | undefined): Promise<Call> {
  const callId = answer?.headers.get("keybrake-call-id");
  if (callId === undefined) throw new Error("the answer names no call");
  return front.admin.calls.get(callId);
}

/**
 * A refusal as the cases demand it: a 4xx of ours in Stripe's shape, and a row that says the same; or, behind a hundred
 * rows of the same kind in the same minute, a count.
 */
export async function expectRefusal(front: Front, answer: RawAnswer | undefined): Promise<string> {
  expect(answer?.status).toBeGreaterThanOrEqual(400);
  expect(answer?.status).toBeLessThan(500);
  const code = codeOf(answer);
  const row = await rowOf(front, answer).catch((error: { status?: number }) => {
    if (error.status !== 404) throw error;
    return null;
  });
  if (row === null) {
    const { data } = await front.admin.denials.list({ code: code ?? "", limit: 1_000 });
    expect(data.some(({ recorded, counted }) => recorded === 100 && counted > 0)).toBe(true);
    return code ?? "";
  }
  expect(row).toMatchObject({
    state: "denied",
    verdict: "deny",
    denial_code: code,
    status_code: answer?.status,
    cost_usd: "0.00",
  });
  return code ?? "";
}

/** How many calls the audit log says were let through, optionally of one key. */
export async function countAllowed(front: Front, vaultKeyId?: string): Promise<number> {
  let count = 0;
  const query = vaultKeyId === undefined ? {} : { vault_key_id: vaultKeyId };
  for await (const call of front.admin.calls.ndjson(query)) if (call.verdict === "allow") count++;
  return count;
}
