import { Agent } from "undici";
import { ADDRESS_REFUSED, type AlertAddresses } from "./alert-addresses.ts";
import type { AlertMessage } from "./alert-message.ts";

const CONNECT_MS_MAX = 5_000;
/** One attempt, from the name's look-up to the answer's head. */
export const ATTEMPT_MS_MAX = 10_000;
/** Nothing of an answer but its status is used; so much is read for the sake of whoever writes it. */
const ANSWER_BYTES_MAX = 16_384;
const RETRY_AFTER_SECONDS_MAX = 3_600;

/** What became of one attempt. `error` is null when it was delivered; it names no address and quotes no answer. */
export interface Attempt {
  readonly status: number | null;
  readonly error: string | null;
  /** How long the receiver asks to be left alone. */
  readonly retryAfterMs: number;
}

/** Sends one message at most once; never rejects. Follows no redirect, and keeps no connection. */
export async function sendAlert(
  addresses: AlertAddresses,
  url: URL,
  message: AlertMessage,
  stopped: AbortSignal,
): Promise<Attempt> {
  const problem = addresses.findProblem(url);
  if (problem !== null) return failed(`the channel's address ${problem}`);
  const agent = new Agent({
    connect: { timeout: CONNECT_MS_MAX, lookup: addresses.lookupFor(url) },
    headersTimeout: ATTEMPT_MS_MAX,
    bodyTimeout: ATTEMPT_MS_MAX,
    allowH2: false,
  });
  const timeout = AbortSignal.timeout(ATTEMPT_MS_MAX);
  try {
    const answer = await agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: "POST",
      headers: message.headers,
      body: message.body,
      signal: AbortSignal.any([timeout, stopped]),
    });
    // The status decides; what follows it, or breaks it off, says nothing more.
    await answer.body.dump({ limit: ANSWER_BYTES_MAX }).catch(() => undefined);
    return judge(answer.statusCode, answer.headers["retry-after"]);
  } catch (error) {
    if (timeout.aborted) return failed(`no answer within ${ATTEMPT_MS_MAX / 1_000} seconds`);
    if (stopped.aborted) return failed("the server was stopped meanwhile");
    return failed(explain(error));
  } finally {
    await agent.destroy();
  }
}

function judge(status: number, retryAfter: string | string[] | undefined): Attempt {
  if (status >= 200 && status < 300) return { status, error: null, retryAfterMs: 0 };
  const isRedirect = status >= 300 && status < 400;
  const error = isRedirect ? `answered ${status}: redirects are not followed` : `answered ${status}`;
  const seconds = /^\d{1,9}$/.test(String(retryAfter)) ? Number(retryAfter) : 0;
  return { status, error, retryAfterMs: Math.min(seconds, RETRY_AFTER_SECONDS_MAX) * 1_000 };
}

function failed(error: string): Attempt {
  return { status: null, error, retryAfterMs: 0 };
}

/** An error's code only: its message may name the address. */
function explain(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  if (code === ADDRESS_REFUSED) return "the host has an address to which alerts may not be sent";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `the host's name was not resolved (${code})`;
  return `the connection failed (${code})`;
}
