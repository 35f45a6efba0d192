"""docs/crewai.md: every file that it shows is used as it stands there."""

import json
import os
import re
import runpy
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from keybrake_crewai import crew_run, forget_refusals, guard
from keybrake_stage import ADMIN_TOKEN, CANARY_SECRET, ROOT
from openai_server import open_model
from programs import NOWHERE, PACKAGE

PAGE = (ROOT / "docs/crewai.md").read_text(encoding="utf-8")
KEYBRAKE = ROOT / "packages/cli/bin/keybrake.js"
TASKS = "settle:\n  description: Settle the order.\n  expected_output: What was done.\n"
START = "from shop.crew import Shop; print(Shop().crew().kickoff().raw)"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The files of the page, and those that it leaves out; the crew in JSON is a project of its own."""
    folder = tmp_path_factory.mktemp("shop")
    blocks = re.findall(r"^( *)```\w+ (\S+)\n(.*?)^ *```$", PAGE, re.DOTALL | re.MULTILINE)
    files = {name: textwrap.dedent(text) for _, name, text in blocks}
    files["src/shop/config/tasks.yaml"] = TASKS
    for name, text in files.items():
        name = f"json/{name}" if name.startswith(("agents/", "crew.jsonc", "tools/")) else name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def model():
    with open_model() as variables:
        yield variables


@pytest.fixture
def in_process(project, model, crew_environment, monkeypatch):
    """The project where this process finds it, with an environment as the page sets it."""
    for name, value in {**model, "STRIPE_API_KEY": "vault_set_by_keybrake_run"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(project / "src"))
    monkeypatch.chdir(project)
    forget_refusals()
    return project


def test_the_unchanged_crew_under_the_launcher(stage, project, model):
    stage.admin("POST", "/secrets", {"vendor": "stripe", "name": "stripe-live", "value": CANARY_SECRET})
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("KEYBRAKE_")},
        **model,
        "KEYBRAKE_URL": stage.admin_url,
        "KEYBRAKE_DATA_URL": stage.data_url,
        "KEYBRAKE_ADMIN_TOKEN": ADMIN_TOKEN,
        "VIRTUAL_ENV": sys.prefix,
        "PYTHONPATH": str(project / "src"),
        "https_proxy": NOWHERE,
        "no_proxy": "127.0.0.1",
    }
    command = ["node", KEYBRAKE, "run", "--run-id", "run-of-the-page", "--", sys.executable, "-c", START]
    done = subprocess.run(command, env=environment, cwd=project, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    calls = stage.admin("GET", "/calls?crew_run_id=run-of-the-page&limit=100")["data"]
    assert sorted((row["agent_id"], row["path"], row["denial_code"], row["claimed_agent_id"]) for row in calls) == [
        ("billing_agent", "/v1/payment_intents", None, None),
        ("billing_agent", "/v1/refunds", "endpoint_not_allowed", None),
    ]
    assert "charged 500: pi_" in done.stdout
    assert "endpoint_not_allowed" in done.stdout
    keys = stage.admin("GET", "/vault-keys?crew_run_id=run-of-the-page&limit=100")["data"]
    assert {key["status"] for key in keys} == {"revoked"}


def test_the_crew_that_is_guarded_by_hand(crew_environment, in_process, capsys):
    key = crew_environment("billing_agent", allowed_endpoints=["POST /v1/payment_intents"])
    runpy.run_path("main.py")
    run = capsys.readouterr().out.strip().splitlines()[-1]
    assert [(row["crew_run_id"], row["denial_code"]) for row in key.rows()] == [(run, None), (run, "endpoint_not_allowed")]


def test_the_json_crew_and_the_report(crew_environment, in_process):
    from crewai.project.crew_loader import load_crew

    report = runpy.run_path("report.py")["report"]
    key = crew_environment("billing_agent", daily_usd_cap=6)
    guarded = guard(load_crew(in_process / "json/crew.jsonc")[0])
    assert list(report(guarded.kickoff())) == []
    with crew_run():
        ((role, code, retry_at),) = report(guarded.kickoff())
    assert (role, code) == ("Billing agent", "daily_cap_exceeded")
    assert retry_at is not None
    assert [row["denial_code"] for row in key.rows()] == [None, "daily_cap_exceeded"]


def test_the_clients_and_the_exception(crew_environment, in_process):
    billing = crew_environment("billing_agent", daily_usd_cap=11)
    notified = [crew_environment("notification_agent", vendor) for vendor in ("twilio", "resend")]
    runpy.run_path("clients.py")["thank"]("a@example.com", "+14155550100")
    assert [len(key.rows()) for key in notified] == [1, 1]
    charge = runpy.run_path("plain.py")["charge"]
    assert charge(500).startswith("pi_")
    assert charge(500).startswith("daily_cap_exceeded until 2")
    assert len(billing.rows()) == 3


def test_what_the_page_names_is_there():
    import keybrake_crewai

    for name in re.findall(r"keybrake_crewai\.(\w+)", PAGE):
        assert name in keybrake_crewai.__all__, name
    ours = "\n".join(path.read_text(encoding="utf-8") for path in sorted((PACKAGE / "src").rglob("*.py")))
    for said in ("nobody knows which agent makes this", "and a vault key must not go to", "is not supported: use"):
        assert said in re.sub(r'"\s+f?"', "", ours), said
    floors = json.dumps(re.findall(r"(stripe|twilio|resend)>=([\d.]+)", (PACKAGE / "pyproject.toml").read_text(encoding="utf-8")))
    assert floors == json.dumps([["stripe", "13"], ["twilio", "9"], ["resend", "2.22"]])
    assert "stripe 13, twilio 9, resend 2.22" in PAGE
