"""What twilio-python and resend-python send through a server fits the vendors' own descriptions of their APIs."""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import resend
from keybrake_stage import ACCOUNT_SID, ROOT, running_stage

PRISM = ROOT / "apps/proxy/test/prism/prism-child.ts"
CALLS = json.loads((ROOT / "apps/proxy/test/prism/twilio-calls.json").read_text())
SPECS = ROOT.parent / "shared/specs"
CALLS_AT_ONCE = 8
DONE = (200, 201, 202, 204)
UNPRICED = {"on_unpriced": "allow", "per_call_usd_cap": 50}
TWILIO_POLICY = {**UNPRICED, "twilio": {"callback_hosts": ["crew.example.com"], "max_call_seconds": 120}}
RESEND_POLICY = {**UNPRICED, "resend": {"broadcasts": True}}

ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
OTHER = "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d"
LATER = "2030-01-01T00:00:00.000Z"
MAIL = {"from": "Billing <billing@crew.example>", "to": ["ada@example.com"], "subject": "Invoice", "text": "Hello"}
FULL_MAIL = {
    **MAIL,
    "cc": "eve@example.com",
    "bcc": ["dan@example.com"],
    "reply_to": "crew@crew.example",
    "html": "<p>Hello</p>",
    "headers": {"X-Order": "7"},
    "tags": [{"name": "order", "value": "7"}],
    "attachments": [{"filename": "a.txt", "content": "aGVsbG8="}],
    "scheduled_at": LATER,
}
BROADCAST = {"segment_id": ID, "from": MAIL["from"], "subject": "News", "html": "<p>News</p>"}
AUTOMATION = {
    "name": "Welcome",
    "steps": [
        {"key": "start", "type": "trigger", "config": {"event_name": "user.created"}},
        {"key": "wait", "type": "delay", "config": {"duration": "1 hour"}},
    ],
    "connections": [{"from": "start", "to": "wait"}],
}

