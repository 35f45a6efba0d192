"""One Keybrake server for all tests, and crews whose agents have keys of their own on it."""

import os
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
sys.path[:0] = [str(PACKAGE / "src"), str(PACKAGE.parents[2] / "scripts/test-run"), str(Path(__file__).parent)]

from quiet import make_quiet  # noqa: E402

HOME = make_quiet()

from crews import VERSION  # noqa: E402
from keybrake_stage import ACCOUNT_SID, open_stage  # noqa: E402

# With old packages only what depends on them is tested again. With new ones, the launched crew of the page is the unchanged one.
IS_OLD = VERSION < (1, 15)
NOT_AGAIN = ["core", "test_docs.py", "test_package.py", "test_preload.py", "test_pythons.py"]
collect_ignore = NOT_AGAIN if IS_OLD else ["test_unchanged_crew.py"]


@pytest.fixture(scope="session")
def stage():
    with open_stage() as opened:
        yield opened


@pytest.fixture
def crew_environment(stage, monkeypatch):
    """The proxy's addresses in the environment, and a function that issues a key and puts it where the agent looks."""
    for vendor in ("stripe", "twilio", "resend"):
        monkeypatch.setenv(f"{vendor.upper()}_BASE_URL", f"{stage.data_url}/{vendor}")
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", ACCOUNT_SID)
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "vault_set_by_keybrake_run")
    monkeypatch.delenv("CREW_RUN_ID", raising=False)
    monkeypatch.delenv("KEYBRAKE_AGENT_ID", raising=False)
    for name in [name for name in os.environ if name.endswith("_VAULT_KEY")]:
        monkeypatch.delenv(name)

    def issue(agent_id, vendor="stripe", **policy):
        agent = stage.agent(vendor=vendor, agent_id=agent_id, **policy)
        stem = agent_id.upper().removesuffix("_AGENT")
        monkeypatch.setenv(f"{stem}_{vendor.upper()}_VAULT_KEY", agent.vault_key)
        return agent

    return issue
