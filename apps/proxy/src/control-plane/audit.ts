import { createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { AuditHistory, AuditReport } from "@keybrake/client/contract";
import { raiseAlerts } from "../alerts/alert-store.ts";
import { describeChainProblem } from "../alerts/chain-watch.ts";
import { type ChainHead, type SignatureCheck, verifyAudit } from "../ledger/audit-verify.ts";
import type { Database } from "../ledger/database.ts";
import type { History } from "../ledger/history.ts";
import {
  acceptHistory,
  closeHistory,
  gapText,
  type HistoryGap,
  listHistoryGaps,
} from "../ledger/history-gaps.ts";
import { tombstoneText } from "../ledger/maintenance.ts";
import type { AdminIdentity } from "./admin-identity.ts";
import { type AdminApi, mount, reply } from "./operation-handler.ts";
import { ProblemError } from "./problem.ts";

/** What a verification holds the log against. */
export interface AuditEvidence {
  /** Signs what an operator accepts; its public half checks tombstones and gap markers. */
  readonly signingKey: KeyObject;
  /** Heads that were kept outside the database. */
  readonly readCheckpoints: () => Promise<readonly ChainHead[]>;
}

/** The operation that verifies the audit log. Whoever asks while one runs gets that one's answer. */
export function mountAudit(api: AdminApi, longDatabase: Database, evidence: AuditEvidence): void {
  let running: Promise<AuditReport> | null = null;
  mount(api, "verifyAudit", async () => {
    running ??= verifyOnce(longDatabase, evidence).finally(() => {
      running = null;
    });
    return reply(200, await running);
  });
}

/** The operations on lost history: what was found, and going on all the same. */
export function mountHistory(
  api: AdminApi,
  database: Database,
  signingKey: KeyObject,
  history: Pick<History, "check">,
): void {
  mount(api, "getAuditHistory", async () => reply(200, toHistory(await listHistoryGaps(database))));

  mount(api, "acceptHistory", async ({ body, identity, audited }) => {
    const gap = await closeHistory(database);
    if (gap === null) throw new ProblemError("history_intact");
    const by = nameOf(identity);
    const signature = sign(null, Buffer.from(gapText(gap, by, body.reason)), signingKey);
    // Somebody else who accepts it in the same moment has closed it anew: then that one's word counts.
    if (!(await acceptHistory(audited, gap, { by, reason: body.reason, signature })))
      throw new ProblemError("history_intact", { detail: "somebody else is accepting it now" });
    await history.check();
    return reply(200, toHistory(await listHistoryGaps(database)));
  });
}

/** Checks signatures with the public half of a key. */
export function createSignatureCheck(key: KeyObject): SignatureCheck {
  return {
    isTombstoneSigned: (tombstone) =>
      verify(null, Buffer.from(tombstoneText(tombstone)), key, tombstone.signature),
    isGapSigned: (gap) =>
      gap.signature !== null &&
      verify(null, Buffer.from(gapText(gap, gap.acceptedBy, gap.reason)), key, gap.signature),
  };
}

async function verifyOnce(database: Database, evidence: AuditEvidence): Promise<AuditReport> {
  const check = createSignatureCheck(createPublicKey(evidence.signingKey));
  const finding = await verifyAudit(database, check, await evidence.readCheckpoints());
  const { isSound, links, calls, gaps, firstProblem } = finding;
  if (firstProblem !== null) await raiseAlerts(database, [describeChainProblem(firstProblem)]);
  return { ok: isSound, links, calls, gaps, first_problem: firstProblem };
}

function nameOf({ tokenId, name }: AdminIdentity): string {
  return tokenId === null ? name : `${name} (${tokenId})`;
}

function toHistory(gaps: readonly HistoryGap[]): AuditHistory {
  return {
    is_lost: gaps.some(({ acceptedAt }) => acceptedAt === null),
    gaps: gaps.map((gap) => ({
      id: gap.id.toString(),
      found_at: gap.foundAt.toISOString(),
      found_by: gap.foundBy,
      lost: gap.lost.map(({ epoch, seq }) => ({ epoch: Number(epoch), seq: Number(seq) })),
      accepted_at: gap.acceptedAt?.toISOString() ?? null,
      accepted_by: gap.acceptedBy,
      reason: gap.reason,
    })),
  };
}
