"""A request goes to the proxy with the right agent's key, or nowhere."""

from core.environment import BASE, KEY, OTHER_KEY, EnvironmentCase
from keybrake_crewai import ConfigurationError, acting_as
from keybrake_crewai.base_url import parse_base
from keybrake_crewai.route import Client, find_route
from keybrake_crewai.vault_key import running_crews

CHARGES = "https://api.stripe.com/v1/charges"
REAL_KEY = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"


class Routes(EnvironmentCase):
    def test_the_acting_agents_key_replaces_what_the_code_has_set(self):
        self.set(STRIPE_BASE_URL=BASE, BILLING_VAULT_KEY=KEY, REFUND_STRIPE_VAULT_KEY=OTHER_KEY, REFUND_VAULT_KEY=KEY)
        for agent, key in (("billing_agent", KEY), ("refund_agent", OTHER_KEY)):
            with acting_as(agent):
                for own in (None, KEY, REAL_KEY, "vault_set_by_keybrake_run"):
                    route = find_route("stripe", CHARGES, own, None)
                    self.assertEqual((route.url, route.key), (f"{BASE}/v1/charges", key))

    def test_an_agent_without_a_key_makes_no_call_with_anybody_elses(self):
        self.set(STRIPE_BASE_URL=BASE, BILLING_VAULT_KEY=KEY)
        with acting_as("refund_agent"):
            for address in (CHARGES, f"{BASE}/v1/charges", "http://elsewhere.example/v1/charges"):
                with self.assertRaisesRegex(ConfigurationError, "REFUND_STRIPE_VAULT_KEY or REFUND_VAULT_KEY"):
                    find_route("stripe", address, KEY, None)

    def test_a_default_key_serves_those_who_have_none(self):
        self.set(STRIPE_BASE_URL=BASE, BILLING_VAULT_KEY=KEY, DEFAULT_VAULT_KEY=OTHER_KEY)
        with acting_as("refund_agent"):
            self.assertEqual(find_route("stripe", CHARGES, KEY, None).key, OTHER_KEY)
        running_crews.add(1)
        self.addCleanup(running_crews.add, -1)
        self.assertEqual(find_route("stripe", CHARGES, KEY, None).key, OTHER_KEY)

    def test_while_a_crew_runs_nobody_known_means_no_call(self):
        self.set(STRIPE_BASE_URL=BASE, BILLING_VAULT_KEY=KEY)
        running_crews.add(1)
        self.addCleanup(running_crews.add, -1)
        with self.assertRaisesRegex(ConfigurationError, "nobody knows which agent"):
            find_route("stripe", CHARGES, KEY, None)

    def test_where_no_crew_runs_the_codes_own_vault_key_counts(self):
        self.set(STRIPE_BASE_URL=BASE)
        self.assertEqual(find_route("stripe", CHARGES, KEY, None).key, KEY)

    def test_the_processs_agent_acts_where_nobody_else_does(self):
        self.set(STRIPE_BASE_URL=BASE, KEYBRAKE_AGENT_ID="billing", BILLING_VAULT_KEY=KEY)
        self.assertEqual(find_route("stripe", CHARGES, OTHER_KEY, None).key, KEY)

    def test_a_real_secret_is_refused_and_not_repeated(self):
        self.set(STRIPE_BASE_URL=BASE)
        with self.assertRaisesRegex(ConfigurationError, "holds no vault key") as refusal:
            find_route("stripe", CHARGES, REAL_KEY, None)
        self.assertNotIn(REAL_KEY, str(refusal.exception))
        self.set(BILLING_VAULT_KEY=REAL_KEY)
        with acting_as("billing_agent"), self.assertRaisesRegex(ConfigurationError, "BILLING_VAULT_KEY") as refusal:
            find_route("stripe", CHARGES, None, None)
        self.assertNotIn(REAL_KEY, str(refusal.exception))

    def test_a_vault_key_never_goes_to_the_vendor(self):
        for own in (KEY, "vault_set_by_keybrake_run"):
            with self.assertRaisesRegex(ConfigurationError, "STRIPE_BASE_URL is not set"):
                find_route("stripe", CHARGES, own, None)
        self.set(BILLING_VAULT_KEY=KEY)
        with acting_as("billing_agent"), self.assertRaisesRegex(ConfigurationError, "STRIPE_BASE_URL is not set"):
            find_route("stripe", CHARGES, REAL_KEY, None)

    def test_what_is_not_redirected_is_left_alone(self):
        self.assertIsNone(find_route("stripe", CHARGES, REAL_KEY, None))
        self.set(STRIPE_BASE_URL=BASE)
        self.assertIsNone(find_route("stripe", "http://127.0.0.1:12111/v1/charges", "sk_test_123", None))

    def test_a_client_of_ours_wants_an_address(self):
        client = Client("billing_agent", KEY, None)
        with self.assertRaisesRegex(ConfigurationError, "STRIPE_BASE_URL is not set"):
            find_route("stripe", "https://keybrake.invalid/v1/charges", None, client)
        self.assertEqual(
            find_route("stripe", "https://keybrake.invalid/v1/charges", None, Client("billing_agent", KEY, BASE)).url,
            f"{BASE}/v1/charges",
        )

    def test_every_host_of_a_vendor_has_its_place(self):
        self.set(STRIPE_BASE_URL=BASE, TWILIO_BASE_URL="http://127.0.0.1:8787/twilio", RESEND_API_URL="http://127.0.0.1:8787/resend")
        cases = {
            ("stripe", "https://files.stripe.com/v1/files"): f"{BASE}/v1/files",
            ("stripe", "https://connect.stripe.com/oauth/token"): f"{BASE}/oauth/token",
            ("stripe", "https://meter-events.stripe.com/v2/x"): f"{BASE}/v2/x",
            ("twilio", "https://api.twilio.com/2010-04-01/A.json?x=1"): "http://127.0.0.1:8787/twilio/2010-04-01/A.json?x=1",
            ("twilio", "https://verify.dublin.ie1.twilio.com/v2/S"): "http://127.0.0.1:8787/twilio/verify/v2/S",
            ("resend", "https://api.resend.com/emails"): "http://127.0.0.1:8787/resend/emails",
        }
        for (vendor, address), expected in cases.items():
            self.assertEqual(find_route(vendor, address, KEY, None).url, expected)


