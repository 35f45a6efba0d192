import type { MasterKeyState } from "@keybrake/client/contract";
import type { KeyRing } from "../secrets/key-ring.ts";
import type { MasterKeyRotation } from "../secrets/master-key-rotation.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";

/** The operations on the master key. No answer holds one: keys are named by their ids. */
export function mountMasterKey(api: AdminApi, rotation: MasterKeyRotation, keyRing: KeyRing): void {
  mount(api, "getMasterKey", async () => reply(200, await describe(rotation, keyRing)));

  mount(api, "rotateMasterKey", async ({ audited }) => {
    const refusal = await rotation.begin(audited);
    if (refusal !== null)
      throw new ProblemError(
        refusal.reason === "unfinished" ? "master_key_unfinished" : "master_key_not_everywhere",
        { detail: refusal.detail },
      );
    await rotation.continue();
    return reply(200, await describe(rotation, keyRing));
  });
}

async function describe(rotation: MasterKeyRotation, keyRing: KeyRing): Promise<MasterKeyState> {
  const { activeId, previousId, begunAt, finishedAt, remaining } = await rotation.state();
  return {
    active_id: activeId ?? keyRing.configuredId,
    previous_id: previousId,
    configured_ids: [...keyRing.ids],
    begun_at: begunAt?.toISOString() ?? null,
    finished_at: finishedAt?.toISOString() ?? null,
    remaining,
  };
}
