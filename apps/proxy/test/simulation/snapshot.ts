import type { SimulatedDatabase } from "./simulated-database.ts";

/** One audit row, money in micro-dollars. */
export interface SeenCall {
  readonly id: string;
  readonly state: "denied" | "reserved" | "unknown" | "settled" | "released";
  readonly verdict: "allow" | "deny";
  readonly code: string | null;
  readonly key: string | null;
  readonly method: string;
  readonly endpoint: string | null;
  readonly reserved: number;
  readonly cost: number;
  readonly overrun: number;
  readonly replayOf: string | null;
  readonly at: number;
  /** Another one after each statement that touched the row. */
  readonly rowVersion: string;
  /** The windows to which it was booked; null for a refusal. */
  readonly budgets: readonly string[] | null;
}

/** One window of a budget, as it stands and as the rows say that it should. */
export interface SeenWindow {
  readonly budget: string;
  readonly scope: string;
  readonly value: string;
  readonly unit: "usd" | "calls" | "requests";
  readonly window: "daily" | "monthly" | "total";
  readonly limit: number;
  readonly reserved: number;
  readonly settled: number;
  readonly overrun: number;
  readonly expectedReserved: number;
  readonly expectedSettled: number;
}

export interface SeenKey {
  readonly id: string;
  readonly status: "active" | "suspended" | "revoked";
  readonly expiresAt: number | null;
  readonly endpoints: readonly string[] | null;
  readonly perCall: number | null;
  /** True when its secret was erased. */
  readonly isGone: boolean;
}

/** The ledger after a step. */
export interface Snapshot {
  readonly calls: readonly SeenCall[];
  readonly windows: readonly SeenWindow[];
  readonly keys: readonly SeenKey[];
  /** Open calls and reservations that do not fit each other. */
  readonly strays: number;
  readonly isKilled: boolean;
}

/** What the ledger says of a call at the instant at which its first byte leaves; null = it holds nothing for it. */
export interface SendRights {
  readonly state: "reserved" | "unknown";
  readonly isLeased: boolean;
  readonly isExpired: boolean;
  readonly ageMs: number;
  /** How long ago its key was revoked, or the kill switch engaged; null = neither. */
  readonly stoppedMs: number | null;
}

type Cell = string | number | boolean | null | readonly string[];
type Cells = readonly Cell[];

/** In the order in which `simulation.observe` lists them. */
const CALL =
  "id state verdict code key method endpoint reserved cost overrun replayOf at rowVersion budgets".split(" ");
const WINDOW =
  "budget scope value unit window limit reserved settled overrun expectedReserved expectedSettled".split(" ");
const KEY = "id status expiresAt endpoints perCall isGone".split(" ");

export async function takeSnapshot(database: SimulatedDatabase): Promise<Snapshot> {
  const [row] = await database.direct.query("SELECT simulation.observe() AS seen");
  const seen = row?.["seen"];
  if (!Array.isArray(seen)) throw new TypeError("the database showed nothing");
  const [calls, windows, keys, strays, isKilled] = seen as [Cells[], Cells[], Cells[], number, boolean];
  return {
    calls: calls.map((cells) => named<SeenCall>(CALL, cells)),
    windows: windows.map((cells) => named<SeenWindow>(WINDOW, cells)),
    keys: keys.map((cells) => named<SeenKey>(KEY, cells)),
    strays,
    isKilled,
  };
}

function named<Seen>(names: readonly string[], cells: Cells): Seen {
  return Object.fromEntries(names.map((name, index) => [name, cells[index]])) as Seen;
}

export async function readSendRights(
  database: SimulatedDatabase,
  callId: string,
): Promise<SendRights | null> {
  const [row] = await database.direct.query("SELECT simulation.send_rights($1) AS rights", [callId]);
  return (row?.["rights"] as SendRights | null | undefined) ?? null;
}
