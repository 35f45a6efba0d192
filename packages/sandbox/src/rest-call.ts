import type { Fault } from "./faults.ts";
import {
  headerOf,
  type RefusingFault,
  type VendorAnswer,
  type VendorCall,
  type VendorRequest,
  type VendorResult,
} from "./vendor.ts";

/** An answer before it is put into bytes. Null content is an empty body. */
export interface RestAnswer {
  readonly status: number;
  readonly content: object | null;
  /** Names and values in turn, besides those that every answer has. */
  readonly headers?: readonly string[];
}

/** Where the answers of an idempotency key are kept, for a vendor that has such keys. */
export interface KeyHolder {
  /** Takes the key: an answer means replay or misuse, null that the call is to be run. */
  claim(): { readonly answer: RestAnswer; readonly replayed: boolean } | null;
  complete(answer: RestAnswer): void;
  abandon(): void;
}

/** A call that has been checked and not been done. */
export interface PreparedCall {
  /** Does the work. Throws only what {@link RestHouse.refusal} can turn into an answer, or a bug. */
  readonly execute: () => RestAnswer;
  /** Null when the call has no idempotency key. */
  readonly key: KeyHolder | null;
  readonly requestedFault: Fault | null;
}

/** What a vendor with plain JSON answers says for itself. */
export interface RestHouse {
  newRequestId(): string;
  /** Checks credential, URL and parameters. Throws the vendor's error. */
  prepare(request: VendorRequest): PreparedCall;
  /** The vendor's error as an answer. Rethrows anything else: a bug of the sandbox. */
  refusal(error: unknown): RestAnswer;
  /** The vendor's answer for a fault. */
  faultAnswer(
    fault: Exclude<RefusingFault, "echo_authorization"> | "declined" | "error_500_after",
  ): RestAnswer;
  /** Headers of every answer, names and values in turn. */
  headers(requestId: string): readonly string[];
  /** Counts the changes of the vendor's state. */
  readonly writes: number;
}

/** One call at a vendor with plain JSON answers. */
export class RestCall implements VendorCall {
  readonly requestId: string;
  readonly refusal: VendorAnswer | null = null;
  readonly requestedFault: Fault | null = null;
  readonly #house: RestHouse;
  readonly #request: VendorRequest;
  readonly #prepared: PreparedCall | null = null;

  constructor(house: RestHouse, request: VendorRequest) {
    this.#house = house;
    this.#request = request;
    this.requestId = house.newRequestId();
    try {
      this.#prepared = house.prepare(request);
      this.requestedFault = this.#prepared.requestedFault;
    } catch (error) {
      this.refusal = this.#answer(house.refusal(error));
    }
  }

  refuse(fault: RefusingFault): VendorAnswer {
    if (fault !== "echo_authorization") return this.#answer(this.#house.faultAnswer(fault));
    const authorization = headerOf(this.#request, "authorization") ?? null;
    return this.#answer({ status: 200, content: { object: "sandbox.echo", authorization } });
  }

  claim(): VendorResult | null {
    const claimed = this.#prepared?.key?.claim() ?? null;
    if (claimed === null) return null;
    return { answer: this.#answer(claimed.answer), executed: false, replayed: claimed.replayed };
  }

  run(fault: Fault | null): VendorResult {
    const house = this.#house;
    const writesBefore = house.writes;
    const answer = this.#attempt(fault);
    return { answer: this.#answer(answer), executed: house.writes > writesBefore, replayed: false };
  }

  abandon(): void {
    this.#prepared?.key?.abandon();
  }

  #attempt(fault: Fault | null): RestAnswer {
    const prepared = this.#prepared;
    if (prepared === null) throw new Error("a refused call cannot be executed");
    if (fault?.kind === "declined") {
      prepared.key?.abandon();
      return this.#house.faultAnswer("declined");
    }
    let answer: RestAnswer;
    try {
      answer = prepared.execute();
    } catch (error) {
      prepared.key?.abandon();
      return this.#house.refusal(error);
    }
    // The key keeps what was done, so a retry after an answer that was lost or spoiled learns of it.
    prepared.key?.complete(answer);
    return fault?.kind === "error_500_after" ? this.#house.faultAnswer("error_500_after") : answer;
  }

  #answer({ status, content, headers = [] }: RestAnswer): VendorAnswer {
    const all = [...this.#house.headers(this.requestId), ...headers];
    if (content === null) return { status, headers: all, body: "" };
    return { status, headers: ["Content-Type", "application/json", ...all], body: JSON.stringify(content) };
  }
}
