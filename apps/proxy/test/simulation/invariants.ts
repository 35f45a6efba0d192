import type { SeenCall, SeenKey, SeenWindow, Snapshot } from "./snapshot.ts";
import type { SimulatedVendor, VendorObject } from "./vendor.ts";
import { Violation } from "./violation.ts";

const MICROS_PER_CENT = 10_000;
const MICROS_PER_DOLLAR = 1_000_000;
/** The moves that a call may make; what is not here is an end. */
const MOVES: Readonly<Record<string, readonly string[]>> = {
  reserved: ["settled", "released", "unknown"],
  unknown: ["settled", "released"],
};

function demand(isKept: boolean, problem: string): asserts isKept {
  if (!isKept) throw new Violation(problem);
}

/** No row vanishes, no row that has ended changes, and each call moves only as it may. */
export function checkMoves(before: Snapshot, after: Snapshot): void {
  const now = new Map(after.calls.map((call) => [call.id, call]));
  for (const call of before.calls) {
    const next = now.get(call.id);
    demand(next !== undefined, `the row of call ${call.id} is gone`);
    if (next.state === call.state && (next.state === "reserved" || next.rowVersion === call.rowVersion))
      continue;
    const isLegal = MOVES[call.state]?.includes(next.state) ?? false;
    demand(isLegal, `call ${call.id} was ${call.state}, and then was changed (it is ${next.state})`);
  }
}

/** Sums equal rows, and stand below their limits except by an overrun that is written down. */
export function checkSums({ windows, strays }: Snapshot): void {
  demand(strays === 0, `${strays} open calls have no reservation like them, or the other way round`);
  for (const window of windows) {
    const { budget, scope, unit, reserved, expectedReserved, settled, expectedSettled } = window;
    const name = `window ${budget} (${window.window} ${unit} of ${scope} ${window.value})`;
    const sums = `${reserved} reserved and ${settled} settled`;
    const isEqual = reserved === expectedReserved && settled === expectedSettled;
    demand(isEqual, `${name} says ${sums}, its rows say ${expectedReserved} and ${expectedSettled}`);
    demand(reserved + settled <= window.limit + window.overrun, `${name} exceeds its limit: ${sums}`);
  }
}

/** Whatever this step allowed was allowed to a key that could still act, and fits every window that covers it. */
export function checkDecisions(before: Snapshot, after: Snapshot): void {
  const known = new Set(before.calls.map(({ id }) => id));
  const keys = new Map(before.keys.map((key) => [key.id, key]));
  const windows = new Map(after.windows.map((window) => [window.budget, window]));
  const excess = overrunOf(after) - overrunOf(before);
  const today = latestDay(before);
  for (const call of after.calls) {
    // What comes back from the journal was decided before the power went.
    if (known.has(call.id) || call.state !== "reserved") continue;
    const key = call.key === null ? undefined : keys.get(call.key);
    demand(key !== undefined, `call ${call.id} was allowed to no key`);
    checkKey(before, key, call);
    for (const name of call.budgets ?? []) {
      const window = windows.get(name);
      if (window === undefined || needOf(window, call) === 0) continue;
      const isOld = window.window === "daily" && dayOf(name) < today;
      demand(!isOld, `call ${call.id} was booked to ${name}, although ${today} had begun`);
      const used = window.reserved + window.settled;
      demand(
        used <= window.limit + excess,
        `call ${call.id} was allowed beyond the limit of ${name}: ${used}`,
      );
    }
  }
}

/** A key whose call cost more than was held for it is suspended in the same step. */
export function checkSuspensions(before: Snapshot, after: Snapshot): void {
  const known = new Map(before.calls.map((call) => [call.id, call.overrun]));
  for (const { id, key, overrun } of after.calls) {
    if (overrun === 0 || known.get(id) === overrun) continue;
    const status = after.keys.find((seen) => seen.id === key)?.status;
    demand(status !== "active", `call ${id} cost ${overrun} more than was held, and its key is still active`);
  }
}

