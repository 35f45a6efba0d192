/** A request as it reached the vendor, and the call of ours that it is. */
export interface Received {
  readonly callId: string;
  /** The call that holds the money: an earlier one when this repeats its idempotency key. */
  readonly payerId: string;
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly idempotencyKey: string | null;
  readonly credential: string;
  readonly atMs: number;
}

export interface VendorAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A payment intent or a refund, and how much of somebody's money it stands for. */
export interface VendorObject {
  readonly id: string;
  readonly kind: "payment_intent" | "refund";
  amount: number;
  received: number;
  refunded: number;
  status: string;
  /** How much more than it was asked for the vendor took, in cents. */
  readonly excess: number;
  /** Every call that took effect on it. */
  readonly callIds: Set<string>;
}

/** What a request will meet. */
export const ENCOUNTERS = {
  success: 70,
  decline: 7,
  rate_limit: 3,
  lock: 2,
  error_after: 5,
  error_before: 3,
  excess: 2,
  nonsense: 1,
} as const;
export type Encounter = keyof typeof ENCOUNTERS;

interface Remembered {
  readonly request: Received;
  readonly atMs: number;
  answer: VendorAnswer | null;
}

/** Stripe keeps an idempotency key for at least a day. */
const REMEMBER_MS = 24 * 3_600_000;
const NOT_STORED = new Set([409, 429]);

/** A vendor that keeps its own record of what it executed: the other side of the books. */
export class SimulatedVendor {
  readonly objects = new Map<string, VendorObject>();
  readonly received: Received[] = [];
  readonly #keys = new Map<string, Remembered>();
  readonly #onClash: (earlier: Received, later: Received) => void;
  #nextId = 1;

  /** `onClash` is told of an idempotency key that comes a second time with another body. */
  constructor(onClash: (earlier: Received, later: Received) => void) {
    this.#onClash = onClash;
  }

  /** A request has arrived whole. Returns how to carry it out, which may be much later. */
  receive(request: Received, encounter: Encounter): () => VendorAnswer {
    this.received.push(request);
    const { idempotencyKey: key } = request;
    if (key === null) return () => this.#execute(request, encounter);
    const known = this.#keys.get(key);
    if (known !== undefined && Date.now() - known.atMs < REMEMBER_MS) {
      if (known.request.body === request.body) return () => repeat(known);
      this.#onClash(known.request, request);
      return () => refusal(400, "idempotency_error");
    }
    const record: Remembered = { request, answer: null, atMs: Date.now() };
    this.#keys.set(key, record);
    return () => {
      const answer = this.#execute(request, encounter);
      if (NOT_STORED.has(answer.status)) this.#keys.delete(key);
      else record.answer = answer;
      return answer;
    };
  }

  /** What an object stands for: what was collected, or, while that can still come, all of it. In cents. */
  exposureOf({ status, amount, received }: VendorObject): number {
    if (status === "canceled" || status === "requires_payment_method") return 0;
    return status === "succeeded" ? received : amount;
  }

