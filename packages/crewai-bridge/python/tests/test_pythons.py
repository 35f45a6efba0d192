"""What needs no other package runs on every Python that is supported, as far as this machine has them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]


def find_pythons():
    """The commands on PATH that really start the Python of their name; a version manager's may want to be told which."""
    found = []
    for name in (f"python3.{minor}" for minor in range(10, 14)):
        for choice in ({}, {"PYENV_VERSION": name.removeprefix("python")}):
            if shutil.which(name) is not None and starts(name, choice):
                found.append(pytest.param(name, choice, id=name))
                break
    return found


def starts(name, variables):
    done = subprocess.run([name, "--version"], env={**os.environ, **variables}, capture_output=True, text=True, timeout=60)
    return done.returncode == 0 and done.stdout.startswith(f"Python {name.removeprefix('python')}.")


@pytest.mark.parametrize(("command", "variables"), find_pythons())
def test_the_core(command, variables):
    environment = {**os.environ, **variables, "PYTHONPATH": str(PACKAGE / "src")}
    done = subprocess.run(
        [command, "-m", "unittest", "discover", "-t", "tests", "-s", "tests/core"],
        cwd=PACKAGE,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert int(re.search(r"Ran (\d+) tests", done.stderr)[1]) > 50
