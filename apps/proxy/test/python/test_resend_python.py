"""What an agent does with resend-python, which needs two variables and no line of code."""

import json
import os
import subprocess
import sys

import pytest
import resend
from keybrake_stage import RESEND_SECRET
from resend.exceptions import RateLimitError, ResendError, ValidationError

MAIL = {"from": "crew@crew.example", "to": ["ada@example.com"], "subject": "Invoice", "text": "Hello"}
UNKNOWN_KEY = "vault_nobody_00000000000000000000000000000000000000"
# More than one mail costs, and less than two.
CAP_FOR_ONE = "0.001"


def mail(api):
    return api.Emails.send(MAIL)


def books(agent):
    return [(row["method"], row["path"], row["state"], row["cost_usd"]) for row in agent.rows()]


def test_a_mail_is_sent_under_the_real_key_with_the_agents_labels_and_counted(stage, resend_api):
    agent = stage.agent(vendor="resend", crew_run_id="run-1")
    sent = stage.watch("resend")
    answer = mail(resend_api(agent))
    (arrived,) = sent()
    assert arrived["headers"]["authorization"] == f"Bearer {RESEND_SECRET}"
    body = json.loads(arrived["body"])
    assert {name: body[name] for name in MAIL} == MAIL
    assert {"name": "agent_id", "value": agent.agent_id} in body["tags"]
    assert {"name": "crew_run_id", "value": "run-1"} in body["tags"]
    assert books(agent) == [("POST", "/emails", "settled", "0.0009")]
    assert agent.rows()[0]["vendor_object_id"] == answer["id"]


def test_the_two_variables_are_all_that_a_program_needs(stage):
    agent = stage.agent(vendor="resend")
    program = f"import resend; print(resend.Emails.send({MAIL!r})['id'])"
    environment = {
        **os.environ,
        "RESEND_API_URL": f"{stage.data_url}/resend",
        "RESEND_API_KEY": agent.vault_key,
    }
    printed = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    (row,) = agent.rows()
    assert row["vendor_object_id"] == printed.stdout.strip()


def test_what_was_sent_can_be_read_back_although_this_sdk_gives_a_read_a_body(stage, resend_api):
    agent = stage.agent(vendor="resend")
    api = resend_api(agent)
    identifier = mail(api)["id"]
    sent = stage.watch("resend")
    assert api.Emails.get(identifier)["subject"] == MAIL["subject"]
    (arrived,) = sent()
    assert arrived["body"] == ""
    assert "content-length" not in arrived["headers"]
    assert [row["verdict"] for row in agent.rows()] == ["allow"] * 2


def test_a_batch_is_the_sum_of_its_mails(stage, resend_api):
    agent = stage.agent(vendor="resend")
    answer = resend_api(agent).Batch.send([MAIL, {**MAIL, "to": ["bob@example.com"]}])
    assert len(answer["data"]) == 2
    assert books(agent) == [("POST", "/emails/batch", "settled", "0.0018")]


def test_the_same_idempotency_key_reserves_and_sends_one_mail(stage, resend_api):
    agent = stage.agent(vendor="resend")
    api = resend_api(agent)
    first, second = (api.Emails.send(MAIL, {"idempotency_key": "invoice-7"}) for _ in range(2))
    assert first["id"] == second["id"]
    original, repeated = agent.rows()
    assert repeated["replay_of"] == original["id"]
    assert (original["reserved_usd"], repeated["reserved_usd"]) == ("0.0009", "0.00")
    assert (original["cost_usd"], repeated["cost_usd"]) == ("0.0009", "0.00")
    assert agent.used() == "0.0009"


def revoke(agent, _api):
    agent.stage.admin("POST", f"/vault-keys/{agent.id}/revoke", {})


def mail_before(_agent, api):
    mail(api)


# Keybrake's code, error class, HTTP status, Resend's name, policy, what happened before, call
CASES = [
    ("vault_key_revoked", ResendError, 401, "invalid_api_key", {}, revoke, mail),
    ("endpoint_not_allowed", ResendError, 403, "invalid_access", {"allowed_endpoints": ["GET /emails/*"]}, None, mail),
    (
        "endpoint_forbidden",
        ResendError,
        403,
        "invalid_access",
        {},
        None,
        lambda api: api.ApiKeys.create({"name": "mine"}),
    ),
    (
        "destination_not_allowed",
        ResendError,
        403,
        "invalid_access",
        {"resend": {"recipient_domains": ["crew.example"]}},
        None,
        mail,
    ),
    (
        "daily_cap_exceeded",
        RateLimitError,
        429,
        "daily_quota_exceeded",
        {"daily_usd_cap": CAP_FOR_ONE},
        mail_before,
        mail,
    ),
    (
        "monthly_cap_exceeded",
        RateLimitError,
        429,
        "monthly_quota_exceeded",
        {"monthly_usd_cap": CAP_FOR_ONE},
        mail_before,
        mail,
    ),
    ("rate_limited", RateLimitError, 429, "rate_limit_exceeded", {"requests_per_minute": 1}, mail_before, mail),
    (
        "request_malformed",
        ValidationError,
        400,
        "validation_error",
        {},
        None,
        lambda api: api.Emails.send({**MAIL, "to": 7}),
    ),
    (
        "payload_too_large",
        ResendError,
        413,
        "validation_error",
        {},
        None,
        lambda api: api.Emails.send({**MAIL, "text": "x" * 1_100_000}),
    ),
]


@pytest.mark.parametrize(
    ("code", "error_class", "status", "name", "policy", "before", "call"), CASES, ids=[case[0] for case in CASES]
)
def test_a_refusal_is_the_typed_error_asked_for_once_written_down_and_not_sent(
    stage, resend_api, code, error_class, status, name, policy, before, call
):
    agent = stage.agent(vendor="resend", **policy)
    api = resend_api(agent)
    if before is not None:
        before(agent, api)
    rows_before = len(agent.rows())
    sent = stage.watch("resend")
    with pytest.raises(ResendError) as refusal:
        call(api)
    error = refusal.value
    assert type(error) is error_class
    assert (error.code, error.error_type) == (status, name)
    assert error.message.startswith(f"{code}: ")
    assert sent() == []
    (row,) = agent.rows()[rows_before:]
    assert (row["verdict"], row["denial_code"], row["status_code"]) == ("deny", code, status)
    headers = {header.lower(): value for header, value in error.headers.items()}
    assert headers["keybrake-call-id"] == row["id"]


def test_a_cap_says_when_it_opens_again(stage, resend_api):
    agent = stage.agent(vendor="resend", daily_usd_cap=CAP_FOR_ONE)
    api = resend_api(agent)
    mail(api)
    with pytest.raises(RateLimitError) as refusal:
        mail(api)
    headers = {header.lower(): value for header, value in refusal.value.headers.items()}
    assert 0 < int(headers["retry-after"]) <= 86_400
    assert headers["x-should-retry"] == "false"


def test_a_mistyped_key_is_an_error_that_says_so(stage, monkeypatch):
    monkeypatch.setattr(resend, "api_url", f"{stage.data_url}/resend")
    monkeypatch.setattr(resend, "api_key", UNKNOWN_KEY)
    with pytest.raises(ResendError) as refusal:
        mail(resend)
    assert refusal.value.code == 401
    assert refusal.value.message.startswith("vault_key_invalid: ")
