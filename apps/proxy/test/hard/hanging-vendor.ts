import { setTimeout as delay } from "node:timers/promises";
import { Pool } from "undici";
import type { Figure, Finding } from "./figure.ts";
import { openPlainVendor } from "./plain-vendor.ts";
import { type Answer, charge, openReplicas } from "./replicas.ts";

/** Calls of one secret that may run at its vendor at once. */
export const RUNNING_MAX = 128;
const KEYS = 8;

/** What happened while one vendor hung. */
export interface HangFinding {
  /** The most requests that were open at the vendor. */
  readonly openAtMost: number;
  /** Answers to the calls to that vendor, by code (null = success), once it had recovered or they had waited enough. */
  readonly codes: ReadonlyMap<string, number>;
  readonly isEveryRefusalDated: boolean;
  /** Calls to another vendor meanwhile, and how many of them failed. */
  readonly others: number;
  readonly otherFailures: number;
  /** Calls that are still held after everything has ended. */
  readonly reserved: number;
}

/** Every call to one vendor hangs; after `hangMs` it recovers. */
export async function hangVendor(calls: number, hangMs: number): Promise<HangFinding> {
  const [stripe, resend] = [
    await openPlainVendor(),
    await openPlainVendor(() => '{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}'),
  ];
  const replicas = await openReplicas({
    stripeUrl: stripe.url,
    env: { KEYBRAKE_RESEND_UPSTREAM_URL: resend.url },
  });
  const [server] = replicas.servers;
  if (server === undefined) throw new TypeError("no server");
  const pool = new Pool(server.dataUrl, { connections: calls + 8 });
  try {
    await replicas.admin.secrets.create({ name: "resend", vendor: "resend", value: "re_hardtest00000000" });
    const mailer = await replicas.admin.vaultKeys.create({
      agent_id: "mail_agent",
      secret: "resend",
      policy: {
        vendor: "resend",
        daily_usd_cap: 1_000,
        allowed_endpoints: ["POST /emails"],
        expires_in: "1h",
      },
    });
    const keys = await Promise.all(
      Array.from({ length: KEYS }, (_, index) => replicas.issue(`agent_${index}`)),
    );
    stripe.hang();
    let openAtMost = 0;
    const watch = setInterval(() => {
      openAtMost = Math.max(openAtMost, stripe.open());
    }, 2);
    const hung = Array.from({ length: calls }, (_, index) =>
      chargeDecided(pool, keys[index % KEYS]?.vaultKey ?? ""),
    );
    const deadline = performance.now() + 20_000;
    while (stripe.open() < Math.min(calls, RUNNING_MAX) && performance.now() < deadline) await delay(5);
    const others: number[] = [];
    const recoverAtMs = performance.now() + hangMs;
    do others.push(await sendMail(pool, mailer.vault_key));
    while (performance.now() < recoverAtMs || others.length < 20);
    stripe.recover();
    const answers = await Promise.all(hung);
    clearInterval(watch);
    const refused = answers.filter(({ status }) => status === 503);
    const reserved = await replicas.admin.calls.list({ state: "reserved", limit: 1_000 });
    return {
      openAtMost,
      codes: countCodes(answers),
      isEveryRefusalDated: refused.every(({ retryAfter }) => Number(retryAfter) >= 1),
      others: others.length,
      otherFailures: others.filter((status) => status !== 200).length,
      reserved: reserved.data.length,
    };
  } finally {
    await pool.destroy();
    await replicas.close();
    await Promise.all([stripe.close(), resend.close()]);
  }
}

/** On a busy machine the ledger may not answer in time: that is no decision, and the agent asks again. */
async function chargeDecided(pool: Pool, vaultKey: string): Promise<Answer> {
  for (;;) {
    const answer = await charge(pool, vaultKey);
    if (answer.code !== "ledger_unavailable") return answer;
  }
}

async function sendMail(pool: Pool, vaultKey: string): Promise<number> {
  const answer = await pool.request({
    method: "POST",
    path: "/resend/emails",
    headers: { authorization: `Bearer ${vaultKey}`, "content-type": "application/json" },
    body: '{"from":"a@crew.example","to":["b@example.com"],"subject":"x","text":"y"}',
  });
  await answer.body.dump();
  return answer.statusCode;
}

function countCodes(answers: readonly Answer[]): ReadonlyMap<string, number> {
  const codes = new Map<string, number>();
  for (const { status, code } of answers) {
    const name = status === 200 ? "ok" : (code ?? String(status));
    codes.set(name, (codes.get(name) ?? 0) + 1);
  }
  return codes;
}

export const hangingVendor: Figure = {
  name: "R2 a vendor that hangs",
  goal: "600 calls to it: at most 128 at the vendor, whoever waits for 10 s is refused with Retry-After, whoever came later is served when it is back, no call to another vendor fails",
  findObstacle: () => null,
  run: async (): Promise<Finding> => {
    const finding = await hangVendor(600, 12_000);
    const { openAtMost, codes, isEveryRefusalDated, others, otherFailures, reserved } = finding;
    const [ok, overloaded] = [codes.get("ok") ?? 0, codes.get("overloaded") ?? 0];
    const isReached =
      openAtMost === RUNNING_MAX &&
      ok >= RUNNING_MAX &&
      overloaded > 0 &&
      ok + overloaded === 600 &&
      isEveryRefusalDated &&
      otherFailures === 0 &&
      reserved === 0;
    const shown = [...codes].map(([code, count]) => `${count} ${code}`).join(", ");
    return {
      isReached,
      measured: `${openAtMost} at the vendor; ${shown}; other vendor ${others} calls, ${otherFailures} failed`,
    };
  },
};
