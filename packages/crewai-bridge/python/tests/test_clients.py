"""The clients for code without any magic: the agent's own key at each call, the SDK's own errors, nothing sent twice."""

import asyncio
import uuid

import pytest
import resend
import stripe
from keybrake_crewai import (
    CapBreach,
    ConfigurationError,
    OutcomeUnknown,
    Refused,
    acting_as,
    crew_run,
    forget_refusals,
    resend_client,
    stripe_client,
    twilio_client,
)
from keybrake_stage import ACCOUNT_SID
from scripted import charge_params
from twilio.base.exceptions import TwilioRestException

MAIL = {"from": "crew@crew.example", "to": ["a@example.com"], "subject": "Invoice", "text": "Hello"}
TEXT = {"from_": "+15005550006", "to": "+14155550100", "body": "hi"}


def call_stripe(client, amount=500):
    return client.v1.payment_intents.create(charge_params(amount))


def call_twilio(client):
    return client.messages.create(**TEXT)


def call_resend(client):
    return client.Emails.send(MAIL)


CLIENTS = {
    "stripe": (stripe_client, call_stripe, stripe.RateLimitError),
    "twilio": (twilio_client, call_twilio, TwilioRestException),
    "resend": (resend_client, call_resend, resend.exceptions.RateLimitError),
}
EVERY_CLIENT = pytest.mark.parametrize("vendor", CLIENTS)


@pytest.fixture(autouse=True)
def _no_refusals_of_others():
    forget_refusals()


@EVERY_CLIENT
def test_a_client_calls_as_its_agent_with_the_key_of_the_moment(crew_environment, monkeypatch, vendor):
    make, call, _ = CLIENTS[vendor]
    client = make("billing_agent")
    keys = []
    for run in ("first", "second"):
        keys.append(crew_environment("billing_agent", vendor))
        with crew_run(f"{run}-{uuid.uuid4()}") as opened:
            call(client)
        (row,) = keys[-1].rows()
        assert (row["agent_id"], row["crew_run_id"], row["verdict"]) == ("billing_agent", opened, "allow")
    monkeypatch.delenv(f"{vendor.upper()}_BASE_URL")
    with pytest.raises(ConfigurationError, match=f"{vendor.upper()}_BASE_URL is not set"):
        call(client)


@EVERY_CLIENT
def test_a_client_without_an_agent_is_whoever_acts(crew_environment, vendor):
    make, call, _ = CLIENTS[vendor]
    keys = {agent_id: crew_environment(agent_id, vendor) for agent_id in ("billing_agent", "refund_agent")}
    client = make()
    for agent_id, key in keys.items():
        with acting_as(agent_id):
            call(client)
        assert [row["agent_id"] for row in key.rows()] == [agent_id]
    with pytest.raises(ConfigurationError, match="no vault key"):
        call(client)


@EVERY_CLIENT
def test_a_key_and_an_address_may_be_given(stage, crew_environment, monkeypatch, vendor):
    make, call, _ = CLIENTS[vendor]
    key = crew_environment("billing_agent", vendor)
    monkeypatch.delenv(f"{vendor.upper()}_BASE_URL")
    call(make("billing_agent", vault_key=key.vault_key, base_url=f"{stage.data_url}/{vendor}"))
    assert len(key.rows()) == 1


@EVERY_CLIENT
def test_a_real_secret_is_never_accepted(vendor):
    make, _, _ = CLIENTS[vendor]
    secret = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    with pytest.raises(ConfigurationError, match="no vault key") as refusal:
        make("billing_agent", vault_key=secret)
    assert secret not in str(refusal.value)


