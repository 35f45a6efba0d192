"""The package as its users get it: built, installed into an empty environment, typed, and doing what its page shows."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

from programs import NOWHERE

PACKAGE = Path(__file__).parents[1]
# stripe-python and what it needs, taken from the environment of the tests.
STRIPE = ("stripe", "requests", "urllib3", "certifi", "idna", "charset_normalizer", "typing_extensions.py")


def run(*command, **variables):
    environment = {**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **variables}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(list(map(str, command)), env=environment, cwd=PACKAGE, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_built_wheel_does_what_the_readme_shows_first(stage, tmp_path):
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"keybrake_crewai/py.typed", "keybrake_crewai/preload/sitecustomize.py"} <= set(names)
    assert not [name for name in names if "test" in name or "__pycache__" in name]

    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    python = home / "bin/python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel)
    installed = Path(run(python, "-c", "import keybrake_crewai; print(keybrake_crewai.__file__)").strip())
    assert installed.is_relative_to(home)
    for name in STRIPE:
        (installed.parents[1] / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)

    snippet = re.search(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(encoding="utf-8"), re.DOTALL)[1]
    key = stage.agent(agent_id="billing_agent", daily_usd_cap=6)
    variables = {
        "STRIPE_BASE_URL": f"{stage.data_url}/stripe",
        "BILLING_VAULT_KEY": key.vault_key,
        "https_proxy": NOWHERE,
        "no_proxy": "127.0.0.1",
    }
    charged, refused = run(python, "-c", f"for _ in range(2): exec({snippet!r})", **variables).splitlines()
    assert charged.startswith("charged pi_")
    assert refused.startswith("daily_cap_exceeded until 2")
    assert [row["denial_code"] for row in key.rows()] == [None, "daily_cap_exceeded"]


def test_the_types_are_complete():
    run(sys.executable, "-m", "mypy", "--no-incremental")
