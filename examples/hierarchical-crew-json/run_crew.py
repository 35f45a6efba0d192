"""Runs crew.jsonc without the terminal interface, as `crewai run` does where there is no terminal."""

from crewai.project import load_crew

crew, inputs = load_crew("crew.jsonc")
print(crew.kickoff(inputs=inputs).raw)
