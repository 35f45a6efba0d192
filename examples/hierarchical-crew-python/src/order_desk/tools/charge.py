import os

import stripe
from crewai.tools import tool

stripe.api_key = os.environ["STRIPE_API_KEY"]


@tool("charge_card")
def charge_card(amount: int, order_id: str) -> str:
    """Charge an amount in cents to the customer's card. Returns the payment's id."""
    intent = stripe.PaymentIntent.create(
        amount=amount,
        currency="usd",
        payment_method="pm_card_visa",
        automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
        confirm=True,
        description=f"order {order_id}",
    )
    return f"{intent.status}: {intent.id}, {intent.amount} cents"
