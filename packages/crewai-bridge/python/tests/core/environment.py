"""A clean environment for a test, and vault keys that look like ones."""

import os
import unittest
from unittest import mock

KEY = "vault_billing_" + "a" * 38
OTHER_KEY = "vault_refund_" + "b" * 38
BASE = "http://127.0.0.1:8787/stripe"


class EnvironmentCase(unittest.TestCase):
    """Starts each test with nothing of ours in the environment."""

    def setUp(self):
        ours = ("CREW_RUN_ID", "KEYBRAKE_AGENT_ID", "_VAULT_KEY", "_BASE_URL", "RESEND_API_URL")
        kept = {name: value for name, value in os.environ.items() if not name.endswith(ours)}
        patch = mock.patch.dict(os.environ, kept, clear=True)
        patch.start()
        self.addCleanup(patch.stop)

    def set(self, **variables):
        os.environ.update(variables)
