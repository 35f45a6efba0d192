from crewai import Agent, Crew, Process, Task
from crewai.project import CrewBase, agent, crew, task

from order_desk.tools.charge import charge_card
from order_desk.tools.notify import send_mail, send_text
from order_desk.tools.refund import refund_payment

MODEL = "gpt-4o-mini"


@CrewBase
class OrderDesk:
    """A manager and three agents. Nothing in here knows of Keybrake."""

    agents_config = "config/agents.yaml"
    tasks_config = "config/tasks.yaml"

    @agent
    def billing_agent(self) -> Agent:
        return Agent(config=self.agents_config["billing_agent"], llm=MODEL, tools=[charge_card])

    @agent
    def refund_agent(self) -> Agent:
        return Agent(config=self.agents_config["refund_agent"], llm=MODEL, tools=[refund_payment])

    @agent
    def notification_agent(self) -> Agent:
        return Agent(config=self.agents_config["notification_agent"], llm=MODEL, tools=[send_text, send_mail])

    @task
    def settle_order(self) -> Task:
        # No agent here: in a hierarchical crew the manager would run that agent's tools itself.
        return Task(config=self.tasks_config["settle_order"])

    @crew
    def crew(self) -> Crew:
        return Crew(agents=self.agents, tasks=self.tasks, process=Process.hierarchical, manager_llm=MODEL)
