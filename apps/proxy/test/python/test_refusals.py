"""Every refusal is stripe-python's own typed error with our code, is asked for once, and leaves nothing at the vendor."""

import time

import pytest
import stripe

CHARGE = {"amount": 1000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
UNKNOWN_KEY = "vault_nobody_00000000000000000000000000000000000000"


def charge(client):
    return client.v1.payment_intents.create(CHARGE)


def charge_before(agent):
    charge(agent.client())


def revoke(agent):
    agent.stage.admin("POST", f"/vault-keys/{agent.id}/revoke", {})


def expire(agent):
    deadline = time.monotonic() + 10
    while agent.stage.admin("GET", f"/vault-keys/{agent.id}")["status"] != "expired":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def use_the_key_for_another_body(agent):
    agent.client().v1.payment_intents.create({**CHARGE, "amount": 999}, {"idempotency_key": "order-1"})


# code, error class, policy, what happened before, call
CASES = [
    ("vault_key_revoked", stripe.AuthenticationError, {}, revoke, charge),
    ("vault_key_expired", stripe.AuthenticationError, {"expires_in": "1s"}, expire, charge),
    ("endpoint_not_allowed", stripe.PermissionError, {"allowed_endpoints": ["POST /v1/refunds"]}, None, charge),
    (
        "endpoint_forbidden",
        stripe.PermissionError,
        {},
        None,
        lambda client: client.v1.webhook_endpoints.create(
            {"url": "https://example.com", "enabled_events": ["charge.failed"]}
        ),
    ),
    (
        "account_not_allowed",
        stripe.PermissionError,
        {},
        None,
        lambda client: client.v1.payment_intents.create(CHARGE, {"stripe_account": "acct_1Other"}),
    ),
    ("currency_not_allowed", stripe.PermissionError, {"currencies": ["jpy"]}, None, charge),
    (
        "destination_not_allowed",
        stripe.PermissionError,
        {},
        None,
        lambda client: client.v1.payment_intents.create({**CHARGE, "transfer_data": {"destination": "acct_1Other"}}),
    ),
    (
        "unpriced",
        stripe.PermissionError,
        {},
        None,
        lambda client: client.v1.payment_intents.create({**CHARGE, "currency": "jpy"}),
    ),
    ("per_call_cap_exceeded", stripe.PermissionError, {"per_call_usd_cap": "9.99"}, None, charge),
    ("total_cap_exceeded", stripe.PermissionError, {"total_usd_cap": 15}, charge_before, charge),
    ("total_call_cap_exceeded", stripe.PermissionError, {"total_call_cap": 1}, charge_before, charge),
    ("daily_cap_exceeded", stripe.RateLimitError, {"daily_usd_cap": 15}, charge_before, charge),
    ("monthly_cap_exceeded", stripe.RateLimitError, {"monthly_usd_cap": 15}, charge_before, charge),
    ("daily_call_cap_exceeded", stripe.RateLimitError, {"daily_call_cap": 1}, charge_before, charge),
    ("rate_limited", stripe.RateLimitError, {"requests_per_minute": 1}, charge_before, charge),
    (
        "request_malformed",
        stripe.InvalidRequestError,
        {},
        None,
        lambda client: client.v1.payment_intents.create({**CHARGE, "amount": 10.5}),
    ),
    (
        "payload_too_large",
        stripe.APIError,
        {},
        None,
        lambda client: client.v1.customers.create({"description": "x" * 70_000}),
    ),
    (
        "idempotency_mismatch",
        stripe.APIError,
        {},
        use_the_key_for_another_body,
        lambda client: client.v1.payment_intents.create(CHARGE, {"idempotency_key": "order-1"}),
    ),
]


def code_of(error):
    """stripe-python fills `code` for some classes only; the error object always has it."""
    return error.error.code if error.error is not None else None


@pytest.mark.parametrize(("code", "error_class", "policy", "before", "call"), CASES, ids=[case[0] for case in CASES])
def test_a_refusal_is_the_typed_error_said_once_written_down_and_not_sent(
    stage, code, error_class, policy, before, call
):
    agent = stage.agent(**policy)
    if before is not None:
        before(agent)
    rows_before = len(agent.rows())
    sent = stage.watch()
    with pytest.raises(stripe.StripeError) as refusal:
        # As many retries as the module-level API makes by itself.
        call(agent.client(max_network_retries=2))
    error = refusal.value
    assert type(error) is error_class
    assert code_of(error) == code
    assert error.user_message.startswith("keybrake: ")
    assert error.error.doc_url.endswith(f"#{code}")
    assert error.request_id.startswith("req_kb_")
    assert sent() == []
    (row,) = agent.rows()[rows_before:]
    assert row["denial_code"] == code
    assert row["id"] == error.headers["keybrake-call-id"] == error.json_body["error"]["keybrake"]["call_id"]


def test_a_mistyped_key_is_an_authentication_error(stage):
    client = stripe.StripeClient(UNKNOWN_KEY, base_addresses={"api": f"{stage.data_url}/stripe"})
    with pytest.raises(stripe.AuthenticationError) as refusal:
        charge(client)
    assert code_of(refusal.value) == "vault_key_invalid"


def test_another_vendors_prefix_is_a_permission_error(stage):
    agent = stage.agent()
    client = stripe.StripeClient(agent.vault_key, base_addresses={"api": f"{stage.data_url}/twilio"})
    with pytest.raises(stripe.PermissionError) as refusal:
        charge(client)
    assert code_of(refusal.value) == "vendor_mismatch"


def test_the_module_level_api_meets_a_cap_once_and_is_told_when_it_opens_again(stage, module_api):
    agent = stage.agent(daily_usd_cap=15)
    api = module_api(agent)
    api.PaymentIntent.create(**CHARGE)
    with pytest.raises(stripe.RateLimitError) as refusal:
        api.PaymentIntent.create(**CHARGE)
    headers = refusal.value.headers
    assert 0 < int(headers["retry-after"]) <= 86_400
    assert headers["stripe-should-retry"] == "false"
    assert headers["x-should-retry"] == "false"
    assert len(agent.rows()) == 2


def test_a_permission_error_of_the_module_level_api_has_its_code(stage, module_api):
    agent = stage.agent(allowed_endpoints=["POST /v1/refunds"])
    with pytest.raises(stripe.PermissionError) as refusal:
        module_api(agent).PaymentIntent.create(**CHARGE)
    assert code_of(refusal.value) == "endpoint_not_allowed"
    assert "POST /v1/payment_intents" in str(refusal.value)
    assert len(agent.rows()) == 1
