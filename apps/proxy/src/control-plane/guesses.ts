import { createHash } from "node:crypto";
import { isIPv6 } from "node:net";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";

const WINDOW_SECONDS = 60;
const WRONG_MAX = 10;
/** Entries a minute that wrong tokens may leave in the admin trail, whatever the number of addresses. */
const NOTES_MAX = 60;
const NETWORK_GROUPS = 4;

/** What a wrong token costs whoever sent it. */
export interface WrongToken {
  /** Whole seconds until this address is heard again; null while it may go on. */
  readonly retryAfterSeconds: number | null;
  /** Whether it is worth an entry in the trail: the first of an address in a minute, and the first past the limit. */
  readonly isNotable: boolean;
}

/**
 * Counts wrong admin tokens by remote address, in windows of a minute. Addresses share 65,536 buckets, so that no
 * number of addresses takes more memory; who shares one is only told 429 a little early, for a wrong token.
 */
export class Guesses {
  readonly #wrong = new RateLimiterMemory({ points: WRONG_MAX, duration: WINDOW_SECONDS });
  readonly #notes = new RateLimiterMemory({ points: NOTES_MAX, duration: WINDOW_SECONDS });

  /** Counts one. */
  async add(address: string): Promise<WrongToken> {
    const { isOver, consumed, msToReset } = await take(this.#wrong, bucketOf(address));
    const isNotable = consumed === 1 || consumed === WRONG_MAX + 1;
    return {
      retryAfterSeconds: isOver ? Math.max(1, Math.ceil(msToReset / 1_000)) : null,
      isNotable: isNotable && !(await take(this.#notes, "all")).isOver,
    };
  }
}

async function take(limiter: RateLimiterMemory, key: string) {
  // The library rejects with its own result for a refusal; a store in memory has no failures of its own.
  const taken = await limiter.consume(key).catch((refusal: unknown) => refusal);
  if (!(taken instanceof RateLimiterRes)) throw taken;
  const { consumedPoints: consumed, msBeforeNext: msToReset } = taken;
  return { consumed, msToReset, isOver: consumed > limiter.points };
}

/** Somebody with one IPv6 address has the whole network of 64 bits that it is in. */
function bucketOf(address: string): string {
  const network = isIPv6(address) ? networkOf(address) : address;
  return createHash("sha256").update(network).digest("hex").slice(0, 4);
}

function networkOf(address: string): string {
  const [head = "", tail] = address.replace(/%.*$/, "").toLowerCase().split("::");
  const before = head.split(":").filter((group) => group !== "");
  const after = (tail ?? "").split(":").filter((group) => group !== "");
  const zeros = tail === undefined ? 0 : Math.max(0, 2 * NETWORK_GROUPS - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill("0"), ...after];
  return groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.replace(/^0+(?=.)/, ""))
    .join(":");
}
