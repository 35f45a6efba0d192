import type { RestAnswer } from "../rest-call.ts";
import type { ResendAccount } from "./account.ts";

/** A call on its way to an operation. */
export interface ResendCall {
  readonly account: ResendAccount;
  /** The parsed JSON body, unchecked; an empty object when there was none. */
  readonly body: unknown;
  readonly query: URLSearchParams;
  /** The variable parts of the path, decoded. */
  readonly ids: readonly string[];
  /** The value of `x-batch-validation` says `permissive`. */
  readonly isPermissive: boolean;
}

/** Checks a call and returns what does it. Both throw ResendError. */
export type ResendOperation = (call: ResendCall) => () => RestAnswer;

/** 200 with an object. */
export function ok(content: object): RestAnswer {
  return { status: 200, content };
}

/** 201 with an object. */
export function created(content: object): RestAnswer {
  return { status: 201, content };
}

/** A time as Resend writes it. */
export function timeText(ms: number): string {
  return new Date(ms).toISOString().replace("T", " ").replace("Z", "+00");
}
