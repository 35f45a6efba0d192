"""The scripted model says what its script says, at the turn where the conversation is, and nothing else."""

import json
import os
import subprocess
import sys

import pytest
from programs import PACKAGE

from keybrake_crewai.scripted_model import ScriptError, main, next_message

SCRIPT = {
    "Manager": [{"say": "done"}],
    "Billing Agent": [
        {"call": "charge", "with": {"amount": 5, "note": "order {last:[0-9]+}"}},
        {"say": "paid as {last:pi_[a-z0-9]+}"},
    ],
}
OPENING = [
    {"role": "system", "content": "You are Billing Agent. You charge cards."},
    {"role": "user", "content": "charge order 1041, no: 1042"},
]


def test_a_turn_calls_a_tool_with_what_was_said_last():
    message = next_message(SCRIPT, OPENING)
    [call] = message["tool_calls"]
    assert call["function"]["name"] == "charge"
    assert json.loads(call["function"]["arguments"]) == {"amount": 5, "note": "order 1042"}


def test_the_next_turn_knows_what_the_tool_answered():
    answered = [*OPENING, next_message(SCRIPT, OPENING), {"role": "tool", "content": "paid: pi_abc1"}]
    assert next_message(SCRIPT, answered) == {"role": "assistant", "content": "paid as pi_abc1"}


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"role": "system", "content": "You are Nobody."}], "none of the roles"),
        ([*OPENING, *[{"role": "assistant", "content": "x"}] * 2], "has only 2 turns"),
        ([*OPENING, {"role": "assistant", "content": "x"}], "nothing in the conversation matches"),
    ],
)
def test_a_conversation_off_the_script_is_an_error(messages, reason):
    with pytest.raises(ScriptError, match=reason):
        next_message(SCRIPT, messages)


ASK = """
import json, os, sys, urllib.request
request = urllib.request.Request(
    os.environ["OPENAI_BASE_URL"] + "/chat/completions",
    json.dumps({"messages": [{"role": "system", "content": "You are Manager."}]}).encode(),
)
print(json.load(urllib.request.urlopen(request, timeout=10))["choices"][0]["message"]["content"])
sys.exit(7)
"""


def test_a_command_runs_against_it_and_its_exit_code_is_passed_on(tmp_path, monkeypatch, capfd):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    script = tmp_path / "script.json"
    script.write_text(json.dumps(SCRIPT))
    assert main([str(script), "--", sys.executable, "-c", ASK]) == 7
    assert capfd.readouterr().out == "done\n"


def test_with_a_key_of_a_real_model_the_script_is_not_used(monkeypatch, capfd):
    monkeypatch.setenv("OPENAI_API_KEY", "real")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://real")
    show = "import os; print(os.environ['OPENAI_API_KEY'], os.environ['OPENAI_BASE_URL'])"
    assert main(["no-such-script.json", "--", sys.executable, "-c", show]) == 0
    assert capfd.readouterr().out == "real http://real\n"


def test_it_says_how_it_is_used():
    command = [sys.executable, "-m", "keybrake_crewai.scripted_model"]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE / "src")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2
    assert "script.json -- COMMAND" in done.stderr
