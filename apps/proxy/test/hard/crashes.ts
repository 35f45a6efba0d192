import { setTimeout as delay } from "node:timers/promises";
import fc from "fast-check";
import { Pool } from "undici";
import { findPostgres } from "../lifecycle/private-postgres.ts";
import { hasRedis } from "../lifecycle/private-redis.ts";
import { issueKey } from "../support/crew.ts";
import { type Figure, type Finding, type Run, scaled } from "./figure.ts";
import { type Arrival, answerIntent, openPlainVendor } from "./plain-vendor.ts";
import { listRedisFaults } from "./redis-faults.ts";
import { charge } from "./replicas.ts";
import { openVictims, type Victims } from "./victims.ts";

const REPLICAS = 3;
const CALLERS = 12;
const WHOLE_SEEDS = 200;
/** After an answer that is none: what is wanted is load, not a storm. */
const PAUSE_MS = 20;
/** A lease is ten seconds, and the promise for leftovers is thirty. */
const SWEPT_WITHIN_MS = 60_000;
const NONCE = /metadata\[nonce\]=(\d+)_(\d+)/;
const AMOUNT = /amount=(\d+)/;

/** What was spent and what was written down while everything was killed again and again. */
export interface CrashFinding {
  readonly seeds: number;
  readonly replicaKills: number;
  readonly postgresKills: number;
  readonly redisFaults: number;
  /** Requests at the vendor, and what they charged, in cents. */
  readonly arrived: number;
  readonly chargedCents: number;
  /** Answers that an agent got: charged, refused by the cap, neither. */
  readonly acknowledged: number;
  readonly refused: number;
  readonly failed: number;
  /** Keys for which the vendor charged more than the cap. */
  readonly overspent: readonly string[];
  /** Keys whose rows do not cover what the vendor charged, or are not what their budget says. */
  readonly uneven: readonly string[];
  /** Calls that the vendor saw without a row that counts them. */
  readonly unaudited: number;
  /** Charges that an agent was told of and that no settled row has, and refusals that are neither in a row nor counted. */
  readonly lost: number;
  /** Calls that are open when all is over. */
  readonly open: number;
  readonly isChainSound: boolean;
}

/** One thing that goes wrong, when so many calls of a key have arrived at the vendor. */
type Fault = { readonly afterCalls: number } & (
  | { readonly kind: "replica"; readonly replica: number }
  | { readonly kind: "postgres" }
  | { readonly kind: "redis"; readonly fault: number }
);

/** What follows from a seed. */
interface Scenario {
  readonly capDollars: number;
  readonly cents: readonly number[];
  readonly faults: readonly Fault[];
}

/** One key's life, as the vendor and its agents saw it. */
interface Witnessed {
  readonly keyId: string;
  readonly capCents: number;
  /** Cents by number of the call. */
  readonly arrived: Map<number, number>;
  readonly acknowledged: string[];
  refused: number;
  failed: number;
}

const afterCalls = fc.integer({ min: 0, max: 40 });
const kill: fc.Arbitrary<Fault> = fc.oneof(
  {
    weight: 7,
    arbitrary: fc.record({
      kind: fc.constant("replica" as const),
      replica: fc.nat(REPLICAS - 1),
      afterCalls,
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("postgres" as const), afterCalls }) },
);
const torment: fc.Arbitrary<Fault> = fc.record({
  kind: fc.constant("redis" as const),
  fault: fc.nat(4),
  afterCalls,
});
const scenario: fc.Arbitrary<Scenario> = fc.record({
  capDollars: fc.integer({ min: 200, max: 3_000 }),
  cents: fc.array(fc.oneof(fc.integer({ min: 50, max: 999 }), fc.integer({ min: 1_000, max: 9_999 })), {
    minLength: 80,
    maxLength: 120,
  }),
  faults: fc
    .tuple(kill, fc.option(torment))
    .map(([one, other]) => (other === null ? [one] : [one, other]))
    .map((faults) => faults.sort((one, other) => one.afterCalls - other.afterCalls)),
});

