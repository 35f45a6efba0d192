"""Labels are appended where a vendor keeps them, and never change what the caller has set."""

import unittest

from keybrake_crewai.labels import collect, label_resend, label_stripe

LABELS = collect("billing_agent", "run 1")
ADDED = "metadata[agent_id]=billing_agent&metadata[crew_run_id]=run%201"


class Labels(unittest.TestCase):
    def test_stripes_forms(self):
        self.assertEqual(label_stripe("/v1/payment_intents", "amount=5", False, LABELS), f"amount=5&{ADDED}")
        self.assertEqual(label_stripe("/v1/payment_intents/pi_1/capture", "", False, LABELS), ADDED)

    def test_endpoints_without_metadata(self):
        for path in ("/v1/payment_intents/pi_1/confirm", "/v1/invoices/create_preview", "/v1/tokens", "/v1/files"):
            self.assertEqual(label_stripe(path, "a=1", False, LABELS), "a=1")

    def test_what_the_caller_has_set_stays(self):
        path = "/v1/payment_intents"
        self.assertEqual(
            label_stripe(path, "metadata[agent_id]=me", False, LABELS), "metadata[agent_id]=me&metadata[crew_run_id]=run%201"
        )
        self.assertEqual(label_stripe(path, "metadata=", False, LABELS), "metadata=")
        full = "&".join(f"metadata[k{number}]=v" for number in range(49))
        self.assertEqual(label_stripe(path, full, False, LABELS), full)

    def test_stripes_json(self):
        path = "/v2/money_management/outbound_payments"
        self.assertEqual(
            label_stripe(path, '{"metadata": {"agent_id": "me"}}', True, LABELS),
            '{"metadata": {"agent_id": "me", "crew_run_id": "run 1"}}',
        )
        self.assertEqual(label_stripe(path, '{"metadata": null}', True, LABELS), '{"metadata": null}')

    def test_resends_tags(self):
        added = [{"name": "agent_id", "value": "billing_agent"}, {"name": "crew_run_id", "value": "run_1"}]
        self.assertEqual(label_resend("/emails", {"to": "a"}, LABELS), {"to": "a", "tags": added})
        own = [{"name": "agent_id", "value": "me"}]
        self.assertEqual(label_resend("/emails/batch", [{"tags": own}], LABELS), [{"tags": [*own, added[1]]}])
        self.assertEqual(label_resend("/domains", {"name": "a"}, LABELS), {"name": "a"})
