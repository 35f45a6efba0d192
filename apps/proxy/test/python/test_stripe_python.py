"""What an agent does with stripe-python: the module-level API and StripeClient, both with their own defaults."""

import pytest
import stripe

CHARGE = {"amount": 1500, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}


def books(agent):
    return [(row["endpoint"], row["state"], row["reserved_usd"], row["cost_usd"]) for row in agent.rows()]


def paths(requests):
    return [f"{request['method']} {request['url'].split('?')[0]}" for request in requests]


def test_the_module_level_api_charges_under_the_real_key_with_the_agents_label(stage, module_api):
    agent = stage.agent(crew_run_id="run-1")
    sent = stage.watch()
    intent = module_api(agent).PaymentIntent.create(**CHARGE)
    assert intent.status == "succeeded"
    assert intent.metadata.to_dict() == {"agent_id": agent.agent_id, "crew_run_id": "run-1"}
    assert paths(sent()) == ["POST /v1/payment_intents"]
    assert "canary" in sent()[0]["headers"]["authorization"]
    (row,) = agent.rows()
    assert (row["state"], row["cost_usd"], row["crew_run_id"]) == ("settled", "15.00", "run-1")
    assert row["vendor_object_id"] == intent.id
    assert row["vendor_request_id"] == intent.last_response.request_id
    assert intent.last_response.headers["keybrake-call-id"] == row["id"]


# The shapes that people produce: `api_base` with `/v1`, with a slash at its end, and without the vendor.
@pytest.mark.parametrize("base", ["/stripe", "/stripe/v1", "/stripe/", ""])
def test_every_base_that_people_write_is_the_same_endpoint(stage, module_api, base):
    agent = stage.agent(allowed_endpoints=["POST /v1/payment_intents"])
    sent = stage.watch()
    module_api(agent, base).PaymentIntent.create(**CHARGE)
    assert paths(sent()) == ["POST /v1/payment_intents"]
    assert books(agent) == [("POST /v1/payment_intents", "settled", "15.00", "15.00")]


def test_the_client_charges_captures_a_part_and_gets_the_rest_back(stage):
    agent = stage.agent()
    client = agent.client()
    intent = client.v1.payment_intents.create({**CHARGE, "capture_method": "manual"})
    assert agent.used() == "15.00"
    captured = client.v1.payment_intents.capture(intent.id, {"amount_to_capture": 1000})
    assert captured.amount_received == 1000
    assert agent.used() == "10.00"


@pytest.mark.parametrize("by", ["charge", "payment_intent"])
def test_a_refund_without_an_amount_reserves_exactly_what_is_left(stage, module_api, by):
    direct = stage.direct()
    intent = direct.v1.payment_intents.create({**CHARGE, "amount": 5000})
    direct.v1.refunds.create({"payment_intent": intent.id, "amount": 2000})
    agent = stage.agent(daily_usd_cap=30, allowed_endpoints=["POST /v1/refunds"])
    named = {"charge": intent.latest_charge} if by == "charge" else {"payment_intent": intent.id}
    refund = module_api(agent).Refund.create(**named)
    assert refund.amount == 3000
    assert books(agent)[0] == ("POST /v1/refunds", "settled", "30.00", "30.00")
    assert agent.used() == "30.00"


def test_a_refund_beyond_the_cap_sends_nothing_but_the_look_up(stage):
    intent = stage.direct().v1.payment_intents.create({**CHARGE, "amount": 5000})
    agent = stage.agent(daily_usd_cap="49.99", allowed_endpoints=["POST /v1/refunds"])
    sent = stage.watch()
    with pytest.raises(stripe.RateLimitError) as refusal:
        agent.client().v1.refunds.create({"charge": intent.latest_charge})
    assert refusal.value.error.code == "daily_cap_exceeded"
    assert paths(sent()) == [f"GET /v1/charges/{intent.latest_charge}"]
    assert agent.used() == "0.00"


def test_reads_pages_and_searches_are_free(stage, module_api):
    agent = stage.agent()
    api = module_api(agent)
    ids = [api.PaymentIntent.create(**CHARGE, metadata={"order": agent.agent_id}).id for _ in range(3)]
    assert api.PaymentIntent.retrieve(ids[0], expand=["latest_charge"]).latest_charge.amount == 1500
    listed = []
    for intent in api.PaymentIntent.list(limit=1).auto_paging_iter():
        listed.append(intent.id)
        if len(listed) == 3:
            break
    assert listed == ids[::-1]
    found = api.PaymentIntent.search(query=f"metadata['order']:'{agent.agent_id}'")
    assert sorted(intent.id for intent in found.data) == sorted(ids)
    assert agent.used() == "45.00"


@pytest.mark.parametrize("kind", ["error_500_before", "conflict_409", "reset_after_headers"])
def test_the_retries_of_the_module_level_api_cost_once(stage, module_api, kind):
    agent = stage.agent()
    sent = stage.watch()
    stage.fail_next(kind)
    assert module_api(agent).PaymentIntent.create(**CHARGE).status == "succeeded"
    assert len(sent()) == 2
    assert len({request["headers"]["idempotency-key"] for request in sent()}) == 1
    assert sorted(row["cost_usd"] for row in agent.rows()) == ["0.00", "15.00"]
    assert agent.used() == "15.00"


def test_the_agents_idempotency_key_comes_back_and_the_vendor_never_sees_it(stage):
    agent = stage.agent()
    sent = stage.watch()
    client = agent.client()
    first = client.v1.payment_intents.create(CHARGE, {"idempotency_key": "order-1"})
    again = client.v1.payment_intents.create(CHARGE, {"idempotency_key": "order-1"})
    assert first.id == again.id
    assert again.last_response.idempotency_key == "order-1"
    assert all("order-1" not in str(request) for request in sent())
    assert agent.used() == "15.00"


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("error_500_after", "unknown"),
        ("truncated_body", "unknown"),
        ("invalid_json_200", "unknown"),
        ("echo_authorization", "unknown"),
        ("rate_limited_429", "released"),
    ],
)
def test_no_fault_of_the_vendor_is_a_success(stage, kind, state):
    agent = stage.agent()
    stage.fail_next(kind)
    with pytest.raises(stripe.StripeError) as fault:
        agent.client().v1.payment_intents.create(CHARGE)
    assert "canary" not in str(fault.value.json_body) + str(fault.value.http_body)
    assert books(agent) == [("POST /v1/payment_intents", state, "15.00", "0.00")]
    assert agent.used() == ("15.00" if state == "unknown" else "0.00")


def test_a_declined_card_is_a_card_error_and_released(stage, module_api):
    agent = stage.agent()
    with pytest.raises(stripe.CardError) as declined:
        module_api(agent).PaymentIntent.create(**{**CHARGE, "payment_method": "pm_card_chargeDeclined"})
    assert declined.value.code == "card_declined"
    assert books(agent) == [("POST /v1/payment_intents", "released", "15.00", "0.00")]
    assert agent.used() == "0.00"
