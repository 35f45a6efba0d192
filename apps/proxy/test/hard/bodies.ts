import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { sendRaw } from "../http/raw-client.ts";
import { answerText, openRawVendor, type RawVendor } from "../http/raw-vendor.ts";
import { storeSecret } from "../support/crew.ts";
import { inBatches } from "../support/in-batches.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import type { Figure, Finding } from "./figure.ts";

/** JSONTestSuite, as it stands beside the repository. */
export const SUITE = fileURLToPath(new URL("../../../../../shared/data/json-test-suite/", import.meta.url));
export const SUITE_FILES = 318 + 22;
const FOLDERS = ["test_parsing", "test_transform"];
const MAIL = '"from":"billing@crew.example","to":"ada@example.com","subject":"x"';
const MAIL_LABELS = ',"tags":[{"name":"agent_id","value":"bodies_agent"}]';
const FORM_LABELS = "metadata[agent_id]=bodies_agent";
const JSON_TYPE = "application/json";
const FORM_TYPE = "application/x-www-form-urlencoded";
/** Taken, malformed, refused by policy or price; a form may also be longer than forms are. */
const STATUSES: Readonly<Record<string, ReadonlySet<number>>> = {
  [JSON_TYPE]: new Set([200, 400, 403]),
  [FORM_TYPE]: new Set([200, 400, 403, 413]),
};

interface Case {
  readonly name: string;
  readonly body: Buffer;
}

/** Every file of the suite, or none where its folder is absent. */
function readSuite(): readonly Case[] {
  if (!existsSync(SUITE)) return [];
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(SUITE, folder)).map((name) => ({ name, body: readFileSync(join(SUITE, folder, name)) })),
  );
}

/** What came of sending all of them in one way. */
export interface BodiesFinding {
  readonly way: string;
  readonly sent: number;
  /** Names of the files that were let through. */
  readonly passed: ReadonlySet<string>;
  /** Files that were answered in a way that is none. */
  readonly strange: readonly string[];
  /** Bodies that arrived and are not, byte for byte, those that were let through. */
  readonly changed: number;
  readonly stray: string;
}

/** A way to make a body of a file, and what of it must arrive. */
interface Way {
  readonly name: string;
  readonly path: string;
  readonly contentType: string;
  readonly makes: (file: Buffer) => Buffer;
  /** Keybrake adds who called, where the vendor has a place for that, and changes nothing else. */
  readonly arriving: (body: Buffer) => Buffer;
}

const same = (body: Buffer): Buffer => body;
const labelled = (body: Buffer): Buffer =>
  Buffer.concat([body, Buffer.from(body.length === 0 ? FORM_LABELS : `&${FORM_LABELS}`)]);
const joined = (...parts: (string | Buffer)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));

const WAYS: readonly Way[] = [
  {
    name: "JSON as it is",
    path: "/resend/contacts",
    contentType: JSON_TYPE,
    makes: same,
    arriving: same,
  },
  {
    name: "JSON as a mail",
    path: "/resend/emails",
    contentType: JSON_TYPE,
    makes: same,
    arriving: same,
  },
  {
    name: "JSON within a mail",
    path: "/resend/emails",
    contentType: JSON_TYPE,
    makes: (file) => joined(`{${MAIL},"x":`, file, "}"),
    arriving: (body) => joined(body.subarray(0, -1), `${MAIL_LABELS}}`),
  },
  {
    name: "a form as it is",
    path: "/v1/customers",
    contentType: FORM_TYPE,
    makes: same,
    arriving: labelled,
  },
  {
    name: "a form's value, unescaped",
    path: "/v1/customers",
    contentType: FORM_TYPE,
    makes: (file) => joined("description=", file, "&name=x"),
    arriving: labelled,
  },
  {
    name: "a form's value, escaped",
    path: "/v1/customers",
    contentType: FORM_TYPE,
    makes: (file) => joined("description=", file.toString("hex").replaceAll(/../g, "%$&"), "&name=x"),
    arriving: labelled,
  },
];

