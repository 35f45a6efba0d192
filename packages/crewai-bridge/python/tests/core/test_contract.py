"""What the agent's side agrees on in every language: the same file is tested from TypeScript."""

import importlib.util
import json
import os
import subprocess
import sys
import unittest
from datetime import datetime
from pathlib import Path

import keybrake_crewai
from keybrake_crewai import base_url, breaker, identity, names, refusal, run, vault_key
from keybrake_crewai.settings import settings

PACKAGE = Path(__file__).parents[2]
CONTRACT = json.loads((PACKAGE.parents[1] / "client/agent-contract.json").read_text(encoding="utf-8"))


class Contract(unittest.TestCase):
    def test_names_in_the_environment(self):
        environment = CONTRACT["environment"]
        self.assertEqual(run.RUN_VARIABLE, environment["crew_run_id"])
        self.assertEqual(identity.AGENT_VARIABLE, environment["agent_id"])
        self.assertEqual({vendor: list(found) for vendor, found in base_url.VARIABLES.items()}, environment["base_urls"])

    def test_agents_are_named_by_their_roles(self):
        for case in CONTRACT["agent_ids"]:
            self.assertEqual(names.slug_role(case["role"]), case["agent_id"], case)
        self.assertEqual(names.slug_role("a" * 128), "a" * 128)
        self.assertIsNone(names.slug_role("a" * 129))

    def test_keys_are_looked_up_under_the_same_names(self):
        keys = CONTRACT["vault_key_variables"]
        for case in keys["cases"]:
            expected = [
                pattern.replace("<AGENT>", case["agent"]).replace("<VENDOR>", "STRIPE") for pattern in keys["lookup"]
            ]
            self.assertEqual(list(names.key_variables(case["agent_id"], "stripe")), expected)
        for first, second in keys["collisions"]:
            self.assertEqual(names.variable_stem(first), names.variable_stem(second))
        self.assertEqual(vault_key.DEFAULT_AGENT_ID, CONTRACT["python"]["default_agent_id"])

    def test_every_code_means_the_same(self):
        for kind, codes in CONTRACT["refusals"].items():
            for code in codes:
                self.assertEqual(refusal.kind_of(code), kind, code)

    def test_a_used_up_cap_leaves_reading_and_a_short_limit_is_waited_for(self):
        self.assertEqual(breaker.STOPS_READS, set(CONTRACT["stops_reads"]["codes"]))
        self.assertEqual(settings.wait_seconds_max, CONTRACT["waits"]["seconds_max"])

    def test_answers_are_understood_alike(self):
        for answer in CONTRACT["answers"]:
            found = refusal.read_refusal(answer["vendor"], answer["status"], answer["headers"], answer["body"].encode())
            means = answer["means"]
            if means is None:
                self.assertIsNone(found)
                continue
            self.assertEqual((found.code, found.kind, found.call_id), (means["code"], means["kind"], means["call_id"]))
            if "retry_at" in means:
                self.assertEqual(found.retry_at, datetime.fromisoformat(means["retry_at"].replace("Z", "+00:00")))
            if "retry_after_seconds" in means:
                self.assertEqual(found.retry_after_seconds, means["retry_after_seconds"])
            self.assertNotIn("keybrake", found.message)

    def test_the_preload_lies_where_the_launcher_expects_it(self):
        command = [sys.executable, "-m", "keybrake_crewai", "--preload-path"]
        environment = {**os.environ, "PYTHONPATH": str(PACKAGE / "src")}
        printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
        self.assertEqual(Path(printed.stdout.strip()), PACKAGE / CONTRACT["python"]["preload"])
        self.assertTrue((PACKAGE / CONTRACT["python"]["preload"] / "sitecustomize.py").is_file())

    def test_the_endpoints_that_take_metadata_are_the_catalogues(self):
        path = PACKAGE / "scripts/write_stripe_metadata.py"
        spec = importlib.util.spec_from_file_location("write_stripe_metadata", path)
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        self.assertEqual(script.TARGET.read_text(encoding="utf-8"), script.render(), f"run {path}")

    def test_the_public_names_are_there(self):
        for name in keybrake_crewai.__all__:
            self.assertTrue(hasattr(keybrake_crewai, name), name)
