import { RecordsUnreadable } from "../reconcile/read-records.ts";
import type { Reconciler } from "../reconcile/reconciler.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { invalidField, ProblemError } from "./problem.ts";

/** The operation that compares a day with the vendor's own records. `now` is the database's time. */
export function mountReconcile(api: AdminApi, reconciler: Pick<Reconciler, "run" | "now">): void {
  mount(api, "reconcile", async ({ body }) => {
    if (Date.parse(body.day) > reconciler.now().getTime()) throw invalidField("day", "has not begun yet");
    const report = await reconciler.run(body).catch((error: unknown) => {
      if (error instanceof RecordsUnreadable)
        throw new ProblemError("records_unreadable", { detail: error.message, cause: error });
      throw error;
    });
    if (report === null)
      throw new ProblemError("unknown_secret", {
        detail: `there is no secret \`${body.secret}\` of ${body.vendor}`,
      });
    return reply(200, report);
  });
}
