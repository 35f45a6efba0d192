import os

import stripe
from crewai.tools import BaseTool

stripe.api_key = os.environ["STRIPE_API_KEY"]


class RefundPayment(BaseTool):
    name: str = "refund_payment"
    description: str = "Refund an amount in cents of a payment. Returns the refund's id."

    def _run(self, payment_intent: str, amount: int) -> str:
        refund = stripe.Refund.create(payment_intent=payment_intent, amount=amount)
        return f"{refund.status}: {refund.id}, {refund.amount} cents"
