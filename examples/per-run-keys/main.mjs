// A support desk that makes an agent for each customer who writes. Its vault key may touch that customer alone, may give
// back ten dollars in all, and ends with the job.
import { createAdminClient } from "@keybrake/client";
import { withCrewRun } from "@keybrake/crewai-bridge";
import Stripe from "stripe";
import { printTrail } from "./trail.mjs";

const SECRET = process.env.STRIPE_SECRET_NAME ?? "stripe-sandbox";
const dataUrl = process.env.KEYBRAKE_DATA_URL;
const admin = createAdminClient({
  baseUrl: process.env.KEYBRAKE_URL,
  token: process.env.KEYBRAKE_ADMIN_TOKEN,
});

/** stripe-node with a vault key. */
function stripeWith(vaultKey) {
  const { protocol, hostname: host, port } = new URL(dataUrl);
  return new Stripe(vaultKey, { protocol: protocol.slice(0, -1), host, port });
}

/** The policy of an agent for one customer, made when the customer writes. */
function refundsFor(customer) {
  return {
    secret: SECRET,
    policy: {
      customers: [customer],
      allowed_endpoints: ["POST /v1/refunds"],
      total_usd_cap: 10,
      expires_in: "10m",
    },
  };
}

/** Two customers who have paid thirty dollars each, so that there is something to give back. */
async function makeCustomers() {
  const policy = {
    total_usd_cap: 100,
    allowed_endpoints: ["POST /v1/customers", "POST /v1/payment_intents"],
  };
  const agents = { shop: { stripe: { secret: SECRET, policy } } };
  return withCrewRun({ admin, dataUrl, agents }, async (run) => {
    const stripe = stripeWith(run.vaultKey("shop", "stripe"));
    const customers = [];
    for (const name of ["Ada", "Grace"]) {
      const customer = await stripe.customers.create({ name });
      const payment = await stripe.paymentIntents.create({
        amount: 3000,
        currency: "usd",
        customer: customer.id,
        payment_method: "pm_card_visa",
        confirm: true,
      });
      customers.push({ name, id: customer.id, payment: payment.id });
    }
    return customers;
  });
}

/** One job: an agent with a key of its own tries what its customer, or somebody in between, talks it into. */
function serve(customer, wishes) {
  const agentId = `support_${customer.name.toLowerCase()}`;
  const agents = { [agentId]: { stripe: refundsFor(customer.id) } };
  return withCrewRun({ admin, dataUrl, agents }, async (run) => {
    const stripe = stripeWith(run.vaultKey(agentId, "stripe"));
    for (const { what, payment, amount } of wishes) {
      const outcome = await stripe.refunds
        .create({ payment_intent: payment, amount })
        .then(() => "given back")
        .catch((error) => `refused: ${error.code}`);
      console.log(`${agentId}: ${what}: ${outcome}`);
    }
    return { crewRunId: run.crewRunId, vaultKey: run.vaultKey(agentId, "stripe") };
  });
}

const [ada, grace] = await makeCustomers();
const jobs = await Promise.all([
  serve(ada, [
    { what: "6 dollars of Ada's", payment: ada.payment, amount: 600 },
    { what: "6 more", payment: ada.payment, amount: 600 },
  ]),
  serve(grace, [
    { what: "5 dollars of Ada's", payment: ada.payment, amount: 500 },
    { what: "4 dollars of Grace's", payment: grace.payment, amount: 400 },
  ]),
]);

const [{ vaultKey }] = jobs;
const late = await stripeWith(vaultKey)
  .refunds.create({ payment_intent: ada.payment, amount: 100 })
  .catch((error) => error.code);
console.log(`support_ada's key after its job: ${late}`);

await printTrail(
  admin,
  jobs.map(({ crewRunId }) => crewRunId),
);
