import type { AuditReport } from "@keybrake/client/contract";
import { type ChainHead, type IsTombstoneSigned, verifyAudit } from "../ledger/audit-verify.ts";
import type { Database } from "../ledger/database.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";

/** What a verification holds the log against. */
export interface AuditEvidence {
  readonly isTombstoneSigned: IsTombstoneSigned;
  /** Heads that were kept outside the database. */
  readonly readCheckpoints: () => Promise<readonly ChainHead[]>;
}

/** The operation that verifies the audit log. Whoever asks while one runs gets that one's answer. */
export function mountAudit(api: AdminApi, longDatabase: Database, evidence: AuditEvidence): void {
  let running: Promise<AuditReport> | null = null;
  mount(api, "verifyAudit", async () => {
    running ??= verify(longDatabase, evidence).finally(() => {
      running = null;
    });
    return reply(200, await running);
  });
}

async function verify(database: Database, evidence: AuditEvidence): Promise<AuditReport> {
  const { isTombstoneSigned, readCheckpoints } = evidence;
  const finding = await verifyAudit(database, isTombstoneSigned, await readCheckpoints());
  const { isSound, links, calls, firstProblem } = finding;
  return { ok: isSound, links, calls, first_problem: firstProblem };
}
