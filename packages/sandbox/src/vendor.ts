import type { Fault } from "./faults.ts";

/** A request as a vendor sees it. */
export interface VendorRequest {
  readonly method: string;
  /** The request target before `?`. */
  readonly path: string;
  /** The request target after `?`, empty when there is none. */
  readonly query: string;
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  /** One character per byte (latin1). */
  readonly body: string;
}

/** The value of the first header called `name` (lower case); undefined when there is none. */
export function headerOf({ rawHeaders }: VendorRequest, name: string): string | undefined {
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const candidate = rawHeaders[index] ?? "";
    if (candidate.length === name.length && candidate.toLowerCase() === name) return rawHeaders[index + 1];
  }
  return undefined;
}

/** What goes back. `headers` are names and values in turn; content-length is added by the server. */
export interface VendorAnswer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
  /** The body has one character per byte (latin1) and is sent so. Absent: text, sent as UTF-8. */
  readonly isBinary?: boolean;
}

/** An answer with what giving it did to the vendor. */
export interface VendorResult {
  readonly answer: VendorAnswer;
  /** Whether it changed the vendor's state. */
  readonly executed: boolean;
  /** Whether it is the stored answer of an earlier call with the same idempotency key. */
  readonly replayed: boolean;
}

/** The faults that end a call before the vendor has done anything. */
export type RefusingFault = "conflict_409" | "rate_limited_429" | "error_500_before" | "echo_authorization";

/**
 * One call at a vendor. The server uses it in this order: `refusal`, else (a fault may end it here) `claim`, else
 * (a fault may wait here) `run` or `abandon`, exactly one of them.
 */
export interface VendorCall {
  readonly requestId: string;
  /** The answer when the call is wrong in itself (credential, URL, parameters). No fault is spent on it. */
  readonly refusal: VendorAnswer | null;
  /** The fault that the request itself asks for. */
  readonly requestedFault: Fault | null;
  /** The vendor's own answer for a fault that ends the call. Changes nothing. */
  refuse(fault: RefusingFault): VendorAnswer;
  /** Takes the call's idempotency key. A result means that there is nothing to run: replay, conflict, misuse. */
  claim(): VendorResult | null;
  /** Does the work at once and stores its answer under the idempotency key. Never throws for a vendor's refusal. */
  run(fault: Fault | null): VendorResult;
  /** Gives the idempotency key back: the call was never executed. */
  abandon(): void;
}

/** A vendor that the sandbox server can stand in for. */
export interface FakeVendor {
  /** Checks a request. Does not throw. */
  begin(request: VendorRequest): VendorCall;
  /** An answer, in the vendor's shape, for a request that could not be read. */
  unreadable(status: 400 | 413, message: string): VendorAnswer;
  /** Totals of the money that has moved, for whoever cannot reach the object. */
  money(): object;
  /** Makes an object that the vendor's own API has no call for; throws a plain error when it cannot. */
  seed?(kind: string, fields: object): object;
  /** Everything it holds, by kind, for whoever cannot reach the object. Absent when the vendor does not tell. */
  objects?(): object;
  /** Brings to its end what takes time at the vendor. Absent when nothing does. */
  settle?(): object;
  /** Forgets everything. */
  reset(): void;
  /** Stops what the vendor does by itself. Absent when it does nothing. */
  close?(): void;
}
