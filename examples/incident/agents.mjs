import Stripe from "stripe";

/** stripe-node with a vault key. */
function stripeWith(dataUrl, vaultKey) {
  const { protocol, hostname: host, port } = new URL(dataUrl);
  return new Stripe(vaultKey, { protocol: protocol.slice(0, -1), host, port });
}

/** The billing agent's work: it charges twenty dollars, and gives the payment's id. */
export async function billing(dataUrl, vaultKey) {
  const payment = await stripeWith(dataUrl, vaultKey).paymentIntents.create({
    amount: 2000,
    currency: "usd",
    payment_method: "pm_card_visa",
    confirm: true,
  });
  console.log(`shop_billing: charged 20 dollars (${payment.status})`);
  return payment.id;
}

/** The refund agent's work: it gives five dollars back. */
export async function refund(dataUrl, vaultKey, payment) {
  const { status } = await stripeWith(dataUrl, vaultKey).refunds.create({
    payment_intent: payment,
    amount: 500,
  });
  return `shop_refunds: gave 5 dollars back (${status})`;
}

/** What is tried with a key that was found somewhere: to look around, to pay out, to charge, to take what is left. */
export async function thief(dataUrl, vaultKey, payment) {
  const stripe = stripeWith(dataUrl, vaultKey);
  const attempts = {
    "list the customers": () => stripe.customers.list(),
    "pay out the balance": () => stripe.payouts.create({ amount: 90_000, currency: "usd" }),
    "charge a card": () => stripe.paymentIntents.create({ amount: 90_000, currency: "usd" }),
    "take a refund": () => stripe.refunds.create({ payment_intent: payment, amount: 1500 }),
  };
  const lines = [];
  for (const [what, attempt] of Object.entries(attempts)) {
    const outcome = await attempt()
      .then(() => "done")
      .catch((error) => `refused: ${error.code}`);
    lines.push(`${what}: ${outcome}`);
  }
  return lines;
}
