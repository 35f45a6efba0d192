import type { KillSwitch } from "@keybrake/client/contract";
import type { Database } from "../ledger/database.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";

/** The operations on the brake over everything. */
export function mountKillSwitch(api: AdminApi, database: Database, onChange: () => void): void {
  mount(api, "getKillSwitch", async () => reply(200, await selectKillSwitch(database)));

  mount(api, "setKillSwitch", async ({ body, audited }) => {
    await setKillSwitch(audited, body.engaged, body.reason ?? null);
    onChange();
    return reply(200, await selectKillSwitch(database));
  });
}

/** When this has committed, no call is decided against the switch any more. */
async function setKillSwitch(database: Database, isEngaged: boolean, reason: string | null): Promise<void> {
  await database.query("SELECT 'installation' AS id FROM set_kill_switch($1, $2)", [isEngaged, reason]);
}

async function selectKillSwitch(database: Database): Promise<KillSwitch> {
  const [row] = await database.query(
    "SELECT kill_switch_engaged, kill_switch_reason, kill_switch_changed_at FROM installation",
  );
  return {
    engaged: row?.["kill_switch_engaged"] === true,
    reason: (row?.["kill_switch_reason"] as string | null) ?? null,
    changed_at: (row?.["kill_switch_changed_at"] as Date | null)?.toISOString() ?? null,
  };
}
