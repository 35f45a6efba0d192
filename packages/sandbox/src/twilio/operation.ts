import type { RestAnswer } from "../rest-call.ts";
import type { TwilioAccount } from "./account.ts";
import type { TwilioParameters } from "./parameters.ts";

/** A call on its way to an operation. */
export interface TwilioCall {
  readonly account: TwilioAccount;
  readonly params: TwilioParameters;
  /** The variable parts of the path, decoded, without the account SID. */
  readonly ids: readonly string[];
  readonly path: string;
  /** `http://host` of the sandbox as the caller named it, for absolute links. */
  readonly origin: string;
}

/** Checks a call and returns what does it. Both throw TwilioError. */
export type TwilioOperation = (call: TwilioCall) => () => RestAnswer;

/** 200 with an object. */
export function ok(content: object): RestAnswer {
  return { status: 200, content };
}

/** 201 with an object. */
export function created(content: object): RestAnswer {
  return { status: 201, content };
}

/** 204, the answer to a deletion. */
export const DELETED: RestAnswer = { status: 204, content: null };
