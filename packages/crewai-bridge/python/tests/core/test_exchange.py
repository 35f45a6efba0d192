"""One call through the proxy, with answers as the proxy gives them."""

import json
import uuid
from unittest import mock

from core.environment import BASE, KEY, EnvironmentCase
from keybrake_crewai import CapBreach, OutcomeUnknown, Refused, configure, crew_run, forget_refusals
from keybrake_crewai import exchange as exchange_module
from keybrake_crewai.answer import Answer
from keybrake_crewai.claims import begin_execution, current_work, end_execution
from keybrake_crewai.exchange import Request, drive, exchange
from keybrake_crewai.route import Client


def answer(status, code=None, retry_after=None, retry_at=None):
    """An answer of Stripe's, or of the proxy in Stripe's shape."""
    headers = {"content-type": "application/json", "keybrake-call-id": "call-1"}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
    body = {} if code is None else {"error": {"code": code, "message": f"keybrake: {code}", "keybrake": {"retry_at": retry_at}}}
    return Answer(status, headers, json.dumps(body).encode(), None)


class Exchanges(EnvironmentCase):
    def setUp(self):
        super().setUp()
        self.set(STRIPE_BASE_URL=BASE, TWILIO_BASE_URL="http://127.0.0.1:8787/twilio")
        self.waits = []
        for patch in (mock.patch.object(exchange_module.time, "sleep", self.waits.append),):
            patch.start()
            self.addCleanup(patch.stop)
        forget_refusals()
        self.addCleanup(configure, wait_seconds_max=30)
        self.sent = []

    def call(self, *answers, key=KEY, method="POST", parameters="p", vendor="stripe"):
        waiting = list(answers)

        def send(passage):
            self.sent.append(passage)
            given = waiting.pop(0)
            if isinstance(given, Exception):
                raise given
            return given

        request = Request(
            vendor=vendor,
            method=method,
            url=f"https://api.{vendor}.com/v1/charges",
            own_key=None,
            parameters=parameters,
            client=Client("billing_agent", key, None),
            wants_claim=method == "POST",
            has_vendor_idempotency=vendor != "twilio",
        )
        return drive(exchange(request, lambda refusal, _answer, agent: CapBreach(refusal, vendor, agent)), send)

    def test_a_used_up_cap_is_asked_for_once(self):
        for code in ("daily_cap_exceeded", "monthly_cap_exceeded", "daily_call_cap_exceeded"):
            forget_refusals()
            self.sent.clear()
            with self.assertRaises(Refused) as first:
                self.call(answer(429, code, 3600, "2126-12-01T00:00:00.000Z"))
            with self.assertRaises(Refused) as second:
                self.call()
            self.assertEqual(len(self.sent), 1)
            for refusal in (first.exception, second.exception):
                self.assertEqual((refusal.code, refusal.call_id, refusal.agent_id), (code, "call-1", "billing_agent"))
                self.assertEqual(refusal.retry_at.isoformat(), "2126-12-01T00:00:00+00:00")

    def test_it_opens_again_at_its_time(self):
        with self.assertRaises(Refused):
            self.call(answer(429, "daily_cap_exceeded", 0))
        self.call(answer(200))
        self.assertEqual(len(self.sent), 2)

    def test_another_key_is_free_at_once(self):
        with self.assertRaises(Refused):
            self.call(answer(403, "total_cap_exceeded"))
        self.call(answer(200), key=KEY[:-1] + "b")
        self.assertEqual(len(self.sent), 2)

    def test_what_costs_nothing_may_still_be_read_unless_the_key_is_gone(self):
        with self.assertRaises(Refused):
            self.call(answer(403, "total_cap_exceeded"))
        self.call(answer(200), method="GET")
        with self.assertRaises(Refused):
            self.call(answer(401, "vault_key_revoked"), method="GET")
        with self.assertRaises(Refused):
            self.call(method="GET")
        self.assertEqual(len(self.sent), 3)

    def test_a_refusal_of_one_call_does_not_concern_the_next(self):
        with self.assertRaises(Refused):
            self.call(answer(403, "endpoint_not_allowed"))
        self.call(answer(200))

    def test_short_waits_are_sat_out_within_the_bound(self):
        self.call(answer(429, "rate_limited", 2), answer(409, "idempotency_in_flight", 1), answer(200))
        self.assertEqual(self.waits, [2, 1])
        with self.assertRaises(Refused) as refusal:
            self.call(answer(429, "rate_limited", 20), answer(429, "rate_limited", 20))
        self.assertEqual((self.waits[2:], refusal.exception.code), ([20], "rate_limited"))
        configure(wait_seconds_max=0)
        with self.assertRaises(Refused):
            self.call(answer(429, "rate_limited", 1))
        self.assertEqual(len(self.waits), 3)

    def test_the_vendors_own_answers_pass(self):
        for status in (402, 404, 429, 500):
            given = Answer(status, {"keybrake-call-id": "call-1"}, b'{"error": {"code": "card_declined"}}', None)
            self.assertIs(self.call(given), given)

    def test_the_same_call_has_the_same_idempotency_key_everywhere(self):
        keys = []
        for parameters in ("p", "p", "q"):
            with crew_run("run-of-the-test"):
                self.call(answer(200), parameters=parameters)
            keys.append(self.sent[-1].idempotency_key)
        # In every process, so that one that starts again under its run repeats what it had done.
        self.assertEqual(keys[0], "keybrake_84ebc3fb1f3ea2a2c7d440419a0661b983db3be01c219ac6")
        self.assertEqual(len(set(keys)), 3)

    def test_without_a_run_nothing_is_derived(self):
        self.call(answer(200))
        self.assertIsNone(self.sent[-1].idempotency_key)

    def repeat_text(self, *outcomes):
        """Executes a tool twice that sends a text and fails."""
        results = []
        with crew_run(str(uuid.uuid4())) as run:
            for outcome in outcomes:
                work = begin_execution(run)
                token = current_work.set(work)
                try:
                    results.append(self.call(*outcome, vendor="twilio"))
                except Exception as error:
                    results.append(error)
                current_work.reset(token)
                end_execution(work, True)
        return results

    def test_twilios_first_answer_serves_the_repetition(self):
        first, second = self.repeat_text([answer(201)], [])
        self.assertIs(first, second)
        self.assertEqual(len(self.sent), 1)

    def test_a_text_that_may_have_been_sent_is_not_sent_again(self):
        for lost in (TimeoutError(), answer(504)):
            _, second = self.repeat_text([lost], [])
            self.assertIsInstance(second, OutcomeUnknown)
            self.sent.clear()

    def test_a_text_that_was_not_sent_is(self):
        for failure in (ConnectionRefusedError(), answer(400), answer(429, retry_after=1)):
            _, second = self.repeat_text([failure], [answer(201)])
            self.assertEqual(second.status, 201)