/** Lives through so many scenarios, one key each, on replicas that stay the same as far as they are not killed. */
export async function crash(programs: string, seeds: number, seed: number): Promise<CrashFinding> {
  const lives: Witnessed[] = [];
  const vendor = await openPlainVendor((arrival) => {
    witness(lives, arrival);
    return answerIntent(arrival);
  });
  const victims = await openVictims(programs, vendor.url, REPLICAS);
  const kills = { replica: 0, postgres: 0, redis: 0 };
  try {
    // Redis is asked about every call: how often its key may call, and when its secret may send.
    await victims.admin().secrets.update("stripe-test", { requests_per_second: 100_000 });
    await victims.redis.dump();
    for (const lived of fc.sample(scenario, { numRuns: seeds, seed })) {
      await live(victims, lived, lives);
      for (const { kind } of lived.faults) kills[kind]++;
    }
    await victims.settled();
    const books = await readBooks(victims, lives);
    const sum = (of: (life: Witnessed) => number) => lives.reduce((total, life) => total + of(life), 0);
    return {
      seeds,
      replicaKills: kills.replica,
      postgresKills: kills.postgres,
      redisFaults: kills.redis,
      arrived: sum(({ arrived }) => arrived.size),
      chargedCents: sum(chargedCentsOf),
      acknowledged: sum(({ acknowledged }) => acknowledged.length),
      refused: sum(({ refused }) => refused),
      failed: sum(({ failed }) => failed),
      ...books,
    };
  } finally {
    await victims.close();
    await vendor.close();
  }
}

function witness(lives: readonly Witnessed[], { body }: Arrival): void {
  const [, life, number] = NONCE.exec(decodeURIComponent(body)) ?? [];
  const { arrived } = lives[Number(life)] ?? {};
  if (arrived === undefined) throw new Error("the vendor saw a call that nobody made");
  if (arrived.has(Number(number))) throw new Error("the vendor saw a call twice");
  arrived.set(Number(number), Number(AMOUNT.exec(body)?.[1]));
}

const chargedCentsOf = ({ arrived }: Witnessed): number =>
  [...arrived.values()].reduce((total, cents) => total + cents, 0);

async function live(victims: Victims, { capDollars, cents, faults }: Scenario, lives: Witnessed[]) {
  await victims.settled();
  const { id, vaultKey } = await issueKey(victims.admin(), "victim_agent", {
    daily_usd_cap: capDollars,
    allowed_endpoints: ["POST /v1/payment_intents"],
    requests_per_minute: 1_000_000,
    expires_in: "1h",
  });
  const index = lives.length;
  const life: Witnessed = {
    keyId: id,
    capCents: capDollars * 100,
    arrived: new Map(),
    acknowledged: [],
    refused: 0,
    failed: 0,
  };
  lives.push(life);
  let begun = 0;
  let areFaultsOver = false;
  const attempt = async (pools: Pools, replica: number) => {
    const number = begun++;
    const form = `amount=${cents[number % cents.length]}&currency=usd&metadata[nonce]=${index}_${number}`;
    const pool = pools.at(victims.dataUrl(replica));
    const answer = await (pool === null ? null : charge(pool, vaultKey, { form }).catch(() => null));
    if (answer?.status === 200) life.acknowledged.push(answer.callId);
    else if (answer?.code === "daily_cap_exceeded") life.refused++;
    else {
      if (pool !== null) life.failed++;
      await delay(PAUSE_MS);
    }
  };
  const call = async (_: unknown, caller: number) => {
    const pools = new Pools();
    while (begun < cents.length || !areFaultsOver) await attempt(pools, caller % REPLICAS);
    await pools.destroy();
  };
  const load = Promise.all(Array.from({ length: CALLERS }, call));
  try {
    for (const fault of faults) {
      while (life.arrived.size < fault.afterCalls && life.refused === 0) await delay(1);
      await inject(victims, fault);
    }
  } finally {
    areFaultsOver = true;
    await load;
  }
}

async function inject(victims: Victims, fault: Fault): Promise<void> {
  if (fault.kind === "replica") return victims.killReplica(fault.replica);
  if (fault.kind === "redis") return listRedisFaults(victims.redis)[fault.fault]?.();
  await victims.settled();
  return victims.killPostgres();
}

/** One connection to each address that a replica has had. */
class Pools {
  readonly #pools = new Map<string, Pool>();

  at(url: string | null): Pool | null {
    if (url === null) return null;
    const pool = this.#pools.get(url) ?? new Pool(url, { connections: 1 });
    this.#pools.set(url, pool);
    return pool;
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.destroy()));
  }
}

type Books = Pick<CrashFinding, "overspent" | "uneven" | "unaudited" | "lost" | "open" | "isChainSound">;

