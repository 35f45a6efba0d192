import { type Fault, isFaultKind, parseDelayMs } from "../faults.ts";
import { FormError, type FormHash, parseForm } from "../form.ts";
import { parseMultipart } from "../multipart.ts";
import {
  headerOf,
  type RefusingFault,
  type VendorAnswer,
  type VendorCall,
  type VendorRequest,
  type VendorResult,
} from "../vendor.ts";
import { API_VERSION, type StripeAccount } from "./account.ts";
import { readSecretKey } from "./credential.ts";
import { internalError, invalidRequest, lockTimeout, rateLimited, StripeError } from "./error.ts";
import { checkExpansion, expandObject } from "./expansion.ts";
import { checkKeyLength, type IdempotencyKeys, type KeyedRequest, type StoredAnswer } from "./idempotency.ts";
import { newRequestId } from "./ids.ts";
import { checkJson } from "./json-parameters.ts";
import { CHARGING_OPERATIONS, OPERATIONS } from "./operations.ts";
import { checkParameters, hash, type Params, texts } from "./parameters.ts";
import { GENERIC_DECLINE } from "./payment-methods.ts";
import { RawContent } from "./raw-content.ts";
import { findRoute, type Route } from "./router.ts";

/** What calls share. */
export interface StripeHouse {
  readonly account: StripeAccount;
  readonly keys: IdempotencyKeys;
  /** Null accepts every test key. */
  readonly secretKeys: ReadonlySet<string> | null;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Counts an attempt with this idempotency key, from 1. */
  readonly countAttempt: (scope: string) => number;
}

interface CheckedCall {
  readonly route: Route;
  readonly id: string;
  readonly innerId: string;
  readonly params: Params;
  /** Null without an idempotency key, which only POSTs have. */
  readonly keyed: KeyedRequest | null;
}

const OLDER_PARAMETERS_BEFORE = "2026-09-30";

/** One call at the fake Stripe. */
export class StripeExchange implements VendorCall {
  readonly requestId = newRequestId();
  readonly refusal: VendorAnswer | null = null;
  readonly requestedFault: Fault | null = null;
  readonly #house: StripeHouse;
  readonly #request: VendorRequest;
  readonly #call: CheckedCall | null = null;