  #execute(request: Received, encounter: Encounter): VendorAnswer {
    if (request.method === "GET") return this.#read(request.path.split("?")[0] ?? "");
    if (encounter === "rate_limit") return refusal(429, "rate_limit");
    if (encounter === "lock") return refusal(409, "lock_timeout");
    if (encounter === "error_before") return refusal(500, "api_error");
    const form = new URLSearchParams(request.body);
    const answer = this.#change(request, form, encounter);
    if (answer.status !== 200) return answer;
    if (encounter === "error_after") return refusal(500, "api_error");
    return encounter === "nonsense" ? { ...answer, body: "<html>" } : answer;
  }

  #change(request: Received, form: URLSearchParams, encounter: Encounter): VendorAnswer {
    if (request.path === "/v1/payment_intents") return this.#create(request, form, encounter);
    if (request.path === "/v1/refunds") return this.#refund(request, form, encounter);
    const [, id = "", action = ""] = /^\/v1\/payment_intents\/([^/]+)\/(\w+)$/.exec(request.path) ?? [];
    const intent = this.objects.get(id);
    if (intent === undefined) return refusal(404, "resource_missing");
    const { status, amount } = intent;
    if (action === "capture" && status === "requires_capture") {
      intent.received = Math.min(amount, Number(form.get("amount_to_capture") ?? amount));
      intent.status = "succeeded";
    } else if (action === "cancel" && status !== "succeeded" && status !== "canceled") {
      intent.status = "canceled";
    } else if (action === "confirm" && status === "requires_confirmation") {
      Object.assign(intent, { status: "succeeded", received: amount });
    } else return refusal(400, "payment_intent_unexpected_state");
    intent.callIds.add(request.callId).add(request.payerId);
    return answerOf(intent);
  }

  #create(request: Received, form: URLSearchParams, encounter: Encounter): VendorAnswer {
    const isConfirmed = form.get("confirm") === "true";
    if (encounter === "decline" && isConfirmed) return refusal(402, "card_declined");
    const excess = encounter === "excess" ? 100 + (this.#nextId % 7) * 50 : 0;
    const amount = Number(form.get("amount")) + excess;
    const isManual = form.get("capture_method") === "manual";
    const isDone = isConfirmed && !isManual;
    const status = isDone ? "succeeded" : isConfirmed ? "requires_capture" : "requires_confirmation";
    const received = isDone ? amount : 0;
    return answerOf(this.#add(request, "payment_intent", { amount, received, status, excess }));
  }

  #refund(request: Received, form: URLSearchParams, encounter: Encounter): VendorAnswer {
    const intent = this.objects.get(form.get("payment_intent") ?? "");
    if (intent === undefined) return refusal(404, "resource_missing");
    const left = intent.received - intent.refunded;
    const amount = Number(form.get("amount") ?? left);
    if (intent.status !== "succeeded" || amount > left || amount === 0)
      return refusal(400, "charge_already_refunded");
    if (encounter === "decline") return refusal(402, "insufficient_funds");
    intent.refunded += amount;
    const facts = { amount, received: amount, status: "succeeded", excess: 0 };
    return answerOf(this.#add(request, "refund", facts));
  }

  #add(
    request: Received,
    kind: VendorObject["kind"],
    facts: Pick<VendorObject, "amount" | "received" | "status" | "excess">,
  ): VendorObject {
    const id = `${kind === "refund" ? "re" : "pi"}_sim${this.#nextId++}`;
    const object = { id, kind, refunded: 0, callIds: new Set([request.callId, request.payerId]), ...facts };
    this.objects.set(id, object);
    return object;
  }

  #read(path: string): VendorAnswer {
    const object = this.objects.get(path.split("/")[3] ?? "");
    return object === undefined ? refusal(404, "resource_missing") : answerOf(object);
  }
}

function repeat({ answer }: Remembered): VendorAnswer {
  if (answer === null) return refusal(409, "idempotency_key_in_use");
  return { ...answer, headers: { ...answer.headers, "idempotent-replayed": "true" } };
}

function refusal(status: number, code: string): VendorAnswer {
  const type = status === 402 ? "card_error" : "invalid_request_error";
  const body = JSON.stringify({ error: { type, code, message: "simulated" } });
  return { status, headers: { "content-type": "application/json", "request-id": "req_sim" }, body };
}

function answerOf({ id, kind, amount, received, refunded, status }: VendorObject): VendorAnswer {
  const charge = { object: "charge", id: `ch_${id}`, amount, captured: received > 0, currency: "usd" };
  const more =
    kind === "refund"
      ? {}
      : {
          amount_received: received,
          amount_capturable: status === "requires_capture" ? amount : 0,
          latest_charge: { ...charge, amount_captured: received, amount_refunded: refunded },
        };
  const body = { id, object: kind, amount, currency: "usd", status, customer: null, metadata: {}, ...more };
  const headers = { "content-type": "application/json", "request-id": `req_${id}` };
  return { status: 200, headers, body: JSON.stringify(body) };
}
