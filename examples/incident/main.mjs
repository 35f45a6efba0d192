// One agent's key leaks. The audit log says whose it is and what was tried with it, one call revokes it, and the agents
// beside it go on as if nothing had happened.
import { createAdminClient } from "@keybrake/client";
import { issueCrewKeys, revokeRun } from "@keybrake/crewai-bridge";
import { billing, refund, thief } from "./agents.mjs";

const secret = process.env.STRIPE_SECRET_NAME ?? "stripe-sandbox";
const dataUrl = process.env.KEYBRAKE_DATA_URL;
const admin = createAdminClient({
  baseUrl: process.env.KEYBRAKE_URL,
  token: process.env.KEYBRAKE_ADMIN_TOKEN,
});

const billingPolicy = { daily_usd_cap: 1000, allowed_endpoints: ["POST /v1/payment_intents"] };
const refundPolicy = { total_usd_cap: 50, allowed_endpoints: ["POST /v1/refunds"], expires_in: "8h" };

/** What each agent of the run did, and what it was refused: an agent that keeps to its work is refused nothing. */
const BY_AGENT = `
  SELECT agent_id, count(*) FILTER (WHERE verdict = 'allow') AS allowed, count(*) FILTER (WHERE verdict = 'deny') AS refused,
    sum(cost_usd) AS usd
  FROM calls WHERE crew_run_id = '%' GROUP BY agent_id ORDER BY refused DESC`;
/** The calls of one agent that its work does not need. */
const UNUSUAL = `
  SELECT to_char(requested_at, 'HH24:MI:SS') AS at, method || ' ' || path AS call, denial_code
  FROM calls WHERE crew_run_id = '%' AND agent_id = 'shop_refunds' AND verdict = 'deny' ORDER BY requested_at`;

const ask = async (query, crewRunId) => (await admin.sql.query(query.replace("%", crewRunId))).rows;
const heading = (text) => console.log(`\n${text}`);

/** Keys of one run for the two agents; the crew uses them until the end of this file. */
const { crewRunId, keys } = await issueCrewKeys({
  admin,
  dataUrl,
  agents: {
    shop_billing: { stripe: { secret, policy: billingPolicy } },
    shop_refunds: { stripe: { secret, policy: refundPolicy } },
  },
});
const keyOf = (agentId) => keys.find((key) => key.agentId === agentId).vaultKey;

try {
  heading("1. the crew works");
  const payment = await billing(dataUrl, keyOf("shop_billing"));
  console.log(await refund(dataUrl, keyOf("shop_refunds"), payment));

  heading("2. somebody else has the refund agent's key");
  for (const line of await thief(dataUrl, keyOf("shop_refunds"), payment)) console.log(line);

  heading("3. whose calls are unusual?");
  console.table(await ask(BY_AGENT, crewRunId));
  console.table(await ask(UNUSUAL, crewRunId));

  heading("4. the brake");
  const { revoked } = await admin.agents.revoke("shop_refunds", { reason: "its key has leaked" });
  console.log(`vault keys revoked: ${revoked}, all of shop_refunds`);
  console.log(`the thief: ${(await thief(dataUrl, keyOf("shop_refunds"), payment)).at(-1)}`);

  heading("5. the others go on");
  const next = await billing(dataUrl, keyOf("shop_billing"));
  const { vault_key: renewed } = await admin.vaultKeys.create({
    agent_id: "shop_refunds",
    secret,
    policy: { vendor: "stripe", ...refundPolicy, total_usd_cap: 10 },
    crew_run_id: crewRunId,
  });
  console.log(`${await refund(dataUrl, renewed, next)}, with a new key that may give back 10 dollars`);
} finally {
  await revokeRun({ admin, crewRunId, keys, reason: "the example has ended" });
}
