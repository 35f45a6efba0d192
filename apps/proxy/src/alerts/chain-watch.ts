import type { AuditProblem } from "../ledger/audit-verify.ts";
import type { Database } from "../ledger/database.ts";
import type { Finding } from "./alert-store.ts";

/**
 * Links of one chain that are recomputed at one look, with every row that they name: under load there are more, and a
 * look must stay cheap. Then it goes on with the newest ones; the whole chain is for `keybrake audit verify`.
 */
const LINKS_MAX = 10;

interface Position {
  readonly seq: bigint;
  readonly hash: Uint8Array;
}

/** The chains of replicas that lived a minute ago or later: their newest link, and the one from which a look may begin. */
const HEADS = `
  SELECT r.epoch, h.seq, b.seq AS begin_seq, b.hash AS begin_hash FROM replicas r
  CROSS JOIN LATERAL (SELECT a.seq FROM audit_chain a WHERE a.epoch = r.epoch ORDER BY a.seq DESC LIMIT 1) h
  LEFT JOIN audit_chain b ON b.epoch = r.epoch AND b.seq = h.seq - ${LINKS_MAX}
  WHERE r.lease_until > clock_timestamp() - interval '1 minute'`;

/** Looks at the links that were added since the last look, and whether the rows still are what they say. */
export class ChainWatch {
  readonly #database: Database;
  #seen = new Map<bigint, Position>();

  constructor(database: Database) {
    this.#database = database;
  }

  async find(): Promise<readonly Finding[]> {
    const findings: Finding[] = [];
    const seen = new Map<bigint, Position>();
    for (const row of await this.#database.query(HEADS)) {
      const epoch = row["epoch"] as bigint;
      const begin =
        row["begin_seq"] === null
          ? null
          : { seq: row["begin_seq"] as bigint, hash: row["begin_hash"] as Uint8Array };
      const last = this.#seen.get(epoch) ?? null;
      // With a chain so short that there is none to begin from, it begins at the chain's own beginning.
      const from = last !== null && last.seq > (begin?.seq ?? 0n) ? last : begin;
      const { position, problem } = await this.#verify(epoch, from);
      seen.set(epoch, position);
      if (problem !== null) findings.push(describeChainProblem(problem));
    }
    this.#seen = seen;
    return findings;
  }

  async #verify(epoch: bigint, from: Position | null) {
    const [row] = await this.#database.query(
      `SELECT * FROM verify_links($1::bigint, $2, coalesce($3, chain_genesis($1::bigint)), ${LINKS_MAX}, '-infinity',
         coalesce((SELECT max(t.calls_before) FROM audit_tombstones t), '-infinity'))`,
      [epoch.toString(), (from?.seq ?? 0n).toString(), from === null ? null : Buffer.from(from.hash)],
    );
    const problem = row?.["problem"] as string | null;
    const position = { seq: row?.["last_seq"] as bigint, hash: row?.["last_hash"] as Uint8Array };
    if (problem === null) return { position, problem: null };
    return { position, problem: { epoch: Number(epoch), seq: Number(row?.["bad_seq"]), problem } };
  }
}

/** What a look or a verification found wrong with the audit log; once for each place. */
export function describeChainProblem({ epoch, seq, problem }: AuditProblem): Finding {
  const where = epoch === null ? "" : ` Epoch ${epoch}, link ${seq}.`;
  return {
    dedupe_key: epoch === null ? `chain_broken:${problem}` : `chain_broken:${epoch}:${seq}`,
    kind: "chain_broken",
    severity: "critical",
    title: "The audit log is not what its chain says",
    detail: `${problem[0]?.toUpperCase()}${problem.slice(1)}.${where} Run \`keybrake audit verify\`, and compare with a backup.`,
  };
}
