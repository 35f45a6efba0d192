import { randomBytes } from "node:crypto";
import { expect, vi } from "vitest";
import type { BudgetSpec, BudgetUnit, BudgetWindow } from "../../budget.ts";
import type { Denial } from "../../denial.ts";
import type { KeyIdentity, Reserved, ReserveRequest, ReserveResult, SettleRequest } from "../../ports.ts";
import type { BudgetName, BudgetUse, CallRow, LedgerHarness, NewKey } from "../ledger-harness.ts";

/** How long a test waits for what happens in the background. */
const EVENTUALLY_MS = 10_000;
const LOOK_EVERY_MS = 20;

/** Gives the harness to a test: it is opened after the tests are listed. */
export type GetHarness = () => LedgerHarness;

/** An id that no other test uses. */
export function freshId(prefix: string): string {
  return `${prefix}_${randomBytes(9).toString("hex")}`;
}

/** A UUID v7, as the port asks for. */
export function freshCallId(): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** A budget as a policy has it. */
export function cap(window: BudgetWindow, unit: BudgetUnit, limit: bigint): BudgetSpec {
  return { window, unit, limit };
}

/** The name of a budget of a key's own policy. */
export function ownBudget(
  key: KeyIdentity,
  window: BudgetWindow = "daily",
  unit: BudgetUnit = "usd",
): BudgetName {
  return { scope: "vault_key", value: key.vaultKeyId, window, unit };
}

/** Makes a key with fresh ids, except for those that are given. */
export async function makeKey(
  harness: LedgerHarness,
  budgets: readonly BudgetSpec[] = [],
  more: Partial<NewKey> = {},
): Promise<KeyIdentity> {
  const secretId = more.secretId ?? (await harness.createSecret());
  const ids = { agentId: freshId("agent"), crewRunId: freshId("run"), secretId, expiresAt: null };
  return harness.createKey({ ...ids, budgets, ...more });
}

/** Makes a key below another one. */
export async function makeChild(
  harness: LedgerHarness,
  parent: KeyIdentity,
  budgets: readonly BudgetSpec[] = [],
  more: Partial<NewKey> = {},
): Promise<KeyIdentity> {
  const key = await makeKey(harness, budgets, { ...more, secretId: parent.secretId, parent });
  return {
    ...key,
    policyVersion: key.policyVersion + parent.policyVersion,
    ancestorIds: [parent.vaultKeyId, ...(parent.ancestorIds ?? [])],
  };
}

/** Gives a key a new policy with these caps. */
export async function revise(
  harness: LedgerHarness,
  key: KeyIdentity,
  budgets: readonly BudgetSpec[],
): Promise<KeyIdentity> {
  const policyVersion = await harness.updateKey(key.vaultKeyId, budgets);
  if (policyVersion === null) expect.fail("the key is revoked");
  return { ...key, policyVersion };
}

/** A call that can cost money; nothing about it stands out. */
export function callOf(
  identity: KeyIdentity,
  holdMicros: bigint,
  more: Partial<ReserveRequest> = {},
): ReserveRequest {
  return {
    callId: freshCallId(),
    identity,
    claimedAgentId: null,
    claimedCrewRunId: null,
    vendor: "stripe",
    method: "POST",
    path: "/v1/payment_intents",
    endpoint: "POST /v1/payment_intents",
    direction: "in",
    amount: null,
    currency: null,
    customerId: null,
    metadata: {},
    holdMicros,
    exposureId: null,
    accounted: true,
    idempotency: null,
    duplicate: null,
    ...more,
  };
}

/** A read that costs and changes nothing. */
export function readOf(identity: KeyIdentity): ReserveRequest {
  const endpoint = "GET /v1/customers/{customer}";
  return callOf(identity, 0n, {
    method: "GET",
    path: "/v1/customers/cus_1",
    endpoint,
    direction: null,
    accounted: false,
  });
}

/** How a call ended, with everything left out that is not known; a settled one was answered with 200. */
export function endOf(
  call: Pick<ReserveRequest, "callId" | "identity">,
  state: SettleRequest["state"],
  more: Partial<SettleRequest> = {},
): SettleRequest {
  return {
    callId: call.callId,
    secretId: call.identity.secretId,
    state,
    costMicros: 0n,
    exposure: null,
    amount: null,
    currency: null,
    statusCode: state === "settled" ? 200 : null,
    customerId: null,
    vendorRequestId: null,
    vendorObjectId: null,
    latencyMs: null,
    upstreamMs: null,
    reason: null,
    mayOverrun: false,
    throttle: null,
    ...more,
  };
}

/** Reserves a call that must be allowed. */
export async function hold(
  harness: Pick<LedgerHarness, "ledger">,
  call: ReserveRequest,
): Promise<ReserveRequest & { readonly reserved: Reserved }> {
  return { ...call, reserved: expectReserved(await harness.ledger.reserve(call)) };
}

/** Fails unless the call was allowed. */
export function expectReserved(result: ReserveResult): Reserved {
  if (result.kind !== "reserved") expect.fail(`the call was not allowed: ${describeResult(result)}`);
  return result;
}

/** Fails unless the call was refused. */
export function expectDenied(result: ReserveResult): Denial {
  if (result.kind !== "denied") expect.fail(`the call was not refused but ${describeResult(result)}`);
  return result.denial;
}

/** `reserved`, `stale`, or the code of the denial. */
export function describeResult(result: ReserveResult): string {
  return result.kind === "denied" ? result.denial.code : result.kind;
}

/** How many times each answer was given. */
export function tally(results: readonly ReserveResult[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of results.map(describeResult)) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

/** The present window of a budget; one that nothing has touched yet is empty. */
export async function useOf(
  harness: LedgerHarness,
  name: BudgetName,
): Promise<Pick<BudgetUse, "reserved" | "settled" | "overrun">> {
  const use = await harness.findBudgetUse(name);
  return { reserved: use?.reserved ?? 0n, settled: use?.settled ?? 0n, overrun: use?.overrun ?? 0n };
}

/** How much of a budget's present window is held or spent. */
export async function usedOf(harness: LedgerHarness, name: BudgetName): Promise<bigint> {
  const { reserved, settled } = await useOf(harness, name);
  return reserved + settled;
}

/** The audit row of a call that must have one. */
export async function rowOf(harness: LedgerHarness, call: { readonly callId: string }): Promise<CallRow> {
  const row = await harness.findCall(call.callId);
  if (row === null) expect.fail(`call ${call.callId} has no audit row`);
  return row;
}

/** Waits until what happens in the background has happened. */
export function eventually(check: () => Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: EVENTUALLY_MS, interval: LOOK_EVERY_MS });
}

/** The same operation, so many times at once: they meet in one flush, or race. */
export function atOnce<Value>(count: number, work: (index: number) => Promise<Value>): Promise<Value[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)));
}
