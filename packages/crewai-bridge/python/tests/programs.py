"""Running programs of their own under the preload, as `PYTHONPATH` brings it: nothing of this package is installed for them."""

import os
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
PRELOAD = PACKAGE / "src/keybrake_crewai/preload"
# Where a call that is not redirected ends: nobody listens there, and no outside host is asked.
NOWHERE = "http://127.0.0.1:9"


def run_program(program, *, folders=(), cwd=None, **variables):
    """Runs Python code under the preload; gives exit code and what it printed."""
    ours = ("_VAULT_KEY", "_BASE_URL", "CREW_RUN_ID", "KEYBRAKE_AGENT_ID", "RESEND_API_URL")
    inherited = {name: value for name, value in os.environ.items() if not name.endswith(ours)}
    environment = {
        **inherited,
        "PYTHONPATH": os.pathsep.join([str(PRELOAD), *map(str, folders)]),
        "http_proxy": NOWHERE,
        "https_proxy": NOWHERE,
        "no_proxy": "127.0.0.1",
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=cwd, capture_output=True, text=True, timeout=120
    )


def output_of(program, **options):
    """What a program printed that ended well."""
    done = run_program(program, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