/** The latest day to which anything was booked. */
function latestDay({ windows }: Snapshot): string {
  const days = windows.filter(({ window }) => window === "daily").map(({ budget }) => dayOf(budget));
  return days.sort().at(-1) ?? "";
}

/** A window's name is its budget, its first day and its mode. */
function dayOf(window: string): string {
  return window.split("/")[1] ?? "";
}

function checkKey(before: Snapshot, key: SeenKey, call: SeenCall): void {
  const problem = before.isKilled
    ? "the kill switch was engaged"
    : key.status !== "active"
      ? `its key was ${key.status}`
      : key.isGone
        ? "its secret was erased"
        : key.expiresAt !== null && key.expiresAt <= call.at
          ? "its key had expired"
          : null;
  demand(problem === null, `call ${call.id} was allowed although ${problem}`);
  // A look-up is made for a call that was judged, and is no endpoint of the policy.
  if (call.method === "GET") return;
  const isListed = key.endpoints?.includes((call.endpoint ?? "").replace("{intent}", "*")) ?? false;
  demand(isListed, `call ${call.id} was allowed, but its key's policy does not list \`${call.endpoint}\``);
  const isSmall = key.perCall === null || call.reserved <= key.perCall * MICROS_PER_DOLLAR;
  demand(isSmall, `call ${call.id} was allowed beyond its key's \`per_call_usd_cap\``);
}

function needOf({ unit }: SeenWindow, call: SeenCall): number {
  if (unit === "usd") return call.reserved;
  return unit === "calls" && (call.method === "GET" || call.replayOf !== null) ? 0 : 1;
}

function overrunOf({ calls }: Snapshot): number {
  return calls.reduce((sum, { overrun }) => sum + overrun, 0);
}

/** What the vendor executed is counted, object by object, at least as high as it is. */
export function checkMoney({ calls }: Snapshot, vendor: SimulatedVendor): void {
  const rows = new Map(calls.map((call) => [call.id, call]));
  for (const object of vendor.objects.values()) {
    const counted = countedFor(object, rows);
    const moved = (vendor.exposureOf(object) - object.excess) * MICROS_PER_CENT;
    demand(
      counted >= moved,
      `the vendor executed ${moved} micros on ${object.id} (${object.status}), of which ${counted} are counted`,
    );
  }
}

/** When nothing is open any more, what is counted is what the vendor took, to the last cent. */
export function checkBalance({ calls }: Snapshot, vendor: SimulatedVendor): void {
  const rows = new Map(calls.map((call) => [call.id, call]));
  for (const object of vendor.objects.values()) {
    const mine = [...object.callIds].map((id) => rows.get(id));
    if (!mine.every((call) => call?.state === "settled")) continue;
    const counted = countedFor(object, rows);
    const moved = vendor.exposureOf(object) * MICROS_PER_CENT;
    demand(counted === moved, `the vendor took ${moved} micros on ${object.id}, and ${counted} are counted`);
  }
}

function countedFor(object: VendorObject, rows: ReadonlyMap<string, SeenCall>): number {
  let counted = 0;
  for (const id of object.callIds) {
    const call = rows.get(id);
    demand(call?.verdict === "allow", `the vendor executed call ${id}, which has no row that allows it`);
    counted += call.state === "reserved" || call.state === "unknown" ? call.reserved : call.cost;
  }
  return counted;
}

/** What a key's own caps have let through at the vendor, directly against those caps. */
export function checkCaps(
  { calls }: Snapshot,
  vendor: SimulatedVendor,
  highest: ReadonlyMap<string, { readonly key: string; readonly limit: number }>,
): void {
  const rows = new Map(calls.map((call) => [call.id, call]));
  for (const [budget, { key, limit }] of highest) {
    let moved = 0;
    for (const object of vendor.objects.values()) {
      const mine = [...object.callIds].map((id) => rows.get(id));
      if (!mine.every((call) => call?.key === key && (call.budgets?.includes(budget) ?? false))) continue;
      moved += (vendor.exposureOf(object) - object.excess) * MICROS_PER_CENT;
    }
    demand(moved <= limit, `the vendor executed ${moved} micros under ${budget}, whose limit was ${limit}`);
  }
}
