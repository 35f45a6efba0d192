import { setTimeout as delay } from "node:timers/promises";
import { type Figure, type Finding, type Run, scaled } from "./figure.ts";
import { openPlainVendor } from "./plain-vendor.ts";
import { charge, keepCalling, openReplicas } from "./replicas.ts";

const STEADY_CALLERS = 8;
const FLOOD_CALLERS = 64;

/** What a flood of refusals did. */
export interface FloodFinding {
  /** Calls a second of the other key, without and with the flood. */
  readonly before: number;
  readonly during: number;
  /** Refusals that the flood was answered with, and those that are kept of it. */
  readonly refused: number;
  readonly recorded: number;
  readonly counted: number;
  /** Rows in the audit log. */
  readonly rows: number;
  readonly steadyFailures: number;
  readonly isChainSound: boolean;
}

/** One key is refused again and again while another one works. Ends after so many refusals. */
export async function floodWithDenials(refusals: number, baselineMs: number): Promise<FloodFinding> {
  const vendor = await openPlainVendor();
  const replicas = await openReplicas({ stripeUrl: vendor.url });
  const [server] = replicas.servers;
  if (server === undefined) throw new TypeError("no server");
  try {
    const steadyKey = await replicas.issue("steady_agent");
    const floodKey = await replicas.issue("hasty_agent", { allowed_endpoints: ["POST /v1/customers"] });
    const steady = keepCalling(server, STEADY_CALLERS, (pool) => charge(pool, steadyKey.vaultKey));
    const perSecond = async (until: () => Promise<unknown>) => {
      const [calls, startedAtMs] = [steady.answers.length, performance.now()];
      await until();
      return ((steady.answers.length - calls) * 1_000) / (performance.now() - startedAtMs);
    };
    await delay(Math.min(1_000, baselineMs));
    const before = await perSecond(() => delay(baselineMs));
    const flood = keepCalling(server, FLOOD_CALLERS, (pool) => charge(pool, floodKey.vaultKey));
    const refusedOf = () => flood.answers.filter(({ status }) => status === 403).length;
    const during = await perSecond(async () => {
      while (refusedOf() < refusals) await delay(50);
    });
    await flood.stop();
    const refused = refusedOf();
    const steadyFailures = (await steady.stop()).filter(({ status }) => status !== 200).length;
    const { data } = await replicas.admin.denials.list({ vault_key_id: floodKey.id, limit: 1_000 });
    const { rows } = await replicas.admin.sql.query(
      `SELECT count(*) AS rows FROM calls WHERE vault_key_id = '${floodKey.id}'`,
    );
    const sum = (name: "recorded" | "counted") => data.reduce((total, count) => total + count[name], 0);
    return {
      before,
      during,
      refused,
      recorded: sum("recorded"),
      counted: sum("counted"),
      rows: Number(rows[0]?.["rows"]),
      steadyFailures,
      isChainSound: (await replicas.admin.audit.verify()).ok,
    };
  } finally {
    await replicas.close();
    await vendor.close();
  }
}

export const denialFlood: Figure = {
  name: "C8 flood of refusals",
  goal: "10,000 refusals of one key: counted exactly, at most 100 rows a minute, another key keeps 90 % of its throughput",
  findObstacle: () => null,
  run: async (run: Run): Promise<Finding> => {
    const finding = await floodWithDenials(scaled(10_000, run, 400), scaled(10_000, run, 300));
    const { before, during, refused, recorded, counted, rows, steadyFailures, isChainSound } = finding;
    const isExact =
      recorded + counted === refused && rows === recorded && isChainSound && steadyFailures === 0;
    const kept = during / before;
    return {
      isReached: isExact && kept >= 0.9,
      measured: `${refused} refused = ${recorded} rows + ${counted} counted; other key ${before.toFixed(0)} → ${during.toFixed(0)} calls/s (${(kept * 100).toFixed(0)} %)`,
    };
  },
};