@EVERY_CLIENT
def test_a_cap_breach_is_the_sdks_own_error_too_and_is_asked_for_once(crew_environment, vendor):
    make, call, sdk_error = CLIENTS[vendor]
    key = crew_environment("billing_agent", vendor, daily_usd_cap="0.0001")
    client = make("billing_agent")
    breaches = []
    for catch in (CapBreach, sdk_error):
        with pytest.raises(catch) as breach:
            call(client)
        breaches.append(breach.value)
    (row,) = key.rows()
    for breach in breaches:
        assert isinstance(breach, CapBreach)
        assert isinstance(breach, sdk_error)
        assert (breach.code, breach.vendor, breach.agent_id) == ("daily_cap_exceeded", vendor, "billing_agent")
        assert breach.call_id == row["id"]
        assert breach.retry_at is not None
        # Twilio's answers have no place for it.
        assert (breach.limit is None) == (vendor == "twilio")


@EVERY_CLIENT
def test_a_refusal_of_one_call_is_no_breach(crew_environment, vendor):
    make, call, _ = CLIENTS[vendor]
    crew_environment("billing_agent", vendor, allowed_endpoints=["GET /v1/customers"] if vendor == "stripe" else ["GET /**"])
    with pytest.raises(Refused) as refusal:
        call(make("billing_agent"))
    assert (refusal.value.code, isinstance(refusal.value, CapBreach)) == ("endpoint_not_allowed", False)


def test_the_asynchronous_sides(crew_environment):
    keys = [crew_environment("billing_agent", vendor) for vendor in CLIENTS]

    async def call_all():
        from twilio.http.async_http_client import AsyncTwilioHttpClient

        await stripe_client("billing_agent").v1.payment_intents.create_async(charge_params(500))
        async with AsyncTwilioHttpClient() as http_client:
            await twilio_client("billing_agent", http_client=http_client).messages.create_async(**TEXT)
        if hasattr(resend.Emails, "send_async"):
            await resend_client("billing_agent").Emails.send_async(MAIL)
        else:
            call_resend(resend_client("billing_agent"))

    asyncio.run(call_all())
    assert [[row["verdict"] for row in key.rows()] for key in keys] == [["allow"]] * 3


def test_a_lost_answer_is_asked_for_again_under_the_same_key(stage, crew_environment):
    key = crew_environment("billing_agent")
    client = stripe_client("billing_agent")
    with crew_run(f"lost-{uuid.uuid4()}"):
        stage.fail_next("reset_after_headers")
        with pytest.raises(stripe.APIError):
            call_stripe(client)
        payment = call_stripe(client)
    with crew_run(f"other-{uuid.uuid4()}"):
        assert call_stripe(client).id != payment.id
    assert key.used() == "10.00"


def test_a_download_and_its_refusal(crew_environment):
    crew_environment("billing_agent")
    client = stripe_client("billing_agent")
    crew_environment("refund_agent", allowed_endpoints=["POST /v1/refunds"])
    with pytest.raises(Refused) as refusal:
        stripe_client("refund_agent").v1.quotes.pdf("qt_1")
    assert refusal.value.code == "endpoint_not_allowed"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.quotes.pdf("qt_1")


def test_twilios_other_products_and_accounts(crew_environment):
    key = crew_environment("billing_agent", "twilio", allowed_endpoints=["GET /2010-04-01/**"])
    client = twilio_client("billing_agent", edge="dublin", region="ie1")
    assert client.messages.list(limit=1) is not None
    with pytest.raises(Refused):
        client.verify.v2.services("VA" + "0" * 32).fetch()
    paths = [row["path"] for row in key.rows()]
    assert paths[0] == f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
    assert paths[1].startswith("/verify/v2/Services/")


def test_a_text_whose_answer_was_lost_is_not_sent_again(stage, crew_environment):
    crew_environment("billing_agent", "twilio")
    client = twilio_client("billing_agent")
    sent = stage.watch("twilio")
    with crew_run(f"lost-{uuid.uuid4()}"):
        stage.fail_next("reset_after_headers", vendor="twilio")
        with pytest.raises(TwilioRestException):
            call_twilio(client)
        with pytest.raises(OutcomeUnknown):
            call_twilio(client)
    assert len([request for request in sent() if request["method"] == "POST"]) == 1
