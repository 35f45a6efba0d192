"""A crew whose code has one key for all agents, unchanged, under the preload: every agent calls with its own."""

from programs import PACKAGE, output_of

TOOLS = '''
import os
import stripe
from crewai.tools import tool

stripe.api_key = os.environ["STRIPE_API_KEY"]


@tool("charge")
def charge(amount: int) -> str:
    """Charges an amount in cents."""
    return stripe.PaymentIntent.create(amount=amount, currency="usd", payment_method="pm_card_visa", confirm=True).id
'''
CREW = '''
from crewai import Agent, Crew, Process, Task
from crewai.project import CrewBase, agent, crew, task
from scripted import ScriptedLLM, delegate, use
from tools import charge

llm = ScriptedLLM(True, crew_manager=[delegate("Takes the money"), delegate("Gives it back"), delegate("Nobody's")],
    takes_the_money=[use("charge", amount=500)], gives_it_back=[use("charge", amount=600)], **{"nobody's": [use("charge", amount=700)]})


@CrewBase
class Money:
    agents_config = "agents.yaml"
    tasks_config = "tasks.yaml"

    @agent
    def billing(self):
        return Agent(config=self.agents_config["billing"], llm=llm, tools=[charge])

    @agent
    def other_name(self):
        return Agent(config=self.agents_config["refund_agent"], llm=llm, tools=[charge])

    @agent
    def nobody(self):
        return Agent(config=self.agents_config["nobody"], llm=llm, tools=[charge])

    @task
    def work(self):
        return Task(config=self.tasks_config["work"])

    @crew
    def crew(self):
        return Crew(agents=self.agents, tasks=self.tasks, process=Process.hierarchical, manager_llm=llm)


Money().crew().kickoff(inputs={"topic": "x"})
print(llm.seen("nobody's"))
'''
AGENT = "  role: >\n    {role}\n  goal: work on {{topic}}\n  backstory: none\n"
AGENTS = {"billing": "Takes the money", "refund_agent": "Gives it back", "nobody": "Nobody's"}


def environment(stage, *agents):
    return {
        "STRIPE_BASE_URL": f"{stage.data_url}/stripe",
        "STRIPE_API_KEY": "vault_set_by_keybrake_run",
        "CREW_RUN_ID": "run-of-the-crew",
        **{f"{agent.agent_id.upper().removesuffix('_AGENT')}_VAULT_KEY": agent.vault_key for agent in agents},
    }


def test_a_classic_project(stage, tmp_path):
    billing, refunds = stage.agent(agent_id="billing"), stage.agent(agent_id="refund_agent")
    config = {
        "agents.yaml": "".join(f"{name}:\n{AGENT.format(role=role)}" for name, role in AGENTS.items()),
        "tasks.yaml": "work:\n  description: do it\n  expected_output: done\n",
        "tools.py": TOOLS,
        "crew.py": CREW,
    }
    for name, text in config.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    program = "import runpy; runpy.run_path('crew.py', run_name='__main__')"
    printed = output_of(
        program, cwd=tmp_path, folders=[tmp_path, PACKAGE / "tests"], **environment(stage, billing, refunds)
    )
    assert [(row["agent_id"], row["amount"], row["claimed_agent_id"]) for row in billing.rows()] == [("billing", 500, None)]
    assert [(row["agent_id"], row["amount"], row["claimed_agent_id"]) for row in refunds.rows()] == [
        ("refund_agent", 600, None)
    ]
    assert {row["crew_run_id"] for row in billing.rows() + refunds.rows()} == {"run-of-the-crew"}
    assert "no vault key of agent `nobody` for stripe" in printed
