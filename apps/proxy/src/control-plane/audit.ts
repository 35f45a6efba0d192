import type { AuditReport } from "@keybrake/client/contract";
import type { Router } from "express";
import { type IsTombstoneSigned, verifyAudit } from "../ledger/audit-verify.ts";
import type { Database } from "../ledger/database.ts";
import { mount, reply } from "./operation-handler.ts";

/** The operation that verifies the audit log. Whoever asks while one runs gets that one's answer. */
export function mountAudit(
  router: Router,
  longDatabase: Database,
  isTombstoneSigned: IsTombstoneSigned,
): void {
  let running: Promise<AuditReport> | null = null;
  mount(router, "verifyAudit", async () => {
    running ??= verify(longDatabase, isTombstoneSigned).finally(() => {
      running = null;
    });
    return reply(200, await running);
  });
}

async function verify(database: Database, isTombstoneSigned: IsTombstoneSigned): Promise<AuditReport> {
  const { isSound, links, calls, firstProblem } = await verifyAudit(database, isTombstoneSigned);
  return { ok: isSound, links, calls, first_problem: firstProblem };
}
