// A program written for Stripe itself: nothing in it knows of Keybrake but the name of the variable. Each argument is an
// amount in cents; `refund` tries what the key is not for.
import Stripe from "stripe";

const stripe = new Stripe(process.env.BILLING_VAULT_KEY);
const answers = [];
for (const amount of process.argv.slice(2)) {
  const call =
    amount === "refund"
      ? stripe.refunds.create({ payment_intent: "pi_1" })
      : stripe.paymentIntents.create({
          amount: Number(amount),
          currency: "usd",
          payment_method: "pm_card_visa",
          confirm: true,
        });
  answers.push(
    await call.then(
      ({ status, metadata }) => ({ status, metadata }),
      ({ code, statusCode }) => ({ code, status: statusCode }),
    ),
  );
}
process.stdout.write(JSON.stringify(answers));
