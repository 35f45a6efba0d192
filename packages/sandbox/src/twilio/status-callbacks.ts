import { createHmac } from "node:crypto";

/** One POST to a caller's StatusCallback, and what became of it. */
export interface DeliveredCallback {
  readonly url: string;
  readonly parameters: Readonly<Record<string, string>>;
  /** What was sent as `X-Twilio-Signature`. */
  readonly signature: string;
  /** The answer's status; a word when there was none. */
  outcome: number | "pending" | "not_loopback" | "too_many" | "failed";
}

const TIMEOUT_MS = 5_000;
const OPEN_MAX = 50;
const KEPT_MAX = 10_000;

/** The signature that Twilio's SDKs check: HMAC-SHA1 over the URL and the sorted parameters, in base64. */
export function signatureOf(
  authToken: string,
  url: string,
  parameters: Readonly<Record<string, string>>,
): string {
  const names = Object.keys(parameters).sort();
  const text = names.reduce((sum, name) => sum + name + (parameters[name] ?? ""), url);
  return createHmac("sha1", authToken).update(text, "utf8").digest("base64");
}

/** Delivers status callbacks, to loopback addresses only: a fake must not call out into the world. */
export class StatusCallbacks {
  readonly #authToken: string;
  readonly #abort = new AbortController();
  #open = 0;
  #delivered: DeliveredCallback[] = [];

  constructor(authToken: string) {
    this.#authToken = authToken;
  }

  /** Posts in the background. Does not throw; the outcome is in {@link list}. */
  post(url: string, parameters: Readonly<Record<string, string>>): void {
    const signature = signatureOf(this.#authToken, url, parameters);
    const entry: DeliveredCallback = { url, parameters, signature, outcome: "pending" };
    this.#delivered.push(entry);
    if (this.#delivered.length > KEPT_MAX) this.#delivered = this.#delivered.slice(-KEPT_MAX / 2);
    if (!isLoopback(url)) entry.outcome = "not_loopback";
    else if (this.#open >= OPEN_MAX) entry.outcome = "too_many";
    else void this.#send(entry);
  }

  /** A copy of the list, oldest first. */
  list(): readonly DeliveredCallback[] {
    return [...this.#delivered];
  }

  /** Drops what is under way. */
  close(): void {
    this.#abort.abort();
  }

  async #send(entry: DeliveredCallback): Promise<void> {
    this.#open += 1;
    try {
      const answer = await fetch(entry.url, {
        method: "POST",
        headers: { "X-Twilio-Signature": entry.signature, "User-Agent": "TwilioProxy/1.1" },
        body: new URLSearchParams(entry.parameters),
        // A redirect could lead away from this machine.
        redirect: "manual",
        signal: AbortSignal.any([this.#abort.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await answer.body?.cancel();
      entry.outcome = answer.status;
    } catch {
      entry.outcome = "failed";
    } finally {
      this.#open -= 1;
    }
  }
}

/** Whether the URL is http or https to this machine by address, or by the name `localhost`. */
export function isLoopback(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") return false;
  return hostname === "localhost" || hostname === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}
