"""Every call of every agent is made with that agent's key and booked on it and on the run, proven from the audit table."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qs

import pytest
import stripe
from crewai import Crew
from crewai.tools import BaseTool, tool
from crews import BOTH_WAYS, HAS_EXECUTION_UUID, RUNS_ASYNC_TOOLS, make_agent, make_crew, make_hierarchy, make_task
from keybrake_crewai import ConfigurationError, crew_run, guard, run_id
from keybrake_stage import ACCOUNT_SID
from scripted import ScriptedLLM, charge, charge_params, delegate, mail, text, use


def booked(agent):
    """What the audit table says of the calls of a key, in order."""
    return [(row["agent_id"], row["crew_run_id"], row["claimed_agent_id"], row["amount"]) for row in agent.rows()]


@BOTH_WAYS
def test_agents_that_share_a_tool_in_a_sequential_crew(stage, crew_environment, native):
    agents = {"billing_agent": 500, "refund_agent": 700}
    keys = {agent_id: crew_environment(agent_id) for agent_id in agents}
    llm = ScriptedLLM(native, **{agent_id: [use("charge", amount=amount)] for agent_id, amount in agents.items()})
    sent = stage.watch()
    crew = guard(make_crew(make_agent("Billing Agent", llm, charge), make_agent("Refund Agent\n", llm, charge)))
    with crew_run() as run:
        crew.kickoff()
    for agent_id, amount in agents.items():
        assert booked(keys[agent_id]) == [(agent_id, run, None, amount)]
    labels = [parse_qs(request["body"]) for request in sent()]
    assert [(label["metadata[agent_id]"], label["metadata[crew_run_id]"]) for label in labels] == [
        (["billing_agent"], [run]),
        (["refund_agent"], [run]),
    ]


@BOTH_WAYS
def test_coworkers_in_a_hierarchical_crew(crew_environment, native):
    billing, refunds = crew_environment("billing_agent"), crew_environment("refund_agent")
    llm = ScriptedLLM(
        native,
        crew_manager=[delegate("Billing Agent"), delegate("Refund Agent"), delegate("Billing Agent", "and more")],
        billing_agent=[use("charge", amount=500), "charged", use("charge", amount=600)],
        refund_agent=[use("charge", amount=700)],
    )
    crew = guard(make_hierarchy(llm, make_agent("Billing Agent", llm, charge), make_agent("Refund Agent", llm, charge)))
    with crew_run() as run:
        crew.kickoff()
    assert booked(billing) == [("billing_agent", run, None, 500), ("billing_agent", run, None, 600)]
    assert booked(refunds) == [("refund_agent", run, None, 700)]


@BOTH_WAYS
def test_a_manager_that_uses_an_agents_tools_itself_acts_for_that_agent(crew_environment, native):
    billing = crew_environment("billing_agent")
    llm = ScriptedLLM(native, crew_manager=[use("charge", amount=500)])
    agent = make_agent("Billing Agent", llm, charge)
    guard(make_hierarchy(llm, agent, task=make_task(agent))).kickoff()
    assert [row[0] for row in booked(billing)] == ["billing_agent"]


def test_the_tools_of_a_task_belong_to_its_agent_or_to_whoever_runs_it(crew_environment):
    billing, manager = crew_environment("billing_agent"), crew_environment("crew_manager")
    llm = ScriptedLLM(True, billing_agent=[use("charge", amount=500)], crew_manager=[use("charge", amount=700)])
    agent = make_agent("Billing Agent", llm)
    guard(Crew(agents=[agent], tasks=[make_task(agent, tools=[charge])])).kickoff()
    guard(make_hierarchy(llm, agent, task=make_task(tools=[charge]))).kickoff()
    assert [row[0] for row in booked(billing)] == ["billing_agent"]
    assert [row[0] for row in booked(manager)] == ["crew_manager"]


def test_several_calls_in_one_turn_of_the_model(crew_environment):
    billing = crew_environment("billing_agent")
    llm = ScriptedLLM(True, billing_agent=[[use("charge", amount=amount) for amount in (500, 600, 700)]])
    with crew_run() as run:
        guard(make_crew(make_agent("Billing Agent", llm, charge))).kickoff()
    assert sorted(booked(billing)) == [("billing_agent", run, None, amount) for amount in (500, 600, 700)]


@BOTH_WAYS
def test_asynchronous_crews_tasks_and_tools(crew_environment, native):
    billing, refunds = crew_environment("billing_agent"), crew_environment("refund_agent")

    class ChargeLater(BaseTool):
        name: str = "charge_later"
        description: str = "Charges an amount in cents."

        async def _run(self, amount: int) -> str:
            # The module's own asynchronous client belongs to the event loop that it was first used in.
            client = stripe.StripeClient("vault_set_by_keybrake_run")
            return (await client.v1.payment_intents.create_async(charge_params(amount))).id

    llm = ScriptedLLM(native, billing_agent=[use("charge", amount=500)], refund_agent=[use("charge_later", amount=700)])
    agents = [make_agent("Billing Agent", llm, charge), make_agent("Refund Agent", llm, ChargeLater())]
    tasks = [make_task(agents[0], async_execution=True), make_task(agents[1])]

    async def kick_off():
        async with crew_run() as run:
            await guard(Crew(agents=agents, tasks=tasks)).akickoff()
            return run

    run = asyncio.run(kick_off())
    assert booked(billing) == [("billing_agent", run, None, 500)]
    if RUNS_ASYNC_TOOLS or not native:
        assert booked(refunds) == [("refund_agent", run, None, 700)]


def test_items_of_a_crew_for_each_are_runs_of_their_own_unless_one_run_is_open(crew_environment):
    billing = crew_environment("billing_agent")
    steps = [step for amount in (500, 600, 700, 800) for step in (use("charge", amount=amount), "done")]
    llm = ScriptedLLM(True, billing_agent=steps)
    crew = guard(make_crew(make_agent("Billing Agent", llm, charge)))
    crew.kickoff_for_each([{"order": "1"}, {"order": "2"}])
    with crew_run() as run:
        asyncio.run(crew.kickoff_for_each_async([{"order": "3"}, {"order": "4"}]))
    runs = [row[1] for row in booked(billing)]
    assert len(runs) == 4
    assert len({*runs[:2], run}) == 3
    assert None not in runs
    assert runs[2:] == [run, run]


def test_crews_at_the_same_time_do_not_meet(crew_environment):
    agents = {f"billing{number}": crew_environment(f"billing{number}") for number in range(4)}
    # Every crew is in the middle of its call before any goes on.
    together = threading.Barrier(len(agents))

    @tool("charge_together")
    def charge_together(amount: int) -> str:
        """Charges an amount in cents."""
        together.wait(60)
        return stripe.PaymentIntent.create(**charge_params(amount)).id

    def kick_off(number):
        llm = ScriptedLLM(True, **{f"billing{number}": [use("charge_together", amount=500 + number)]})
        with crew_run(f"run-{number}"):
            guard(make_crew(make_agent(f"billing{number}", llm, charge_together))).kickoff()

    with ThreadPoolExecutor(len(agents)) as pool:
        list(pool.map(kick_off, range(len(agents))))
    for number, (agent_id, key) in enumerate(agents.items()):
        assert booked(key) == [(agent_id, f"run-{number}", None, 500 + number)]


def test_agents_that_work_without_a_crew(crew_environment):
    billing, refunds = crew_environment("billing_agent"), crew_environment("refund_agent")
    llm = ScriptedLLM(True, billing_agent=[use("charge", amount=500)], refund_agent=[use("charge", amount=700)])
    guard(make_agent("Billing Agent", llm, charge)).kickoff("work")
    asyncio.run(guard(make_agent("Refund Agent", llm, charge)).kickoff_async("work"))
    assert [row[0] for row in booked(billing)] == ["billing_agent"]
    assert [row[0] for row in booked(refunds)] == ["refund_agent"]


def test_a_crew_inside_a_tool_acts_for_its_own_agents(crew_environment):
    billing, refunds = crew_environment("billing_agent"), crew_environment("refund_agent")
    llm = ScriptedLLM(
        True, billing_agent=[use("ask_others"), use("charge", amount=500)], refund_agent=[use("charge", amount=700)]
    )

    @tool("ask_others")
    def ask_others() -> str:
        """Lets another crew work, which nobody has guarded."""
        return make_crew(make_agent("Refund Agent", llm, charge)).kickoff().raw

    with crew_run() as run:
        guard(make_crew(make_agent("Billing Agent", llm, ask_others, charge))).kickoff()
    assert booked(refunds) == [("refund_agent", run, None, 700)]
    assert booked(billing) == [("billing_agent", run, None, 500)]


def test_a_crew_that_streams(crew_environment):
    billing = crew_environment("billing_agent")
    llm = ScriptedLLM(True, billing_agent=[use("charge", amount=500)])
    crew = guard(make_crew(make_agent("Billing Agent", llm, charge), stream=True))
    with crew_run() as run:
        list(crew.kickoff())
    assert booked(billing) == [("billing_agent", run, None, 500)]


def test_texts_and_mails(stage, crew_environment):
    texts, mails = crew_environment("notification_agent", "twilio"), crew_environment("notification_agent", "resend")
    llm = ScriptedLLM(True, notification_agent=[use("text", to="+14155550100", body="hi"), use("mail", to="a@example.com")])
    with crew_run() as run:
        guard(make_crew(make_agent("Notification Agent", llm, text, mail))).kickoff()
    for key in (texts, mails):
        (row,) = key.rows()
        assert (row["agent_id"], row["crew_run_id"], row["verdict"]) == ("notification_agent", run, "allow")
    assert texts.rows()[0]["path"].startswith(f"/2010-04-01/Accounts/{ACCOUNT_SID}/")


def test_code_that_has_lost_its_agent_makes_no_call(crew_environment):
    billing = crew_environment("billing_agent")
    caught = []

    @tool("charge_elsewhere")
    def charge_elsewhere(amount: int, keep: bool) -> str:
        """Charges in a thread of its own."""

        def work():
            try:
                stripe.PaymentIntent.create(**charge_params(amount))
            except ConfigurationError as error:
                caught.append(str(error))

        context = contextvars.copy_context() if keep else contextvars.Context()
        thread = threading.Thread(target=context.run, args=(work,))
        thread.start()
        thread.join()
        return "done"

    steps = [use("charge_elsewhere", amount=500, keep=True), use("charge_elsewhere", amount=600, keep=False)]
    guard(make_crew(make_agent("Billing Agent", ScriptedLLM(True, billing_agent=steps), charge_elsewhere))).kickoff()
    assert [row[3] for row in booked(billing)] == [500]
    assert ["nobody knows which agent" in error for error in caught] == [True]


def test_the_run_is_crewais_own_or_the_launchers(crew_environment, monkeypatch):
    billing = crew_environment("billing_agent")
    seen = []

    @tool("look")
    def look() -> str:
        """Looks at the run."""
        seen.append(run_id())
        if HAS_EXECUTION_UUID:
            from crewai.execution import get_execution_uuid

            assert get_execution_uuid() == run_id()
        return stripe.PaymentIntent.create(**charge_params(500)).id

    llm = ScriptedLLM(True, billing_agent=[use("look"), "done"] * 3)
    crew = guard(make_crew(make_agent("Billing Agent", llm, look)))
    crew.kickoff()
    with crew_run("mine"):
        crew.kickoff()
    monkeypatch.setenv("CREW_RUN_ID", "launched")
    crew.kickoff()
    assert seen[0] is not None
    assert seen[1:] == ["mine", "launched"]
    assert [row[1] for row in booked(billing)] == seen


@pytest.mark.parametrize("cache", [True, False])
def test_a_cached_answer_is_never_replayed(crew_environment, cache):
    billing = crew_environment("billing_agent")
    llm = ScriptedLLM(True, billing_agent=[use("charge", amount=500)] * 2)
    guard(make_crew(make_agent("Billing Agent", llm, charge), cache=cache)).kickoff()
    assert len(booked(billing)) == 2


@BOTH_WAYS
def test_a_tools_limit_counts_once_and_for_all_its_agents(crew_environment, native):
    billing, refunds = crew_environment("billing_agent"), crew_environment("refund_agent")

    @tool("charge_twice")
    def charge_twice(amount: int) -> str:
        """Charges an amount in cents."""
        return stripe.PaymentIntent.create(**charge_params(amount)).id

    charge_twice.max_usage_count = 3
    steps = [use("charge_twice", amount=amount) for amount in (500, 600)]
    llm = ScriptedLLM(native, billing_agent=list(steps), refund_agent=list(steps))
    agents = [make_agent(role, llm, charge_twice) for role in ("Billing Agent", "Refund Agent")]
    guard(guard(make_crew(*agents))).kickoff()
    assert (len(booked(billing)), len(booked(refunds))) == (2, 1)
    assert charge_twice.current_usage_count == 3
    assert "reached its usage limit of 3" in llm.seen("refund_agent")
