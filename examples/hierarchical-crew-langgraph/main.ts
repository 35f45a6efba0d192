// A supervisor and three agents, each with vault keys of its own for this one run; then what the audit log has on them.
import { randomUUID } from "node:crypto";
import { createCrew, TASK } from "./crew.ts";
import { issueRunKeys } from "./keys.ts";
import { chooseModels } from "./models.ts";
import { findKeybrake } from "./proxy.ts";
import { printAuditTrail } from "./report.ts";

const keybrake = findKeybrake();
const crewRunId = `run-${randomUUID()}`;
try {
  console.log(`run       ${crewRunId}`);
  const environment = await issueRunKeys(keybrake, crewRunId);
  const crew = createCrew(await chooseModels(), environment);
  const { messages } = await crew.invoke(
    { messages: [{ role: "user", content: TASK }] },
    // In `configurable`, LangGraph hands it on to every agent and tool. Keys never go in here: it ends up in traces.
    { configurable: { crew_run_id: crewRunId }, recursionLimit: 60 },
  );
  console.log(`crew      ${messages.at(-1)?.text}\n`);
  await printAuditTrail(keybrake.admin, crewRunId);
} finally {
  // The keys would expire by themselves; now nobody can use them any more.
  await keybrake.admin.runs.revoke(crewRunId, { reason: "the run has ended" });
}