MAILS = {
    "Emails.send": lambda api: api.Emails.send(MAIL),
    "Emails.send with everything": lambda api: api.Emails.send(FULL_MAIL, {"idempotency_key": "invoice-7"}),
    "Batch.send": lambda api: api.Batch.send([MAIL, {**MAIL, "tags": [{"name": "order", "value": "8"}]}]),
    "Emails.list": lambda api: api.Emails.list({"limit": 10}),
    "Emails.get": lambda api: api.Emails.get(ID),
    "Emails.update": lambda api: api.Emails.update({"id": ID, "scheduled_at": LATER}),
    "Emails.cancel": lambda api: api.Emails.cancel(ID),
    "Emails.share": lambda api: api.Emails.share(ID),
    "Emails.metrics": lambda api: api.Emails.metrics(),
    "Emails.Attachments.list": lambda api: api.Emails.Attachments.list(ID),
    "Emails.Attachments.get": lambda api: api.Emails.Attachments.get(ID, OTHER),
    "Emails.Receiving.list": lambda api: api.Emails.Receiving.list(),
    "Emails.Receiving.get": lambda api: api.Emails.Receiving.get(ID),
    "Emails.Receiving.Attachments.list": lambda api: api.Emails.Receiving.Attachments.list(ID),
    "Emails.Receiving.Attachments.get": lambda api: api.Emails.Receiving.Attachments.get(ID, OTHER),
    "Domains.list": lambda api: api.Domains.list(),
    "Domains.get": lambda api: api.Domains.get(ID),
    "Logs.list": lambda api: api.Logs.list(),
}
CONTACTS = {
    "Contacts.create": lambda api: api.Contacts.create({"email": "ada@example.com", "first_name": "Ada"}),
    "Contacts.list": lambda api: api.Contacts.list(),
    "Contacts.get": lambda api: api.Contacts.get(id=ID),
    "Contacts.get by its address": lambda api: api.Contacts.get(email="ada+news@example.com"),
    "Contacts.update": lambda api: api.Contacts.update({"id": ID, "last_name": "Lovelace"}),
    "Contacts.remove": lambda api: api.Contacts.remove(id=ID),
    "ContactSegments.list": lambda api: api.ContactSegments.list({"contact_id": ID}),
    "ContactSegments.add": lambda api: api.ContactSegments.add({"contact_id": ID, "segment_id": OTHER}),
    "ContactSegments.remove": lambda api: api.ContactSegments.remove({"contact_id": ID, "segment_id": OTHER}),
    "ContactsTopics.list": lambda api: api.ContactsTopics.list(contact_id=ID),
    "ContactsTopics.update": lambda api: api.ContactsTopics.update(
        {"id": ID, "topics": [{"id": OTHER, "subscription": "opt_in"}]}
    ),
    "ContactImports.create": lambda api: api.ContactImports.create({"file": b"email\nada@example.com\n"}),
    "ContactImports.list": lambda api: api.ContactImports.list(),
    "ContactImports.get": lambda api: api.ContactImports.get(ID),
    "ContactProperties.create": lambda api: api.ContactProperties.create({"key": "plan", "type": "string"}),
    "ContactProperties.list": lambda api: api.ContactProperties.list(),
    "ContactProperties.get": lambda api: api.ContactProperties.get(ID),
    "ContactProperties.update": lambda api: api.ContactProperties.update({"id": ID, "fallback_value": "free"}),
    "ContactProperties.remove": lambda api: api.ContactProperties.remove(ID),
    "Segments.create": lambda api: api.Segments.create({"name": "Customers"}),
    "Segments.list": lambda api: api.Segments.list(),
    "Segments.get": lambda api: api.Segments.get(ID),
    "Segments.remove": lambda api: api.Segments.remove(ID),
    "Topics.create": lambda api: api.Topics.create({"name": "News", "default_subscription": "opt_out"}),
    "Topics.list": lambda api: api.Topics.list(),
    "Topics.get": lambda api: api.Topics.get(ID),
    "Topics.update": lambda api: api.Topics.update(ID, {"description": "Monthly"}),
    "Topics.remove": lambda api: api.Topics.remove(ID),
    "Suppressions.add": lambda api: api.Suppressions.add({"email": "eve@example.com"}),
    "Suppressions.list": lambda api: api.Suppressions.list(),
    "Suppressions.get": lambda api: api.Suppressions.get("eve+news@example.com"),
    "Suppressions.remove": lambda api: api.Suppressions.remove(ID),
    "SuppressionsBatch.add": lambda api: api.SuppressionsBatch.add({"emails": ["eve@example.com"]}),
    "SuppressionsBatch.remove": lambda api: api.SuppressionsBatch.remove({"ids": [ID]}),
}
MARKETING = {
    "Templates.create": lambda api: api.Templates.create({"name": "Invoice", "html": "<p>Hello</p>"}),
    "Templates.list": lambda api: api.Templates.list(),
    "Templates.get": lambda api: api.Templates.get(ID),
    "Templates.update": lambda api: api.Templates.update({"id": ID, "subject": "Your invoice"}),
    "Templates.publish": lambda api: api.Templates.publish(ID),
    "Templates.duplicate": lambda api: api.Templates.duplicate(ID),
    "Templates.remove": lambda api: api.Templates.remove(ID),
    "Broadcasts.create": lambda api: api.Broadcasts.create(BROADCAST),
    "Broadcasts.list": lambda api: api.Broadcasts.list(),
    "Broadcasts.get": lambda api: api.Broadcasts.get(ID),
    "Broadcasts.update": lambda api: api.Broadcasts.update({"broadcast_id": ID, "subject": "More news"}),
    "Broadcasts.send": lambda api: api.Broadcasts.send({"broadcast_id": ID}),
    "Broadcasts.cancel": lambda api: api.Broadcasts.cancel(ID),
    "Broadcasts.recipients": lambda api: api.Broadcasts.recipients(ID, {"type": "delivered"}),
    "Broadcasts.clicked_links": lambda api: api.Broadcasts.clicked_links(ID),
    "Broadcasts.remove": lambda api: api.Broadcasts.remove(ID),
    "Events.create": lambda api: api.Events.create({"name": "user.created", "schema": {"plan": "string"}}),
    "Events.list": lambda api: api.Events.list(),
    "Events.get": lambda api: api.Events.get(ID),
    "Events.send": lambda api: api.Events.send({"event": "user.created", "email": "ada@example.com"}),
    "Events.remove": lambda api: api.Events.remove(ID),
    "Automations.create": lambda api: api.Automations.create(AUTOMATION),
    "Automations.list": lambda api: api.Automations.list(),
    "Automations.get": lambda api: api.Automations.get(ID),
    "Automations.update": lambda api: api.Automations.update({"automation_id": ID, "status": "disabled"}),
    "Automations.duplicate": lambda api: api.Automations.duplicate(ID),
    "Automations.stop": lambda api: api.Automations.stop(ID),
    "Automations.remove": lambda api: api.Automations.remove(ID),
}
RESEND_CALLS = {**MAILS, **CONTACTS, **MARKETING}
# What Resend's SDK sends and Resend's own description does not have (identifiers a second time, in the body, and a time
# or a list that it does not know of): it goes through as it is, and Prism refuses it.
DISAGREEMENTS = {
    "Emails.update",
    "Contacts.update",
    "ContactSegments.add",
    "ContactsTopics.update",
    "Broadcasts.update",
    "Broadcasts.send",
}
UNPROCESSABLE = 422


