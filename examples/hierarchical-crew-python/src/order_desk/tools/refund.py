import os

import stripe
from crewai.tools import tool

stripe.api_key = os.environ["STRIPE_API_KEY"]


@tool("refund_payment")
def refund_payment(payment_intent: str, amount: int) -> str:
    """Refund an amount in cents of a payment. Returns the refund's id."""
    refund = stripe.Refund.create(payment_intent=payment_intent, amount=amount)
    return f"{refund.status}: {refund.id}, {refund.amount} cents"
