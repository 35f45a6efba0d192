import { answerInTime } from "../ledger/answer-in-time.ts";
import type { Answer } from "./answer.ts";
import type { Call } from "./call.ts";
import type { DataPlane } from "./data-plane.ts";

/** `GET /keybrake/v1/me`: what a key is, may, has spent, and when that changes. Never the key itself. */
export async function describeKey(plane: DataPlane, call: Call): Promise<Answer> {
  const key = call.key;
  if (key === null) throw new TypeError("a request without a key describes none");
  const isExpired = key.expiresAt !== null && key.expiresAt <= plane.clock.now();
  const body = {
    id: key.id,
    vault_key: key.redacted,
    agent_id: key.agentId,
    crew_run_id: key.crewRunId,
    vendor: key.vendor,
    status: isExpired && key.status === "active" ? "expired" : key.status,
    policy: key.policy,
    budgets: await answerInTime(plane.describeBudgets(key.id)),
    expires_at: key.expiresAt?.toISOString() ?? null,
    now: plane.clock.now().toISOString(),
  };
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(body)),
  };
}
