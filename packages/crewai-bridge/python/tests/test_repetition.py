"""CrewAI executes tools again: after an error, when it tries a task again, when a guardrail refuses. Nothing is charged twice."""

import asyncio
import uuid
from collections import Counter

import pytest
import stripe
from crewai import Crew
from crewai.tools import tool
from crews import BOTH_WAYS, make_agent, make_crew, make_hierarchy, make_task
from keybrake_crewai import crew_run, guard
from scripted import ScriptedLLM, charge, charge_params, delegate, mail, text, use

FAILURE = RuntimeError("the model did not answer")


class Flaky:
    """Makes tools that do their work and then raise, so many times."""

    def __init__(self, times, inner=charge):
        self.executions = 0
        self.times = times
        self.inner = inner

    def tool(self):
        @tool("flaky")
        def flaky(amount: int = 500) -> str:
            """Charges, and may break afterwards."""
            self.executions += 1
            result = self.inner.func(amount) if self.inner is charge else self.inner()
            if self.executions <= self.times:
                raise KeyError("a mistake of the tool's")
            return result

        return flaky


def payments(stage, run):
    """The payments that the vendor has made in a run."""
    found = [payment.to_dict() for payment in stage.direct().v1.payment_intents.list({"limit": 100}).data]
    return [payment["amount"] for payment in found if payment["metadata"].get("crew_run_id") == run]


@pytest.fixture
def run():
    with crew_run(f"run-{uuid.uuid4()}") as opened:
        yield opened


@BOTH_WAYS
def test_a_tool_that_raises_after_it_has_charged(stage, crew_environment, run, native):
    billing = crew_environment("billing_agent")
    flaky = Flaky(times=100)
    llm = ScriptedLLM(native, billing_agent=[use("flaky"), use("flaky", amount=500)])
    guard(make_crew(make_agent("Billing Agent", llm, flaky.tool()))).kickoff()
    # CrewAI's own six executions, and one more decision of the model, who was told that it had failed.
    assert flaky.executions > (6 if not native else 1)
    assert payments(stage, run) == [500]
    assert billing.used() == "5.00"


def test_two_calls_that_the_model_wants_are_two(stage, crew_environment, run):
    crew_environment("billing_agent")
    steps = [use("charge", amount=500), use("charge", amount=500), [use("charge", amount=500)] * 2]
    guard(make_crew(make_agent("Billing Agent", ScriptedLLM(True, billing_agent=steps), charge))).kickoff()
    assert payments(stage, run) == [500] * 4


@BOTH_WAYS
@pytest.mark.parametrize("is_async", [False, True])
def test_a_task_that_the_agent_tries_again(stage, crew_environment, run, native, is_async):
    crew_environment("billing_agent")
    again = [use("charge", amount=500), use("charge", amount=600), use("charge", amount=500)]
    llm = ScriptedLLM(native, billing_agent=[*again[:2], FAILURE, *again, FAILURE, *again, "done"])
    crew = guard(make_crew(make_agent("Billing Agent", llm, charge)))
    if is_async:
        asyncio.run(crew.akickoff())
    else:
        crew.kickoff()
    # ReAct refuses the same call twice in a row, so there the third is made in the last attempt at the latest.
    assert Counter(payments(stage, run)) == {500: 2, 600: 1}


def test_a_task_that_a_guardrail_refuses(stage, crew_environment, run):
    crew_environment("billing_agent")
    llm = ScriptedLLM(True, billing_agent=[use("charge", amount=500), "wrong", use("charge", amount=500), "right"])
    agent = make_agent("Billing Agent", llm, charge)

    def check(output):
        return ("right" in output.raw, output.raw)

    guard(Crew(agents=[agent], tasks=[make_task(agent, guardrail=check)])).kickoff()
    assert payments(stage, run) == [500]


@BOTH_WAYS
def test_a_manager_that_starts_again(stage, crew_environment, run, native):
    crew_environment("billing_agent")
    llm = ScriptedLLM(
        native,
        crew_manager=[delegate("Billing Agent"), FAILURE, delegate("Billing Agent"), "done"],
        billing_agent=[use("charge", amount=500), "charged", use("charge", amount=500), "charged"],
    )
    guard(make_hierarchy(llm, make_agent("Billing Agent", llm, charge))).kickoff()
    assert payments(stage, run) == [500]


def test_a_crew_that_is_kicked_off_again_after_it_failed_and_after_it_succeeded(stage, crew_environment, run):
    crew_environment("billing_agent")
    steps = [use("charge", amount=500), *[FAILURE] * 3, use("charge", amount=500), "done", use("charge", amount=500), "done"]
    crew = guard(make_crew(make_agent("Billing Agent", ScriptedLLM(True, billing_agent=steps), charge, max_retry_limit=2)))
    with pytest.raises(RuntimeError):
        crew.kickoff()
    crew.kickoff()
    assert payments(stage, run) == [500]
    crew.kickoff()
    assert payments(stage, run) == [500, 500]


@pytest.mark.parametrize("vendor", ["twilio", "resend"])
def test_texts_and_mails_are_sent_once(stage, crew_environment, run, vendor):
    agent = crew_environment("billing_agent", vendor)
    inner = (lambda: text.func("+14155550100", "hi")) if vendor == "twilio" else (lambda: mail.func("a@example.com"))
    flaky = Flaky(times=3, inner=inner)
    sent = stage.watch(vendor)
    llm = ScriptedLLM(False, billing_agent=[use("flaky", amount=1)])
    guard(make_crew(make_agent("Billing Agent", llm, flaky.tool()))).kickoff()
    assert flaky.executions == 4
    posts = [request for request in sent() if request["method"] == "POST"]
    if vendor == "twilio":
        assert len(posts) == len(agent.rows()) == 1
    else:
        # The vendor itself knows a repetition by its key.
        assert len({request["headers"]["idempotency-key"] for request in posts}) == 1
        assert sum(float(row["cost_usd"]) for row in agent.rows()) == 0.0009


def test_a_declined_card_is_tried_again_when_the_model_says_so_and_not_by_crewai(stage, crew_environment, run):
    crew_environment("billing_agent")
    executions = []

    @tool("charge_declined")
    def charge_declined() -> str:
        """Charges a card that is declined."""
        executions.append(None)
        return stripe.PaymentIntent.create(**{**charge_params(500), "payment_method": "pm_card_chargeDeclined"}).id

    llm = ScriptedLLM(False, billing_agent=[use("charge_declined"), use("charge_declined")])
    sent = stage.watch()
    guard(make_crew(make_agent("Billing Agent", llm, charge_declined))).kickoff()
    assert len(executions) > 2
    assert len({request["headers"]["idempotency-key"] for request in sent()}) == 2


def test_an_idempotency_key_of_the_codes_own_is_kept(stage, crew_environment, run):
    crew_environment("billing_agent")
    seen = []

    @tool("charge_order")
    def charge_order() -> str:
        """Charges an order, once ever."""
        payment = stripe.PaymentIntent.create(**charge_params(500), idempotency_key="order-7")
        seen.append(payment.last_response.idempotency_key)
        return payment.id

    llm = ScriptedLLM(True, billing_agent=[use("charge_order"), use("charge_order")])
    guard(make_crew(make_agent("Billing Agent", llm, charge_order))).kickoff()
    assert seen == ["order-7", "order-7"]
    assert payments(stage, run) == [500]