@pytest.fixture(scope="module")
def prism():
    """A server before Prism, which knows the two descriptions. Without them there is none, which in CI is a failure."""
    if not SPECS.is_dir():
        reason = "the vendors' API descriptions are not beside the checkout"
        (pytest.fail if os.environ.get("CI") in ("1", "true") else pytest.skip)(reason)
    with running_stage([PRISM]) as opened:
        yield opened


def call_twilio(client, resource, verb, parameters=None):
    """Makes a call of the list that all of Twilio's SDKs share; `../prism/twilio-calls.ts` says how it is written."""
    at = client.api.v2010.accounts(ACCOUNT_SID)
    for step in resource.split("."):
        name, _, identifier = step.rstrip(")").partition("(")
        at = getattr(at, name)
        if identifier:
            at = at(identifier.replace("*", "0" * 31 + "1"))
    renamed = {"from_" if name == "from" else name: value for name, value in (parameters or {}).items()}
    return getattr(at, verb)(**renamed)


def outcome_of(call):
    try:
        call()
    except Exception as error:  # noqa: BLE001
        return error
    return None


@pytest.fixture(scope="module")
def twilio_calls(prism):
    """What each call of the list came to, and the rows of its key: they are made side by side."""

    def make(call):
        agent = prism.agent(vendor="twilio", **TWILIO_POLICY)
        return outcome_of(lambda: call_twilio(agent.twilio(), *call)), agent.rows()

    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        return list(pool.map(make, CALLS))


@pytest.fixture(scope="module")
def resend_calls(prism):
    """The same of Resend, whose SDK knows one key at a time: one after the other, each with its own row."""
    agent = prism.agent(vendor="resend", **RESEND_POLICY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resend, "api_url", f"{prism.data_url}/resend")
        patch.setattr(resend, "api_key", agent.vault_key)
        outcomes = {name: outcome_of(lambda call=call: call(resend)) for name, call in RESEND_CALLS.items()}
    rows = agent.rows()
    assert len(rows) == len(RESEND_CALLS)
    return {name: (outcomes[name], row) for name, row in zip(RESEND_CALLS, rows, strict=True)}


@pytest.mark.parametrize("index", range(len(CALLS)), ids=[f"{call[0]}.{call[1]}" for call in CALLS])
def test_what_twilio_python_sends_is_what_the_description_says_and_one_row(twilio_calls, index):
    error, rows = twilio_calls[index]
    assert error is None
    (row,) = rows
    assert row["verdict"] == "allow"
    assert row["status_code"] in DONE


@pytest.mark.parametrize("name", RESEND_CALLS)
def test_what_resend_python_sends_is_what_the_description_says_and_one_row(resend_calls, name):
    error, row = resend_calls[name]
    assert row["verdict"] == "allow"
    if name in DISAGREEMENTS:
        assert row["status_code"] == UNPROCESSABLE
    else:
        assert error is None
        assert row["status_code"] in DONE
