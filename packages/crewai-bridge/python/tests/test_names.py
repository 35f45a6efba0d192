"""Agents are called as their project calls them: by agents.yaml, by their files, else by their roles or as the caller says."""

import json

import pytest
from crewai import Agent, Crew, Task
from crewai.project import CrewBase, agent, crew, task
from crews import VERSION, make_agent, make_crew
from keybrake_crewai import ConfigurationError, guard
from keybrake_crewai.agent_names import actor_of
from scripted import ScriptedLLM, charge, use

AGENTS = """
billing:
  role: >
    Takes {what}
  goal: work
  backstory: none
refund_agent:
  role: Gives {what} back
  goal: work
  backstory: none
"""
TASKS = """
work:
  description: do it
  expected_output: done
  agent: billing
"""


def script():
    return ScriptedLLM(True, takes_money=[use("charge", amount=500)], gives_money_back=[use("charge", amount=600)])


@pytest.fixture
def project(tmp_path):
    """A `@CrewBase` class; one of its methods is not called as its key in agents.yaml."""
    (tmp_path / "agents.yaml").write_text(AGENTS, encoding="utf-8")
    (tmp_path / "tasks.yaml").write_text(TASKS, encoding="utf-8")
    llm = script()

    @CrewBase
    class Project:
        base_directory = tmp_path
        agents_config = str(tmp_path / "agents.yaml")
        tasks_config = str(tmp_path / "tasks.yaml")

        @agent
        def billing(self):
            return Agent(config=self.agents_config["billing"], llm=llm, tools=[charge])

        @agent
        def somebody(self):
            return Agent(config=self.agents_config["refund_agent"], llm=llm, tools=[charge])

        @task
        def work(self):
            return Task(config=self.tasks_config["work"])

        @crew
        def crew(self):
            return Crew(agents=self.agents, tasks=self.tasks)

    return Project


@pytest.mark.parametrize("form", ["instance", "crew", "crew and instance"])
def test_a_class_with_agents_yaml(crew_environment, project, form):
    key = crew_environment("billing")
    instance = project()
    guarded = {
        "instance": lambda: guard(instance),
        "crew": lambda: guard(instance.crew()),
        "crew and instance": lambda: guard(instance.crew(), instance),
    }[form]()
    guarded.kickoff(inputs={"what": "money"})
    assert [row["agent_id"] for row in key.rows()] == ["billing"]
    assert sorted(actor_of(each).agent_id for each in guarded.agents) == ["billing", "refund_agent"]
    guarded.kickoff_for_each(inputs=[{"what": "money"}])
    assert sorted(actor_of(each).agent_id for each in guarded.agents) == ["billing", "refund_agent"]


if VERSION >= (1, 14, 8):

    def test_a_json_project(crew_environment, tmp_path):
        from crewai.project.crew_loader import load_crew

        keys = [crew_environment(agent_id) for agent_id in ("billing", "refund_agent")]
        (tmp_path / "agents").mkdir()
        (tmp_path / "tools").mkdir()
        fields = {"goal": "work", "backstory": "none", "tools": ["custom:charge"], "llm": {"python": "models.llm"}}
        for name, role in (("billing", "Takes money"), ("refund_agent", "Gives money back")):
            (tmp_path / f"agents/{name}.jsonc").write_text(json.dumps({"role": role, **fields}), encoding="utf-8")
        (tmp_path / "models.py").write_text("from test_names import script\n\nllm = script()\n", encoding="utf-8")
        (tmp_path / "tools/charge.py").write_text(
            "from crewai.tools import BaseTool\nfrom scripted import charge\n\n\n"
            "class Charge(BaseTool):\n    name: str = 'charge'\n    description: str = 'Charges cents.'\n\n"
            "    def _run(self, amount: int) -> str:\n        return charge.func(amount)\n",
            encoding="utf-8",
        )
        tasks = [
            {"name": name, "description": "do it", "expected_output": "done", "agent": name}
            for name in ("billing", "refund_agent")
        ]
        crew = {"name": "money", "agents": ["billing", "refund_agent"], "tasks": tasks}
        (tmp_path / "crew.jsonc").write_text(json.dumps(crew), encoding="utf-8")
        loaded, inputs = load_crew(tmp_path / "crew.jsonc")
        guard(loaded).kickoff(inputs=inputs)
        assert [[row["agent_id"] for row in key.rows()] for key in keys] == [["billing"], ["refund_agent"]]


def test_names_that_the_caller_gives(crew_environment):
    key = crew_environment("cashier")
    llm = script()
    guard(make_crew(make_agent("Takes money", llm, charge)), {"Takes money": "cashier"}).kickoff()
    assert [row["agent_id"] for row in key.rows()] == ["cashier"]
    crew = make_crew(make_agent("Takes money", llm, charge))
    with pytest.raises(ConfigurationError, match="no agent of the crew has the role `Nobody`"):
        guard(crew, {"Nobody": "cashier"})
    with pytest.raises(ConfigurationError, match="`a b` is no agent id"):
        guard(crew, {"Takes money": "a b"})
    with pytest.raises(ConfigurationError, match="mapping from roles"):
        guard(crew, "cashier")


def test_agents_that_would_share_a_variable_are_refused():
    llm = script()
    with pytest.raises(ConfigurationError, match="`billing_agent` and `billing` would share the variable BILLING_VAULT_KEY"):
        guard(make_crew(make_agent("Billing Agent", llm), make_agent("billing", llm)))


def test_a_role_without_a_letter_asks_for_a_name(crew_environment):
    llm = ScriptedLLM(True, **{"請求": [use("charge", amount=500)]})
    guard(make_crew(make_agent("請求", llm, charge))).kickoff()
    assert "the role `請求` gives no agent id" in json.dumps(json.loads(llm.seen("請求")), ensure_ascii=False)


def test_a_guarded_tool_is_like_the_one_inside(crew_environment):
    one, other = make_agent("Takes money", script(), charge), make_agent("Gives money back", script(), charge)
    guard(guard(make_crew(one, other)))
    for each in (one, other):
        (tool,) = each.tools
        assert tool.inner is charge
        assert (tool.name, tool.description, tool.args_schema) == (charge.name, charge.description, charge.args_schema)
        assert tool.func is charge.func
        assert tool.model_dump() == charge.model_dump()
        assert not hasattr(tool, "nothing")
    assert one.tools[0].actor.agent_id == "takes_money"