/** Sends every file of the suite in every way, to a vendor that keeps the bytes. */
export async function sendBodies(): Promise<{
  readonly ways: readonly BodiesFinding[];
  /** Whether the server lives, and has logged no error of its own. */
  readonly isUnharmed: boolean;
}> {
  const vendor = await openRawVendor();
  vendor.answerWith(answerText(200, '{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794","object":"customer"}'));
  const server = await startTestServer({
    stripeUrl: vendor.url,
    env: { KEYBRAKE_RESEND_UPSTREAM_URL: vendor.url },
  });
  try {
    await storeSecret(server.admin);
    await server.admin.secrets.create({ name: "resend", vendor: "resend", value: "re_hardtest00000000" });
    const keys = {
      resend: await issue(server, "resend", "resend"),
      stripe: await issue(server, "stripe", "stripe-test"),
    };
    const ways: BodiesFinding[] = [];
    for (const way of WAYS)
      ways.push(
        await sendInOneWay(way, server, way.path.startsWith("/resend") ? keys.resend : keys.stripe, vendor),
      );
    const isUnharmed = server.process.exitCode === null && !/Error:|internal error/.test(server.output());
    return { ways, isUnharmed };
  } finally {
    await server.stop();
    await vendor.close();
  }
}

async function issue(server: TestServer, vendor: "resend" | "stripe", secret: string): Promise<string> {
  const policy = { vendor, daily_usd_cap: 100, allowed_endpoints: ["POST /**"] };
  return (await server.admin.vaultKeys.create({ agent_id: "bodies_agent", secret, policy })).vault_key;
}

async function sendInOneWay(
  { name: way, path, contentType, makes, arriving }: Way,
  server: TestServer,
  vaultKey: string,
  vendor: RawVendor,
): Promise<BodiesFinding> {
  const before = vendor.requests.length;
  // An empty file is no JSON, but it is no body either.
  const cases = readSuite()
    .map(({ name, body }) => ({ name, body: makes(body) }))
    .filter(({ body }) => body.length > 0);
  const statuses = await inBatches(cases, async ({ body }) => {
    const head = [
      `POST ${path} HTTP/1.1`,
      "Host: a",
      `Authorization: Bearer ${vaultKey}`,
      `Content-Type: ${contentType}`,
      `Content-Length: ${body.length}`,
    ];
    const { answers } = await sendRaw(server.dataUrl, [`${head.join("\r\n")}\r\n\r\n`, body]);
    return answers[0]?.status ?? 0;
  });
  const passed = cases.filter((_one, index) => statuses[index] === 200);
  const expected = passed.map(({ body }) => arriving(body).toString("latin1")).sort();
  const arrived = vendor.requests
    .slice(before)
    .map(({ body }) => body)
    .sort();
  const changed = Array.from(
    { length: Math.max(expected.length, arrived.length) },
    (_, index) => index,
  ).filter((index) => expected[index] !== arrived[index]);
  return {
    way,
    sent: cases.length,
    passed: new Set(passed.map(({ name }) => name)),
    strange: cases
      .filter((_one, index) => !STATUSES[contentType]?.has(statuses[index] ?? 0))
      .map(({ name }) => name),
    changed: changed.length,
    stray: vendor.strayBytes(),
  };
}

/** What every parser must refuse is no JSON body of ours. */
export function mustRefuse({ way, passed }: BodiesFinding): readonly string[] {
  return way.startsWith("JSON") ? [...passed].filter((name) => name.startsWith("n_")) : [];
}

export const bodies: Figure = {
  name: "G8 bodies",
  goal: "every file of JSONTestSuite as JSON and form bodies, in six ways: refused, or at the vendor byte for byte (but for who called); no crash",
  findObstacle: () => (existsSync(SUITE) ? null : "needs JSONTestSuite beside the repository"),
  run: async (): Promise<Finding> => {
    const { ways, isUnharmed } = await sendBodies();
    const isRight = (found: BodiesFinding) =>
      found.changed === 0 &&
      found.stray === "" &&
      found.strange.length === 0 &&
      mustRefuse(found).length === 0;
    return {
      isReached: ways.every(isRight) && isUnharmed,
      measured: ways
        .map(
          (found) =>
            `${found.way}: ${found.sent} sent, ${found.passed.size} passed, ${found.changed} changed` +
            (isRight(found) ? "" : ` (WRONG: ${[...found.strange, ...mustRefuse(found)].join(", ")})`),
        )
        .join("; "),
    };
  },
};
