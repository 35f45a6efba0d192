"""Unchanged programs reach the proxy by a variable alone, and never the vendor by mistake."""

import pytest
from keybrake_stage import ACCOUNT_SID
from programs import NOWHERE, PACKAGE, output_of, run_program

CHARGE = "amount=500, currency='usd', payment_method='pm_card_visa', confirm=True"
TEXT = "from_='+15005550006', to='+14155550100', body='hi'"
MAIL = "{'from': 'crew@crew.example', 'to': ['a@example.com'], 'subject': 'Invoice', 'text': 'Hello'}"


def test_stripes_module_clients_and_other_hosts(stage):
    key = stage.agent()
    program = f"""
import io, os, stripe
stripe.api_key = os.environ["KEY"]
stripe.PaymentIntent.create({CHARGE})
stripe.StripeClient(os.environ["KEY"]).v1.payment_intents.create(dict({CHARGE}))
for call in (lambda: stripe.File.create(purpose="dispute_evidence", file=io.BytesIO(b"x")), lambda: stripe.OAuth.token(code="x")):
    try:
        call()
    except stripe.StripeError:
        pass
"""
    base = f"{stage.data_url}/stripe/v1/"
    output_of(program, KEY=key.vault_key, STRIPE_BASE_URL=base, CREW_RUN_ID="run-7")
    rows = [(row["path"], row["crew_run_id"]) for row in key.rows()]
    assert rows == [(path, "run-7") for path in ("/v1/payment_intents", "/v1/payment_intents", "/v1/files", "/oauth/token")]


def test_stripes_base_url_does_what_people_expect_with_and_without_the_variable(stage):
    key = stage.agent()
    program = f"""
import os, stripe
stripe.api_key = os.environ["KEY"]
stripe.base_url = os.environ["BASE"] + "/v1"
stripe.PaymentIntent.create({CHARGE})
del os.environ["STRIPE_BASE_URL"]
stripe.base_url = os.environ["BASE"]
stripe.PaymentIntent.create({CHARGE})
"""
    output_of(program, KEY=key.vault_key, BASE=f"{stage.data_url}/stripe", STRIPE_BASE_URL=f"{NOWHERE}/stripe")
    assert len(key.rows()) == 2


def test_twilio_and_resend(stage):
    texts, mails = stage.agent(vendor="twilio"), stage.agent(vendor="resend")
    program = f"""
import os
from twilio.rest import Client
import resend
client = Client()
client.messages.create({TEXT})
try:
    client.lookups.v2.phone_numbers("+14155550100").fetch()
except Exception:
    pass
print(resend.Emails.send({MAIL})["id"])
"""
    output_of(
        program,
        TWILIO_ACCOUNT_SID=ACCOUNT_SID,
        TWILIO_AUTH_TOKEN=texts.vault_key,
        TWILIO_BASE_URL=f"{stage.data_url}/twilio",
        TWILIO_EDGE="dublin",
        RESEND_API_KEY=mails.vault_key,
        RESEND_BASE_URL=f"{stage.data_url}/resend",
    )
    paths = [row["path"] for row in texts.rows()]
    assert paths == [f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json", "/lookups/v2/PhoneNumbers/+14155550100"]
    assert [row["path"] for row in mails.rows()] == ["/emails"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("STRIPE_BASE_URL", ""),
        ("STRIPE_BASE_URL", "https://api.stripe.com"),
        ("TWILIO_BASE_URL", "vault_secret"),
        ("RESEND_BASE_URL", "http://user:secret@127.0.0.1/"),
        ("CREW_RUN_ID", "läufer"),
        ("KEYBRAKE_AGENT_ID", "-secret"),
    ],
)
def test_a_variable_that_cannot_be_used_ends_the_program_before_it_starts(variable, value):
    done = run_program("print('started')", **{variable: value})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"keybrake: {variable} ")
    assert done.stderr.count("\n") == 1
    assert "secret" not in done.stderr


def test_an_import_in_the_code_raises_instead():
    program = """
import os, sys
sys.modules.pop("keybrake_crewai.register")
os.environ["STRIPE_BASE_URL"] = ""
import keybrake_crewai
try:
    import keybrake_crewai.register
except keybrake_crewai.ConfigurationError as error:
    print(error)
"""
    assert "STRIPE_BASE_URL is empty" in output_of(program)


def test_without_an_address_no_vault_key_goes_to_the_vendor_and_all_else_is_left_alone():
    program = f"""
import stripe
stripe.max_network_retries = 0
for key in ("vault_set_by_keybrake_run", "vault_billing_" + "a" * 38, "sk_test_" + "4eC39HqLyjWDarjtT1zdp7dc"):
    stripe.api_key = key
    try:
        stripe.PaymentIntent.create({CHARGE})
    except Exception as error:
        print(type(error).__name__, "STRIPE_BASE_URL is not set" in str(error), "api.stripe.com" in str(error))
"""
    assert output_of(program).splitlines() == ["ConfigurationError True False"] * 2 + ["APIConnectionError False True"]


def test_another_sitecustomize_is_loaded_as_well(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("print('theirs')\n", encoding="utf-8")
    program = "import sys; print('keybrake_crewai.register' in sys.modules)"
    assert output_of(program, folders=[tmp_path]) == "theirs\nTrue\n"
    assert output_of(program, folders=[PACKAGE / "src", tmp_path]) == "theirs\nTrue\n"


def test_nothing_heavy_is_imported():
    program = "import sys; print([name for name in ('stripe', 'twilio', 'resend', 'crewai', 'asyncio') if name in sys.modules])"
    assert output_of(program) == "[]\n"
