import os

import stripe
from crewai.tools import BaseTool

stripe.api_key = os.environ["STRIPE_API_KEY"]


class ChargeCard(BaseTool):
    name: str = "charge_card"
    description: str = "Charge an amount in cents to the customer's card. Returns the payment's id."

    def _run(self, amount: int, order_id: str) -> str:
        intent = stripe.PaymentIntent.create(
            amount=amount,
            currency="usd",
            payment_method="pm_card_visa",
            automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
            confirm=True,
            description=f"order {order_id}",
        )
        return f"{intent.status}: {intent.id}, {intent.amount} cents"