  constructor(house: StripeHouse, request: VendorRequest) {
    this.#house = house;
    this.#request = request;
    try {
      this.#call = checkCall(house, request, this.requestId);
      this.requestedFault = requestedFault(house, this.#call);
    } catch (error) {
      this.refusal = this.#refuse(error);
    }
  }

  refuse(fault: RefusingFault): VendorAnswer {
    switch (fault) {
      case "conflict_409":
        return this.#refuse(lockTimeout());
      case "rate_limited_429":
        return this.#refuse(rateLimited(), ["Stripe-Rate-Limited-Reason", "global-rate"]);
      case "error_500_before":
        return this.#refuse(internalError());
      case "echo_authorization": {
        const authorization = headerOf(this.#request, "authorization") ?? null;
        return this.#answer({ status: 200, content: { object: "sandbox.echo", authorization } });
      }
    }
  }

  claim(): VendorResult | null {
    const keyed = this.#call?.keyed ?? null;
    if (keyed === null) return null;
    try {
      const replay = this.#house.keys.claim(keyed);
      if (replay === null) return null;
      const extra = ["Idempotent-Replayed", "true", "Original-Request", replay.originalRequestId];
      return { answer: this.#answer(replay.answer, extra), executed: false, replayed: true };
    } catch (error) {
      return { answer: this.#refuse(error), executed: false, replayed: false };
    }
  }

  run(fault: Fault | null): VendorResult {
    const { account, keys } = this.#house;
    const keyed = this.#call?.keyed ?? null;
    const extra = keyed === null ? [] : ["Original-Request", this.requestId];
    const writesBefore = account.writes;
    const stored = this.#attempt(fault);
    if (keyed !== null) keys.complete(keyed, stored);
    return { answer: this.#answer(stored, extra), executed: account.writes > writesBefore, replayed: false };
  }

  abandon(): void {
    const keyed = this.#call?.keyed ?? null;
    if (keyed !== null) this.#house.keys.abandon(keyed);
  }

  #attempt(fault: Fault | null): StoredAnswer {
    try {
      const content = this.#execute(fault?.kind === "declined");
      return fault?.kind === "error_500_after"
        ? refusal(internalError(), this.requestId)
        : { status: 200, content };
    } catch (error) {
      if (!(error instanceof StripeError)) this.abandon();
      return refusal(error, this.requestId);
    }
  }

  #execute(isDeclineForced: boolean): object {
    const call = this.#call;
    if (call === null) throw new Error("a refused call cannot be executed");
    const { operation } = call.route;
    if (isDeclineForced && !CHARGING_OPERATIONS.has(operation)) throw plainDecline();
    const { account, now } = this.#house;
    const object = OPERATIONS[operation]({
      account,
      params: call.params,
      id: call.id,
      innerId: call.innerId,
      requestId: this.requestId,
      idempotencyKey: call.keyed?.idempotencyKey ?? null,
      now: Math.floor(now() / 1_000),
      isDeclineForced,
    });
    const paths = call.params["expand"] === undefined ? [] : texts(call.params, "expand");
    return paths.length === 0 ? object : expandObject(account, object, paths);
  }

  #refuse(error: unknown, extra: readonly string[] = []): VendorAnswer {
    return this.#answer(refusal(error, this.requestId), extra);
  }

  #answer({ status, content }: StoredAnswer, extra: readonly string[] = []): VendorAnswer {
    const isRaw = content instanceof RawContent;
    const answered = [
      "Content-Type",
      isRaw ? content.type : "application/json",
      "Request-Id",
      this.requestId,
      "Stripe-Version",
      headerOf(this.#request, "stripe-version") ?? API_VERSION,
      ...extra,
    ];
    const key = headerOf(this.#request, "idempotency-key");
    if (key !== undefined) answered.push("Idempotency-Key", key);
    const account = headerOf(this.#request, "stripe-account");
    if (account !== undefined) answered.push("Stripe-Account", account);
    if (isRaw) return { status, headers: answered, body: content.bytes, isBinary: true };
    return { status, headers: answered, body: JSON.stringify(content) };
  }
}

/** An error as an answer. Anything but Stripe's own is a bug of the sandbox and must not pass for one of them. */
function refusal(error: unknown, requestId: string): StoredAnswer {
  if (!(error instanceof StripeError)) throw error;
  return { status: error.status, content: error.content(requestId) };
}

function checkCall(house: StripeHouse, request: VendorRequest, requestId: string): CheckedCall {
  const { method, path } = request;
  const secretKey = readSecretKey(headerOf(request, "authorization"), house.secretKeys);
  const { route, id, innerId } = findRoute(method, path);
  const version = headerOf(request, "stripe-version") ?? API_VERSION;
  const list = version.slice(0, 10) < OLDER_PARAMETERS_BEFORE ? route.olderParameters : route.parameters;
  const params = isJson(request) ? checkJson(request.body, list) : checkParameters(readForm(request), list);
  if (params["expand"] !== undefined) checkExpansion(route.kind, route.isPage, texts(params, "expand"));
  const idempotencyKey = method === "POST" ? headerOf(request, "idempotency-key") : undefined;
  if (idempotencyKey === undefined || idempotencyKey === "")
    return { route, id, innerId, params, keyed: null };
  checkKeyLength(idempotencyKey);
  const scope = `${secretKey} ${headerOf(request, "stripe-account") ?? ""} ${idempotencyKey}`;
  const parameters = request.query === "" ? request.body : `${request.query}&${request.body}`;
  return { route, id, innerId, params, keyed: { scope, idempotencyKey, path, parameters, requestId } };
}

const NOT_ASCII = /[\u0080-\u00ff]/;

/** The parameters in the query and, counting more, in the body: Stripe takes them from both. */
function readForm(request: VendorRequest): FormHash {
  const { method, query, body } = request;
  if (body !== "" && method === "POST") {
    const type = headerOf(request, "content-type") ?? "";
    if (type.toLowerCase().startsWith("multipart/form-data")) return readMultipart(body, type);
    if (!type.toLowerCase().startsWith("application/x-www-form-urlencoded")) {
      throw invalidRequest(
        "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have any " +
          "questions, we can help at https://support.stripe.com/.",
      );
    }
  }
  try {
    const form = parseForm(query);
    if (method !== "POST") return form;
    return parseForm(NOT_ASCII.test(body) ? Buffer.from(body, "latin1").toString("utf8") : body, form);
  } catch (error) {
    if (error instanceof FormError) throw invalidRequest(`Invalid request: ${error.message}.`);
    throw error;
  }
}

function readMultipart(body: string, type: string): FormHash {
  try {
    return parseMultipart(body, type);
  } catch (error) {
    if (error instanceof FormError) throw invalidRequest(`Invalid request: ${error.message}.`);
    throw error;
  }
}

/** Whether the call is one of the second version of the API with a body. */
function isJson({ method, path, body }: VendorRequest): boolean {
  return method === "POST" && body !== "" && path.replaceAll(/\/{2,}/g, "/").startsWith("/v2/");
}

/** The fault that `metadata[sandbox_fault]` asks for, as often as `metadata[sandbox_fault_times]` says. */
function requestedFault(house: StripeHouse, { params, keyed }: CheckedCall): Fault | null {
  const metadata = hash(params, "metadata");
  const kind = metadata?.["sandbox_fault"];
  if (typeof kind !== "string" || kind === "") return null;
  const param = "metadata[sandbox_fault]";
  if (!isFaultKind(kind)) throw invalidRequest(`unknown sandbox fault: ${kind}`, { param });
  const times = metadata?.["sandbox_fault_times"];
  if (times !== undefined && keyed !== null && house.countAttempt(keyed.scope) > Number(times)) return null;
  if (kind !== "delay") return { kind };
  try {
    return { kind, ms: parseDelayMs(Number(metadata?.["sandbox_fault_ms"])) };
  } catch (error) {
    throw invalidRequest(error instanceof Error ? error.message : "invalid delay", { param });
  }
}

/** A forced decline of a call that charges nothing. */
function plainDecline(): StripeError {
  const { code, declineCode, message } = GENERIC_DECLINE;
  return new StripeError(402, {
    type: "card_error",
    code,
    message,
    ...(declineCode === null ? {} : { details: { decline_code: declineCode } }),
  });
}
