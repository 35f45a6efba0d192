import { eachItem } from "@keybrake/client";

/** Prints what the audit log has of some runs, oldest first. */
export async function printTrail(admin, crewRunIds) {
  const calls = [];
  for (const crewRunId of crewRunIds) {
    for await (const call of eachItem(admin.calls.list, { crew_run_id: crewRunId })) calls.push(call);
  }
  calls.sort((one, other) => (one.requested_at < other.requested_at ? -1 : 1));
  console.log("\nthe audit trail");
  for (const call of calls) {
    const verdict = call.denial_code ?? `${call.state}, ${call.cost_usd} USD`;
    console.log(`  ${call.agent_id}  run ${call.crew_run_id}  ${call.method} ${call.path}  ${verdict}`);
  }
}
