"""A call belongs to the run that it is made in, whatever else runs."""

import asyncio
import contextvars
import os
import threading

from core.environment import EnvironmentCase
from keybrake_crewai import ConfigurationError, crew_run, run_id


class Runs(EnvironmentCase):
    def test_the_nearest_run_counts(self):
        self.assertIsNone(run_id())
        self.set(CREW_RUN_ID="from-the-launcher")
        self.assertEqual(run_id(), "from-the-launcher")
        with crew_run("outer") as outer:
            with crew_run("inner"):
                self.assertEqual(run_id(), "inner")
            self.assertEqual((outer, run_id()), ("outer", "outer"))
        self.assertEqual(run_id(), "from-the-launcher")

    def test_without_an_id_it_is_the_launchers_or_a_new_one(self):
        with crew_run() as first, crew_run() as second:
            self.assertNotEqual(first, second)
        self.set(CREW_RUN_ID="from-the-launcher")
        with crew_run() as launched:
            self.assertEqual(launched, "from-the-launcher")

    def test_an_error_inside_closes_it(self):
        with self.assertRaises(KeyError), crew_run("r"):
            raise KeyError
        self.assertIsNone(run_id())

    def test_threads_and_tasks_do_not_meet(self):
        ready = threading.Barrier(8)
        seen = {}

        def work(name):
            with crew_run(name):
                ready.wait(10)
                seen[name] = run_id()

        threads = [threading.Thread(target=work, args=(f"run-{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        self.assertEqual(seen, {name: name for name in seen})
        self.assertEqual(len(seen), 8)

        async def work_async(name):
            async with crew_run(name):
                await asyncio.sleep(0)
                return await asyncio.to_thread(run_id)

        async def work_all():
            return await asyncio.gather(*(work_async(f"run-{number}") for number in range(8)))

        self.assertEqual(asyncio.run(work_all()), [f"run-{number}" for number in range(8)])

    def test_a_copied_context_keeps_it(self):
        with crew_run("r"):
            context = contextvars.copy_context()
        self.assertEqual(context.run(run_id), "r")

    def test_what_is_no_run_id_is_refused(self):
        for text in ("", " x", "-x", "x\ny", "ä", "x" * 201):
            with self.assertRaises(ConfigurationError):
                crew_run(text)
        os.environ["CREW_RUN_ID"] = "läufer"
        with self.assertRaisesRegex(ConfigurationError, "CREW_RUN_ID"):
            run_id()