/** What the database says, once every leftover has become unknown. */
async function readBooks({ postgres, admin }: Victims, lives: readonly Witnessed[]): Promise<Books> {
  const deadlineMs = performance.now() + SWEPT_WITHIN_MS;
  const countOpen = async () => {
    const [row] = await postgres.query(
      "SELECT count(*)::integer AS open FROM calls WHERE state = 'reserved'",
    );
    return Number(row?.["open"]);
  };
  while ((await countOpen()) > 0 && performance.now() < deadlineMs) await delay(250);
  const books = { overspent: [] as string[], uneven: [] as string[], unaudited: 0, lost: 0 };
  for (const life of lives) {
    const rows = await readRows(postgres, life.keyId);
    const chargedCents = chargedCentsOf(life);
    const usedCents = rows.counted.reduce((total, { cents }) => total + cents, 0);
    const what = `cap ${life.capCents}, charged ${chargedCents}, rows ${usedCents}, budget ${rows.usedMicros / 10_000} cents`;
    if (chargedCents > life.capCents) books.overspent.push(what);
    const isEven =
      chargedCents <= usedCents && usedCents <= life.capCents && rows.usedMicros === usedCents * 10_000;
    if (!isEven) books.uneven.push(what);
    const numbers = new Set(rows.counted.map(({ number }) => number));
    books.unaudited += [...life.arrived.keys()].filter((number) => !numbers.has(number)).length;
    const settled = new Set(rows.counted.flatMap(({ id, isSettled }) => (isSettled ? [id] : [])));
    books.lost += life.acknowledged.filter((id) => !settled.has(id)).length;
    books.lost += Math.max(0, life.refused - rows.denied);
  }
  const isChainSound = (await admin().audit.verify()).ok;
  return { ...books, open: await countOpen(), isChainSound };
}

async function readRows(postgres: Victims["postgres"], keyId: string) {
  const rows = await postgres.query(
    `SELECT id::text AS id, state, split_part(metadata ->> 'nonce', '_', 2)::integer AS number,
       round(100 * CASE state WHEN 'unknown' THEN reserved_usd ELSE cost_usd END)::integer AS cents
     FROM calls WHERE vault_key_id = $1 AND state IN ('settled', 'unknown')`,
    [keyId],
  );
  const [sums] = await postgres.query(
    `SELECT (SELECT count(*)::integer FROM calls WHERE vault_key_id = $1::uuid AND state = 'denied')
         + (SELECT coalesce(sum(counted), 0)::integer FROM denial_counts WHERE vault_key_id = $1::uuid) AS denied,
       (SELECT coalesce(sum(w.reserved + w.settled), 0)::float8 FROM budget_windows w JOIN budgets b ON b.id = w.budget_id
         WHERE b.scope = 'vault_key' AND b.scope_value = $1::text AND b.unit = 'usd') AS used`,
    [keyId],
  );
  const counted = rows.map((row) => ({
    id: String(row["id"]),
    number: Number(row["number"]),
    isSettled: row["state"] === "settled",
    cents: Number(row["cents"]),
  }));
  return { counted, denied: Number(sums?.["denied"]), usedMicros: Number(sums?.["used"]) };
}

export const crashes: Figure = {
  name: "A2 A3 A4 crashes",
  goal: "200 seeds with random amounts, a kill -9 of a replica or of PostgreSQL under load in each, Redis in torment: no cap exceeded, every call at the vendor has a row, no acknowledged row is lost",
  findObstacle: () =>
    findPostgres() === null ? "needs PostgreSQL's programs" : hasRedis() ? null : "needs redis-server",
  run: async (run: Run): Promise<Finding> => {
    const found = await crash(findPostgres() ?? "", scaled(WHOLE_SEEDS, run), run.seed);
    const { overspent, uneven, unaudited, lost, open, replicaKills, postgresKills } = found;
    return {
      isReached: overspent.length === 0 && unaudited === 0 && lost === 0 && open === 0 && found.isChainSound,
      measured:
        `${found.seeds} seeds, ${replicaKills} + ${postgresKills} kills of replicas and PostgreSQL, ${found.redisFaults} faults of Redis: ` +
        `${found.arrived} charges ($${(found.chargedCents / 100).toFixed(2)}) at the vendor, ${found.acknowledged} acknowledged, ` +
        `${found.refused} refused, ${found.failed} failed; ${overspent.length} caps exceeded, ${uneven.length} books uneven, ${unaudited} unaudited, ${lost} lost, ${open} open` +
        (uneven.length === 0 ? "" : `; ${uneven[0]}`),
    };
  },
};
