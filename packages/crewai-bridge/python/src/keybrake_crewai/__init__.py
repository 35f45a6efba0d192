"""
Keybrake for CrewAI: every agent of a crew calls Stripe, Twilio and Resend with a vault key of its own, and every call is booked on
its agent and run.
"""

from .breaker import forget_refusals
from .clients import resend_client, stripe_client, twilio_client
from .errors import CapBreach, ConfigurationError, KeybrakeError, OutcomeUnknown, Refused
from .guard import guard
from .identity import acting_as
from .refusal import Refusal
from .run import crew_run, run_id
from .settings import configure

__all__ = [
    "CapBreach",
    "ConfigurationError",
    "KeybrakeError",
    "OutcomeUnknown",
    "Refusal",
    "Refused",
    "acting_as",
    "configure",
    "crew_run",
    "forget_refusals",
    "guard",
    "resend_client",
    "run_id",
    "stripe_client",
    "twilio_client",
]
