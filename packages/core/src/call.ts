/**
 * The life of one audited call.
 *
 *   denied                                        refused by policy, nothing was charged
 *   reserved ── proven not sent, or refused ────► released
 *   reserved ── complete answer, amount known ──► settled
 *   reserved ── anything else ──────────────────► unknown   (the worst case stays charged)
 *   unknown  ── evidence from the vendor ───────► settled | released
 */
export const CALL_STATES = ["denied", "reserved", "unknown", "settled", "released"] as const;
export type CallState = (typeof CALL_STATES)[number];

const MOVES: Readonly<Record<CallState, readonly CallState[]>> = {
  denied: [],
  reserved: ["settled", "released", "unknown"],
  unknown: ["settled", "released"],
  settled: [],
  released: [],
};

/** Says whether a call may go from one state to another; every store must refuse all other moves. */
export function canMove(from: CallState, to: CallState): boolean {
  return MOVES[from].includes(to);
}

/** Where the money of a call goes: collected for us, leaving us, or a vendor's fee. Null when none moves. */
export const DIRECTIONS = ["in", "out", "fee"] as const;
export type Direction = (typeof DIRECTIONS)[number];
