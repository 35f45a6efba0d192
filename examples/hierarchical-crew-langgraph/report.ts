import type { AdminClient, Call } from "@keybrake/client";

/** Prints every call of a run, allowed or not. */
export async function printAuditTrail(admin: AdminClient, crewRunId: string): Promise<void> {
  const { data } = await admin.calls.list({ crew_run_id: crewRunId, limit: 100 });
  const calls = data.toReversed();
  const rows = calls.map((call) => [
    call.agent_id ?? "",
    call.vendor ?? "",
    (call.endpoint ?? call.path).replace("/2010-04-01/Accounts/{AccountSid}", "…"),
    describe(call),
  ]);
  console.log("audit trail");
  for (const line of align([["agent", "vendor", "call", "what came of it"], ...rows]))
    console.log(`  ${line}`);
  const refused = calls.filter(({ verdict }) => verdict === "deny").length;
  console.log(`\n${calls.length} calls, ${refused} refused`);
}

function describe({ state, denial_code, cost_usd, reserved_usd }: Call): string {
  if (denial_code !== null) return `refused: ${denial_code}`;
  if (state === "settled") return `${cost_usd} USD`;
  // Twilio states its price later; until then the worst case is held.
  return `up to ${reserved_usd} USD, the price follows`;
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