class BaseUrls(EnvironmentCase):
    def test_a_slash_and_a_version_at_the_end_are_ignored(self):
        for text in (BASE, f"{BASE}/", f"{BASE}/v1", f"{BASE}/v1/", f" {BASE} "):
            self.assertEqual(parse_base("stripe", "STRIPE_BASE_URL", text).url, BASE)
        self.assertEqual(parse_base("twilio", "TWILIO_BASE_URL", "https://[::1]:8/twilio/2010-04-01").url, "https://[::1]:8/twilio")
        self.assertEqual(parse_base("resend", "RESEND_BASE_URL", "http://h/v1").url, "http://h/v1")

    def test_what_cannot_be_used_is_an_error_that_does_not_repeat_it(self):
        cases = {
            "": "is empty",
            "  ": "is empty",
            "vault_secret": "no http or https URL",
            "ftp://h/stripe": "no http or https URL",
            "http://": "no http or https URL",
            "http://h:99999/": "no http or https URL",
            "http://a b/": "no http or https URL",
            "http://user:secret@h/": "a user or a password",
            "http://h/?secret": "a query or a fragment",
            "http://h/#": "a query or a fragment",
            "https://API.stripe.com./v1": "names the vendor itself",
        }
        for text, message in cases.items():
            with self.assertRaisesRegex(ConfigurationError, f"STRIPE_BASE_URL .*{message}") as refusal:
                parse_base("stripe", "STRIPE_BASE_URL", text)
            self.assertNotIn("secret", str(refusal.exception))

    def test_resends_own_address_in_its_own_variable_redirects_nothing(self):
        self.assertIsNone(parse_base("resend", "RESEND_API_URL", "https://api.resend.com"))
