"""A Keybrake server on its embedded database and the fake vendors, each a process of its own, for Python tests."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import stripe
from twilio.rest import Client as TwilioClient

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "apps/proxy/dist/main.js"
FAKE_VENDORS = ROOT / "packages/sandbox/dist/main.js"
CANARY_SECRET = "sk_test_canaryQ7vX2mNf9LkT4wRz8sYbHd3JpGcE6uA"
ACCOUNT_SID = "ACc0ffee00c0ffee00c0ffee00c0ffee00"
TWILIO_SECRET = "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry42"
RESEND_SECRET = "re_canary_4nQ8sWb2Lk7Zp3Rt"
SECRETS = {
    "stripe": {"name": "stripe-test", "value": CANARY_SECRET},
    "twilio": {"name": "twilio", "value": TWILIO_SECRET, "account_id": ACCOUNT_SID},
    "resend": {"name": "resend", "value": RESEND_SECRET},
}
ALLOWED_ENDPOINTS = {"stripe": ["* /v1/**"], "twilio": ["* /**"], "resend": ["* /**"]}
ADMIN_TOKEN = "python-tests-admin-token-0123456789"
START_SECONDS_MAX = 120
ROW_SECONDS_MAX = 15
HTTP_SECONDS_MAX = 30


class Process:
    """A child whose output is collected, so that it never blocks on a full pipe."""

    def __init__(self, args, env):
        self.child = subprocess.Popen(
            [shutil.which("node"), *map(str, args)], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.output = ""
        self.changed = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        for line in self.child.stdout:
            with self.changed:
                self.output += line
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def wait_for(self, pattern):
        """The first match of a pattern in the output; fails when the process ends or takes too long."""
        found = None

        def is_over():
            nonlocal found
            found = re.search(pattern, self.output)
            return found is not None or self.child.poll() is not None

        with self.changed:
            self.changed.wait_for(is_over, START_SECONDS_MAX)
        assert found is not None, f"no `{pattern}` in:\n{self.output}"
        return found

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()


def send(method, url, body=None, token=None):
    """A JSON answer; raises for every status that is no success."""
    request = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=HTTP_SECONDS_MAX) as answer:
        return json.load(answer)


class Agent:
    """A vault key, and what the books say about it."""

    def __init__(self, stage, key):
        self.stage = stage
        self.id = key["id"]
        self.agent_id = key["agent_id"]
        self.vault_key = key["vault_key"]

    def rows(self):
        """Every audit row of the key, oldest first, once none of them is open."""
        deadline = time.monotonic() + ROW_SECONDS_MAX
        while True:
            rows = self.stage.admin("GET", f"/calls?vault_key_id={self.id}&limit=1000")["data"]
            if all(row["state"] != "reserved" for row in rows):
                return sorted(rows, key=lambda row: row["id"])
            assert time.monotonic() < deadline, "a call is still open"
            time.sleep(0.02)

    def used(self):
        """What counts against the daily cap, in dollars."""
        me = send("GET", f"{self.stage.data_url}/keybrake/v1/me", token=self.vault_key)
        return next(budget["used"] for budget in me["budgets"] if budget["unit"] == "usd" and budget["window"] == "daily")

    def twilio(self):
        """twilio-python as an agent configures it: the real AccountSid, and the vault key for a token."""
        client = TwilioClient(ACCOUNT_SID, self.vault_key)
        client.api.base_url = f"{self.stage.data_url}/twilio"
        client.verify.base_url = f"{self.stage.data_url}/twilio/verify"
        return client

    def client(self, **options):
        """stripe-python's client as an agent configures it; it never retries unless told to."""
        return stripe.StripeClient(self.vault_key, base_addresses={"api": f"{self.stage.data_url}/stripe"}, **options)


