"""One Keybrake server and the fake vendors for all Python tests, and the module-level SDKs as a crew configures them."""

import sys
from pathlib import Path

import pytest
import resend
import stripe

sys.path.insert(0, str(Path(__file__).parents[4] / "scripts/test-run"))

from keybrake_stage import open_stage  # noqa: E402


@pytest.fixture(scope="session")
def stage():
    with open_stage() as opened:
        yield opened


@pytest.fixture
def module_api(stage, monkeypatch):
    """Configures stripe's module-level API for an agent, as a crew does; undone after the test."""

    def configure(agent, base="/stripe"):
        monkeypatch.setattr(stripe, "api_base", f"{stage.data_url}{base}")
        monkeypatch.setattr(stripe, "api_key", agent.vault_key)
        return stripe

    return configure


@pytest.fixture
def resend_api(stage, monkeypatch):
    """resend-python for an agent. What RESEND_API_URL and RESEND_API_KEY set is read once, at import; undone after the test."""

    def configure(agent):
        monkeypatch.setattr(resend, "api_url", f"{stage.data_url}/resend")
        monkeypatch.setattr(resend, "api_key", agent.vault_key)
        return resend

    return configure
