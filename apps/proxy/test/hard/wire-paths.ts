import fc from "fast-check";
import { requestText, sendRaw } from "../http/raw-client.ts";
import { openRawVendor, type RawVendor } from "../http/raw-vendor.ts";
import { inBatches } from "../support/in-batches.ts";
import { type Figure, type Finding, type Run, scaled } from "./figure.ts";
import { openReplicas, type Replicas } from "./replicas.ts";

const WHOLE_TARGETS = 20_000;
const REPETITIONS = 3;
/** So many are compared at once, so that none of them has to be remembered for long. */
const ROUND = 500;
const FORM = "Content-Type: application/x-www-form-urlencoded";
const METHODS = ["GET", "POST", "DELETE"] as const;
/** Endpoints that a key may use here, in a valid spelling. */
const KNOWN = ["/v1/customers/cus_1", "/v1/customers", "/stripe/v1/refunds/re_1", "/v1/balance?expand[]=x"];

/** What an agent asks for. */
export interface Asked {
  readonly method: (typeof METHODS)[number];
  readonly target: string;
}

/** What a careless reader decodes, folds or drops. */
const fragment = fc.oneof(
  fc.constantFrom(
    ..."/ // . .. ./ ../ ..; ; ;a %2e %2E%2e %2f %5c \\ %00 %25 %252f %40 %2B %3b # ? ?? & : @ * // ~ // %C0%AE é".split(
      " ",
    ),
  ),
  fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 3 }),
);

/** Valid targets with something put into them or cut out of them. Blanks and controls would end the request line. */
const target = fc
  .tuple(fc.constantFrom(...KNOWN), fc.nat(), fc.nat(3), fc.array(fragment, { maxLength: 3 }))
  .map(([known, at, cut, parts]) => {
    const index = at % (known.length + 1);
    return known.slice(0, index) + parts.join("") + known.slice(index + cut);
  })
  .filter((text) => /^[!-~\x80-\xff]+$/.test(text));

/** So many different ones, reads and writes. */
export function sampleTargets(count: number, seed: number): readonly Asked[] {
  const random = fc.record({ method: fc.constantFrom(...METHODS), target });
  // The short ones come again and again.
  const asked = fc.sample(random, { numRuns: count * REPETITIONS, seed });
  const different = new Map(asked.map((one) => [`${one.method} ${one.target}`, one]));
  return [...different.values()].slice(0, count);
}

/** What policy judged, and what went on the wire. */
export interface WireFinding {
  readonly asked: number;
  /** `METHOD target` of those that were let through. */
  readonly allowed: ReadonlySet<string>;
  /** Request lines that are in only one of the two: what was judged, and what the vendor saw. */
  readonly different: readonly string[];
  readonly stray: string;
}

/** A server before a vendor that keeps every byte. */
export interface WireStage {
  /** Sends all of them and compares the vendor's request lines with the rows of those that were allowed. */
  send(asked: readonly Asked[]): Promise<WireFinding>;
  close(): Promise<void>;
}

/** Opens one, with a key that may do everything which is not forbidden. */
export async function openWireStage(): Promise<WireStage> {
  const vendor = await openRawVendor();
  const replicas = await openReplicas({ stripeUrl: vendor.url });
  const { vaultKey } = await replicas.issue("wandering_agent", {
    allowed_endpoints: METHODS.map((method) => `${method} /**`),
  });
  return {
    send: (asked) => sendAll(replicas, vendor, vaultKey, asked),
    close: async () => {
      await replicas.close();
      await vendor.close();
    },
  };
}

async function sendAll(
  { servers: [server], admin }: Replicas,
  vendor: RawVendor,
  vaultKey: string,
  asked: readonly Asked[],
): Promise<WireFinding> {
  const before = vendor.requests.length;
  const from = new Date(Date.now() - 1_000).toISOString();
  const ids = await inBatches(asked, async ({ method, target: text }) => {
    const headers = [`Authorization: Bearer ${vaultKey}`, ...(method === "GET" ? [] : [FORM])];
    const { answers } = await sendRaw(server?.dataUrl ?? "", requestText(`${method} ${text}`, headers));
    // One that is no request at all has no row.
    return answers[0]?.headers.get("keybrake-call-id") ?? null;
  });
  const askedOf = new Map(ids.map((id, index) => [id, asked[index]]));
  const judged: string[] = [];
  const allowed = new Set<string>();
  for await (const { id, method, path, verdict } of admin.calls.ndjson({ from })) {
    const one = askedOf.get(id);
    if (one === undefined || verdict !== "allow") continue;
    const query = one.target.indexOf("?");
    judged.push(`${method} ${path}${query === -1 ? "" : one.target.slice(query)} HTTP/1.1`);
    allowed.add(`${one.method} ${one.target}`);
  }
  const sent = vendor.requests.slice(before).map(({ line }) => line);
  return {
    asked: asked.length,
    allowed,
    different: [...without(judged, sent), ...without(sent, judged)],
    stray: vendor.strayBytes(),
  };
}

/** What is left of a list when each of the others has taken one that is equal. */
function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const line of others) counts.set(line, (counts.get(line) ?? 0) + 1);
  return lines.filter((line) => {
    const count = counts.get(line) ?? 0;
    counts.set(line, count - 1);
    return count <= 0;
  });
}

export const wirePaths: Figure = {
  name: "E12 paths on the wire",
  goal: "20,000 random reads and writes through the server: the path that policy judged is the one that the vendor saw, byte for byte",
  findObstacle: () => null,
  run: async (run: Run): Promise<Finding> => {
    const all = sampleTargets(scaled(WHOLE_TARGETS, run), run.seed);
    const stage = await openWireStage();
    try {
      const sum = { allowed: 0, different: [] as string[], stray: "" };
      for (let at = 0; at < all.length; at += ROUND) {
        const { allowed, different, stray } = await stage.send(all.slice(at, at + ROUND));
        sum.allowed += allowed.size;
        sum.different.push(...different);
        sum.stray = stray;
      }
      return {
        isReached: sum.different.length === 0 && sum.stray === "" && sum.allowed > 0,
        measured:
          `${all.length} different requests, ${sum.allowed} allowed: ${sum.different.length} differ` +
          `${sum.different.length === 0 ? "" : ` (${JSON.stringify(sum.different.slice(0, 2))})`}, ${sum.stray.length} stray bytes`,
      };
    } finally {
      await stage.close();
    }
  },
};
