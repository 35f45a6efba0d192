"""Crews as their authors write them, and what the installed version of CrewAI has."""

import json

import crewai
import pytest
from crewai import Agent, Crew, Process, Task

VERSION = tuple(int(part) for part in crewai.__version__.split(".")[:3])
HAS_TOOL_FAILURES = VERSION >= (1, 15, 9)
HAS_EXECUTION_UUID = VERSION >= (1, 15, 16)
# Before, an asynchronous crew did not run an asynchronous tool that was called by function calling, guarded or not.
RUNS_ASYNC_TOOLS = VERSION >= (1, 14, 5)
# By function calling, and in ReAct's text.
BOTH_WAYS = pytest.mark.parametrize("native", [True, False], ids=["native", "react"])


def make_agent(role, llm, *tools, **options):
    return Agent(
        role=role, goal="work", backstory="none", llm=llm, tools=list(tools), allow_delegation=False, max_iter=8, **options
    )


def make_task(agent=None, **options):
    return Task(**{"description": "do it", "expected_output": "done", "agent": agent, **options})


def make_crew(*agents, **options):
    """A sequential crew with a task for each agent."""
    return Crew(agents=list(agents), tasks=[make_task(agent) for agent in agents], **options)


def make_hierarchy(llm, *agents, task=None, **options):
    """A crew under a manager that CrewAI makes."""
    return Crew(
        agents=list(agents), tasks=[task or make_task()], process=Process.hierarchical, manager_llm=llm, **options
    )


def failures_of(output, llm, role):
    """What a crew's tools have reported: code, message and details. Before 1.15.9 only the model was told, as JSON."""
    if HAS_TOOL_FAILURES:
        records = [record.failure for task in output.tasks_output for record in task.tool_failures]
        return [{**record.model_dump(), "retryable": record.retryable} for record in records]
    contents = [str(message.get("content", "")) for message in json.loads(llm.seen(role))]
    found = []
    for content in contents:
        at = content.find('{"keybrake":')
        if at >= 0:
            found.append(json.JSONDecoder().raw_decode(content[at:])[0]["keybrake"])
    return found
