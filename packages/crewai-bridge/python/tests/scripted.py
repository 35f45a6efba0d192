"""A language model that says what its script says, and tools that charge, text and mail as unchanged code does."""

import json
import threading
from collections import defaultdict

import resend
import stripe
from crewai import BaseLLM
from crewai.tools import tool
from twilio.rest import Client as TwilioClient

DELEGATE = "delegate_work_to_coworker"


def use(name, **arguments):
    """A step of a script: the model decides to call a tool."""
    return {"name": name, "arguments": arguments}


def delegate(coworker, task="do it"):
    return use(DELEGATE, task=task, context="none", coworker=coworker)


class ScriptedLLM(BaseLLM):
    """
    Plays a script for each role: a tool call, a text (the final answer), an exception, or a list of tool calls for one turn. What
    comes after its end is `done`. `native` says whether it calls tools by function calling or in ReAct's text.
    """

    def __init__(self, native, **scripts):
        super().__init__(model="scripted")
        # Not by plain assignment: it is a pydantic model in some versions of CrewAI, and an ordinary class in others.
        state = {"_native": native, "_lock": threading.Lock(), "_seen": defaultdict(list)}
        state["_scripts"] = {role: list(steps) for role, steps in scripts.items()}
        for name, value in state.items():
            object.__setattr__(self, name, value)

    def seen(self, role):
        """What the model was shown in this role's last turn."""
        return json.dumps(self._seen[role], default=str)

    def supports_function_calling(self):
        return self._native

    def supports_stop_words(self):
        return False

    def call(self, messages, tools=None, callbacks=None, available_functions=None, from_task=None, from_agent=None, **rest):
        role = getattr(from_agent, "role", "").strip().lower().replace(" ", "_")
        with self._lock:
            self._seen[role] = messages
            steps = self._scripts.get(role, [])
            step = steps.pop(0) if steps else "done"
        if isinstance(step, Exception):
            raise step
        if isinstance(step, str):
            return step if self._native else f"Thought: I know\nFinal Answer: {step}"
        calls = step if isinstance(step, list) else [step]
        if self._native:
            return [
                {
                    "id": f"call_{role}_{len(steps)}_{index}",
                    "type": "function",
                    "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])},
                }
                for index, call in enumerate(calls)
            ]
        (call,) = calls
        return f"Thought: next\nAction: {call['name']}\nAction Input: {json.dumps(call['arguments'])}"

    async def acall(self, *args, **kwargs):
        return self.call(*args, **kwargs)


def charge_params(amount, order="1"):
    return {
        "amount": amount,
        "currency": "usd",
        "payment_method": "pm_card_visa",
        "confirm": True,
        "description": f"order {order}",
    }


@tool("charge")
def charge(amount: int, order: str = "1") -> str:
    """Charges an amount in cents."""
    return stripe.PaymentIntent.create(**charge_params(amount, order)).id


@tool("refund")
def refund(payment: str) -> str:
    """Refunds a payment."""
    return stripe.Refund.create(payment_intent=payment).id


@tool("text")
def text(to: str, body: str) -> str:
    """Sends a text message."""
    return TwilioClient().messages.create(from_="+15005550006", to=to, body=body).sid


@tool("mail")
def mail(to: str) -> str:
    """Sends a mail."""
    return resend.Emails.send({"from": "crew@crew.example", "to": [to], "subject": "Invoice", "text": "Hello"})["id"]
