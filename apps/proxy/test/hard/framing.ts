import { sendRaw } from "../http/raw-client.ts";
import { openRawVendor } from "../http/raw-vendor.ts";
import { hiddenRequest, listMutations, type Mutation } from "../http/smuggling.ts";
import type { Figure, Finding } from "./figure.ts";
import { openReplicas, type Replicas } from "./replicas.ts";

const FORM = "Content-Type: application/x-www-form-urlencoded";
/** More than one connection each of several keys, and fewer than a key may have under way: none is turned away as too much. */
const SOCKETS = 48;
const KEYS = 4;
/** No mutation is answered so often; the connection's end is what is waited for. */
const UNTIL_CLOSED = 99;
/** Understood as plain HTTP, refused as ambiguous, refused by policy, too large. */
const STATUSES = new Set([200, 400, 403, 413]);
const LINES = ["POST /v1/customers HTTP/1.1", "POST /v1/products HTTP/1.1"];
/** What the corpus of defparam/smuggler has. */
const MUTATIONS_MIN = 1_768;

/** What came of sending requests whose framing two readers may understand differently. */
export interface FramingFinding {
  readonly mutations: number;
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Mutations that were answered in another way, or whose connection was left open. */
  readonly strange: readonly string[];
  /** Requests at the vendor, and calls that the audit log says were let through. */
  readonly arrived: number;
  readonly allowed: number;
  /** Bytes at the vendor that belong to no request. */
  readonly stray: string;
  /** Requests at the vendor that no policy allowed, that are chunked, or that carry a vault key. */
  readonly forbidden: readonly string[];
}

/** defparam/smuggler, http-garden: sends every mutation, each on a connection of its own. */
export async function smuggle(): Promise<FramingFinding> {
  const vendor = await openRawVendor();
  const replicas = await openReplicas({ stripeUrl: vendor.url });
  const [server] = replicas.servers;
  if (server === undefined) throw new TypeError("no server");
  try {
    const policy = { allowed_endpoints: ["POST /v1/customers", "POST /v1/products"] };
    const keys = await Promise.all(
      Array.from({ length: KEYS }, () => replicas.issue("attacker_agent", policy)),
    );
    const perKey = keys.map(({ vaultKey }) => mutationsOf(vaultKey));
    const mutations = (perKey[0] ?? []).map((mutation, index) => perKey[index % KEYS]?.[index] ?? mutation);
    const left = mutations.values();
    const statuses = new Map<number, number>();
    const strange: string[] = [];
    const work = async () => {
      for (const { name, text } of left) {
        const { answers, isClosed } = await sendRaw(server.dataUrl, text, { answers: UNTIL_CLOSED });
        if (!isClosed || answers.some(({ status }) => !STATUSES.has(status))) strange.push(name);
        for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: SOCKETS }, work));
    const forbidden = vendor.requests.filter(
      ({ line, headers, text }) =>
        !LINES.includes(line) ||
        headers.some(([name]) => name === "transfer-encoding") ||
        text.includes("vault_"),
    );
    return {
      mutations: mutations.length,
      statuses,
      strange,
      arrived: vendor.requests.length,
      allowed: await countAllowed(replicas),
      stray: vendor.strayBytes(),
      forbidden: forbidden.map(({ line }) => line),
    };
  } finally {
    await replicas.close();
    await vendor.close();
  }
}

function mutationsOf(vaultKey: string): readonly Mutation[] {
  const headers = [`Authorization: Bearer ${vaultKey}`, FORM];
  return listMutations({
    headers,
    line: "POST /v1/customers",
    hidden: ["POST /v1/products", "POST /v1/transfers"].map((line) => hiddenRequest(line, headers)),
  });
}

async function countAllowed({ admin }: Replicas): Promise<number> {
  const { rows } = await admin.sql.query("SELECT count(*) AS allowed FROM calls WHERE verdict = 'allow'");
  return Number(rows[0]?.["allowed"]);
}

export const framing: Figure = {
  name: "F4 framing",
  goal: "1,700 mutations of a request's framing or more: as many requests at the vendor as calls in the audit log, no stray byte",
  findObstacle: () => null,
  run: async (): Promise<Finding> => {
    const { mutations, statuses, strange, arrived, allowed, stray, forbidden } = await smuggle();
    return {
      isReached:
        mutations >= MUTATIONS_MIN &&
        strange.length === 0 &&
        arrived === allowed &&
        stray === "" &&
        forbidden.length === 0,
      measured:
        `${mutations} mutations (${[...statuses].map(([status, count]) => `${count} × ${status}`).join(", ")}): ` +
        `${arrived} requests at the vendor, ${allowed} audited, ${stray.length} stray bytes, ${forbidden.length} forbidden, ${strange.length} strange`,
    };
  },
};