class Stage:
    """The server, the vendors behind it, and agents with keys of their own."""

    def __init__(self, data_url, admin_url, fake_urls):
        self.data_url = data_url
        self.admin_url = admin_url
        self.fake_urls = fake_urls
        self.fake_url = fake_urls.get("stripe")
        self.agents = 0

    def admin(self, method, path, body=None):
        return send(method, f"{self.admin_url}/api/v1{path}", body, ADMIN_TOKEN)

    def agent(self, crew_run_id=None, vendor="stripe", agent_id=None, **policy):
        """Issues a key. Unless the policy says otherwise it may do everything, for a thousand dollars a day."""
        self.agents += 1
        body = {
            "agent_id": agent_id or f"agent_{self.agents}",
            "secret": SECRETS[vendor]["name"],
            "policy": {
                "vendor": vendor,
                "daily_usd_cap": 1000,
                "allowed_endpoints": ALLOWED_ENDPOINTS[vendor],
                "expires_in": "1h",
                **policy,
            },
        }
        if crew_run_id is not None:
            body["crew_run_id"] = crew_run_id
        return Agent(self, self.admin("POST", "/vault-keys", body))

    def fail_next(self, kind, vendor="stripe", **fault):
        send("POST", f"{self.fake_urls[vendor]}/__sandbox/faults", {"kind": kind, **fault})

    def watch(self, vendor="stripe"):
        """Starts to watch a vendor; the returned function gives what has arrived there since."""
        requests = f"{self.fake_urls[vendor]}/__sandbox/requests"
        page = send("GET", f"{requests}?limit=10000")["data"]
        seen = page[-1]["sequence"] if page else 0
        return lambda: send("GET", f"{requests}?since={seen}&limit=10000")["data"]

    def direct(self):
        """The SDK with the real key, past Keybrake."""
        return stripe.StripeClient(CANARY_SECRET, base_addresses={"api": self.fake_url})

    def direct_twilio(self):
        """The same of Twilio."""
        client = TwilioClient(ACCOUNT_SID, TWILIO_SECRET)
        client.verify.base_url = f"{self.fake_urls['twilio']}/verify"
        return client


def open_stage():
    """The server before the fake vendors."""
    vendors = [argument for vendor in SECRETS for argument in ("--vendor", vendor)]
    credentials = ["--secret-key", CANARY_SECRET, "--account-sid", ACCOUNT_SID]
    credentials += ["--auth-token", TWILIO_SECRET, "--resend-key", RESEND_SECRET]
    return running_stage([FAKE_VENDORS, "--control", *vendors, *credentials])


@contextmanager
def running_stage(vendor_args):
    """A server before vendors that another process plays, which prints their addresses; no secret may be printed by the end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KEYBRAKE_")}
    vendors = Process(vendor_args, inherited)
    server = None
    with tempfile.TemporaryDirectory(prefix="keybrake-python-") as data_dir:
        try:
            urls = json.loads(vendors.wait_for(r'"urls":({[^}]+})').group(1))
            server = Process(
                [SERVER],
                {
                    **inherited,
                    "KEYBRAKE_PORT": "0",
                    "KEYBRAKE_ADMIN_PORT": "0",
                    "KEYBRAKE_DATA_DIR": data_dir,
                    "KEYBRAKE_ADMIN_TOKEN": ADMIN_TOKEN,
                    "KEYBRAKE_SANDBOX": "0",
                    **{f"KEYBRAKE_{vendor.upper()}_UPSTREAM_URL": url for vendor, url in urls.items()},
                },
            )
            data_url = server.wait_for(r"agents +(http:\S+)").group(1)
            admin_url = server.wait_for(r"operators +(http:\S+)").group(1)
            opened = Stage(data_url, admin_url, urls)
            for vendor in urls:
                opened.admin("POST", "/secrets", {"vendor": vendor, **SECRETS[vendor]})
            yield opened
        finally:
            if server is not None:
                server.stop()
            vendors.stop()
    for secret in SECRETS.values():
        assert secret["value"] not in server.output
