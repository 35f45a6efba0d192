"""What an agent does with twilio-python, with its own defaults: it is paid for, written down, and refused by its own error."""

import base64
import os
import subprocess
import sys

import pytest
from keybrake_stage import ACCOUNT_SID, TWILIO_SECRET
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

TEXT = {"from_": "+15005550006", "to": "+14155550100", "body": "hello"}
MESSAGES = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
REAL_BASIC = "Basic " + base64.b64encode(f"{ACCOUNT_SID}:{TWILIO_SECRET}".encode()).decode()
UNKNOWN_KEY = "vault_nobody_00000000000000000000000000000000000000"
# More than one message costs, and less than two.
CAP_FOR_ONE = "0.02"


def text(client):
    return client.messages.create(**TEXT)


def refusal_of(call):
    with pytest.raises(TwilioRestException) as refusal:
        call()
    return refusal.value


def test_a_message_is_sent_under_the_real_token_and_held_until_twilio_states_its_price(stage):
    agent = stage.agent(vendor="twilio", crew_run_id="run-1")
    sent = stage.watch("twilio")
    message = text(agent.twilio())
    assert message.sid.startswith("SM")
    (arrived,) = [request for request in sent() if request["method"] == "POST"]
    assert arrived["url"] == MESSAGES
    assert arrived["headers"]["authorization"] == REAL_BASIC
    assert arrived["body"] == "To=%2B14155550100&From=%2B15005550006&Body=hello"
    (row,) = agent.rows()
    assert (row["verdict"], row["method"], row["path"]) == ("allow", "POST", MESSAGES)
    assert (row["vendor_object_id"], row["crew_run_id"]) == (message.sid, "run-1")
    assert float(row["reserved_usd"]) > 0


def test_what_was_sent_can_be_read_back_and_listed(stage):
    agent = stage.agent(vendor="twilio")
    client = agent.twilio()
    sid = text(client).sid
    assert client.messages(sid).fetch().body == TEXT["body"]
    assert client.messages.list(limit=1)[0].sid == sid
    assert [row["verdict"] for row in agent.rows()] == ["allow"] * 3


def test_a_verification_goes_to_its_own_host_and_is_priced(stage):
    service = stage.direct_twilio().verify.v2.services.create(friendly_name="crew").sid
    agent = stage.agent(vendor="twilio", allowed_endpoints=["POST /verify/**"])
    sent = stage.watch("twilio")
    to_service = agent.twilio().verify.v2.services(service)
    assert to_service.verifications.create(to=TEXT["to"], channel="sms").status == "pending"
    assert to_service.verification_checks.create(to=TEXT["to"], code="123456").status == "approved"
    assert {request["headers"]["authorization"] for request in sent()} == {REAL_BASIC}
    asked, checked = agent.rows()
    assert asked["path"] == f"/verify/v2/Services/{service}/Verifications"
    assert checked["path"] == f"/verify/v2/Services/{service}/VerificationCheck"
    assert float(asked["reserved_usd"]) > 0


def revoke(agent):
    agent.stage.admin("POST", f"/vault-keys/{agent.id}/revoke", {})


def text_before(agent):
    text(agent.twilio())


# Keybrake's code, HTTP status, Twilio's number, policy, what happened before, call
CASES = [
    ("vault_key_revoked", 401, 20003, {}, revoke, text),
    ("endpoint_not_allowed", 403, 20403, {"allowed_endpoints": ["GET /2010-04-01/Accounts/*/Messages.json"]}, None, text),
    ("endpoint_forbidden", 403, 20403, {}, None, lambda client: client.api.v2010.accounts(ACCOUNT_SID).fetch()),
    (
        "account_not_allowed",
        403,
        20403,
        {},
        None,
        lambda client: client.api.v2010.accounts("AC" + "1" * 32).messages.create(**TEXT),
    ),
    (
        "destination_not_allowed",
        403,
        20403,
        {"twilio": {"allowed_countries": ["US"]}},
        None,
        lambda client: client.messages.create(**{**TEXT, "to": "+447700900123"}),
    ),
    ("daily_cap_exceeded", 429, 20429, {"daily_usd_cap": CAP_FOR_ONE}, text_before, text),
    ("rate_limited", 429, 20429, {"requests_per_minute": 1}, text_before, text),
    ("payload_too_large", 413, 20413, {}, None, lambda client: client.messages.create(**{**TEXT, "body": "x" * 70_000})),
]


@pytest.mark.parametrize(("code", "status", "number", "policy", "before", "call"), CASES, ids=[case[0] for case in CASES])
def test_a_refusal_is_the_typed_error_asked_for_once_written_down_and_not_sent(
    stage, code, status, number, policy, before, call
):
    agent = stage.agent(vendor="twilio", **policy)
    if before is not None:
        before(agent)
    rows_before = len(agent.rows())
    sent = stage.watch("twilio")
    error = refusal_of(lambda: call(agent.twilio()))
    assert (error.status, error.code) == (status, number)
    assert f"keybrake {code}: " in error.msg
    assert f"HTTP {status} error" in str(error)
    (row,) = agent.rows()[rows_before:]
    assert (row["verdict"], row["denial_code"], row["status_code"]) == ("deny", code, status)
    # Keybrake reads a price of an earlier message by itself; nothing of the agent's arrives.
    assert [request for request in sent() if request["method"] != "GET"] == []


def test_a_mistyped_key_is_an_authentication_error(stage):
    client = Client(ACCOUNT_SID, UNKNOWN_KEY)
    client.api.base_url = f"{stage.data_url}/twilio"
    error = refusal_of(lambda: text(client))
    assert (error.status, error.code) == (401, 20003)
    assert "vault_key_invalid" in error.msg


def test_the_credentials_may_come_from_twilios_own_variables(stage):
    agent = stage.agent(vendor="twilio")
    program = (
        "import os; from twilio.rest import Client; client = Client(); client.api.base_url = os.environ['TWILIO_BASE_URL'];"
        "print(client.messages.create(from_='+15005550006', to='+14155550100', body='hello').sid)"
    )
    environment = {
        **os.environ,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": agent.vault_key,
        "TWILIO_BASE_URL": f"{stage.data_url}/twilio",
    }
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    (row,) = agent.rows()
    assert row["vendor_object_id"] == printed.stdout.strip()
