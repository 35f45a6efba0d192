"""A pytest plugin that writes what came of each test to the file KEYBRAKE_TEST_REPORT."""

import json
import os

REPORT = {"passed": 0, "failed": [], "skipped": []}


def _reason(report):
    # A skip is reported as (file, line, "Skipped: why").
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def _failure(report):
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash else str(report.longrepr).strip()
    # Without a crash it is a traceback, whose last line says what went wrong.
    return {"name": report.nodeid, "message": text if crash else text.splitlines()[-1].removeprefix("E").strip()}


def pytest_collectreport(report):
    if report.failed:
        REPORT["failed"].append(_failure(report))
    elif report.skipped:
        REPORT["skipped"].append({"name": report.nodeid, "reason": _reason(report)})


def pytest_runtest_logreport(report):
    if report.failed:
        REPORT["failed"].append(_failure(report))
    elif hasattr(report, "wasxfail"):
        # An expected failure did what was expected of it.
        REPORT["passed"] += 1
    elif report.skipped:
        REPORT["skipped"].append({"name": report.nodeid, "reason": _reason(report)})
    elif report.when == "call":
        REPORT["passed"] += 1


def pytest_sessionfinish(session, exitstatus):
    with open(os.environ["KEYBRAKE_TEST_REPORT"], "w", encoding="utf-8") as file:
        json.dump(REPORT, file)
