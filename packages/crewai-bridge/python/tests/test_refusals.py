"""What a refusal does to a crew: it is said once, as a result that the model understands, and everybody else goes on."""

import time
from datetime import datetime, timezone

import pytest
import stripe
from crewai.tools import tool
from crews import BOTH_WAYS, failures_of, make_agent, make_crew, make_hierarchy
from keybrake_crewai import forget_refusals, guard
from scripted import ScriptedLLM, charge, charge_params, delegate, refund, use


@pytest.fixture(autouse=True)
def _no_refusals_of_others():
    forget_refusals()


def codes(agent):
    return [row["denial_code"] for row in agent.rows()]


@BOTH_WAYS
def test_a_used_up_cap_in_a_hierarchical_crew_is_asked_for_once_and_stops_nobody_else(crew_environment, native):
    billing, refunds = crew_environment("billing_agent", daily_usd_cap=5), crew_environment("refund_agent")
    charges = [use("charge", amount=amount, order=str(amount)) for amount in (600, 610, 620)]
    llm = ScriptedLLM(
        native,
        crew_manager=[delegate("Billing Agent"), delegate("Refund Agent"), delegate("Billing Agent"), "all done"],
        billing_agent=[*charges[:2], "stopped", charges[2], "stopped again"],
        refund_agent=[use("charge", amount=700)],
    )
    agents = [make_agent(role, llm, charge) for role in ("Billing Agent", "Refund Agent")]
    output = guard(make_hierarchy(llm, *agents)).kickoff()
    assert "all done" in output.raw
    assert codes(billing) == ["daily_cap_exceeded"]
    assert codes(refunds) == [None]
    (row,) = billing.rows()
    found = failures_of(output, llm, "billing_agent")
    assert found
    for failure in found:
        assert (failure["code"], failure["retryable"]) == ("daily_cap_exceeded", False)
        details = failure["details"]
        retry_at = datetime.fromisoformat(details["retry_at"].replace("Z", "+00:00"))
        assert datetime.now(timezone.utc) < retry_at
        assert details["call_id"] == row["id"]
        expected = {"vendor": "stripe", "agent_id": "billing_agent", "cap": "5.00", "spent": "0.00", "requested": "6.00"}
        assert {name: details[name] for name in expected} == expected
        assert f"again before {details['retry_at']}" in failure["message"]
    assert "daily_cap_exceeded" in llm.seen("billing_agent")


@BOTH_WAYS
def test_a_manager_that_orders_the_wrong_agent_to_refund_gets_nothing(stage, crew_environment, native):
    payment = crew_environment("payments").client().v1.payment_intents.create(charge_params(500))
    billing = crew_environment("billing_agent", allowed_endpoints=["POST /v1/payment_intents"])
    llm = ScriptedLLM(
        native,
        crew_manager=[delegate("Billing Agent", "refund it"), "I could not"],
        billing_agent=[use("refund", payment=payment.id), "refused"],
    )
    output = guard(make_hierarchy(llm, make_agent("Billing Agent", llm, charge, refund))).kickoff()
    (row,) = billing.rows()
    assert (row["agent_id"], row["verdict"], row["denial_code"], row["path"]) == (
        "billing_agent",
        "deny",
        "endpoint_not_allowed",
        "/v1/refunds",
    )
    assert stage.direct().v1.refunds.list({"payment_intent": payment.id}).data == []
    (failure,) = failures_of(output, llm, "billing_agent")
    assert (failure["code"], failure["retryable"]) == ("endpoint_not_allowed", False)


def test_a_revoked_key_is_asked_once_and_a_new_one_is_free_at_once(crew_environment):
    old = crew_environment("billing_agent")
    old.stage.admin("POST", f"/vault-keys/{old.id}/revoke", {})
    new = None

    @tool("renew")
    def renew() -> str:
        """Gets a new key."""
        nonlocal new
        new = crew_environment("billing_agent")
        return "renewed"

    steps = [use("charge", amount=500, order="1"), use("charge", amount=500, order="2"), use("renew"), use("charge", amount=500)]
    llm = ScriptedLLM(True, billing_agent=steps)
    output = guard(make_crew(make_agent("Billing Agent", llm, charge, renew))).kickoff()
    assert (codes(old), codes(new)) == (["vault_key_revoked"], [None])
    assert {failure["code"] for failure in failures_of(output, llm, "billing_agent")} == {"vault_key_revoked"}


def test_a_request_rate_is_waited_for_no_longer_than_the_bound(crew_environment):
    billing = crew_environment("billing_agent", requests_per_minute=1)
    llm = ScriptedLLM(True, billing_agent=[use("charge", amount=500, order=str(order)) for order in range(2)])
    started = time.monotonic()
    output = guard(make_crew(make_agent("Billing Agent", llm, charge))).kickoff()
    (failure,) = failures_of(output, llm, "billing_agent")
    assert (failure["code"], failure["retryable"]) == ("rate_limited", True)
    # The proxy asks for most of a minute.
    assert time.monotonic() - started < 30
    assert codes(billing)[:2] == [None, "rate_limited"]


@BOTH_WAYS
def test_tools_that_handle_errors_in_their_own_way(crew_environment, native):
    billing = crew_environment("billing_agent", per_call_usd_cap=1)

    @tool("charge_wrapped")
    def charge_wrapped(amount: int) -> str:
        """Charges, and raises an error of its own."""
        try:
            return stripe.PaymentIntent.create(**charge_params(amount)).id
        except stripe.PermissionError as error:
            raise RuntimeError("it did not work") from error

    @tool("charge_told")
    def charge_told(amount: int) -> str:
        """Charges, and tells what went wrong."""
        try:
            return stripe.PaymentIntent.create(**charge_params(amount)).id
        except stripe.StripeError as error:
            return f"not charged: {error.code}"

    llm = ScriptedLLM(native, billing_agent=[use("charge_wrapped", amount=500), use("charge_told", amount=600)])
    output = guard(make_crew(make_agent("Billing Agent", llm, charge_wrapped, charge_told))).kickoff()
    assert codes(billing) == ["per_call_cap_exceeded"] * 2
    (failure,) = failures_of(output, llm, "billing_agent")
    assert failure["code"] == "per_call_cap_exceeded"
    assert "not charged: per_call_cap_exceeded" in llm.seen("billing_agent")


@BOTH_WAYS
def test_an_agent_without_a_key_is_told_so(crew_environment, native):
    billing = crew_environment("billing_agent")
    llm = ScriptedLLM(native, refund_agent=[use("charge", amount=500)])
    output = guard(make_crew(make_agent("Refund Agent", llm, charge))).kickoff()
    assert billing.rows() == []
    (failure,) = failures_of(output, llm, "refund_agent")
    assert failure["code"] == "keybrake_configuration"
    assert "REFUND_STRIPE_VAULT_KEY" in failure["message"]
