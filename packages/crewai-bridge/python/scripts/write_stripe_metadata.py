"""Writes stripe_metadata.py from the proxy's own catalogue of Stripe's endpoints: python scripts/write_stripe_metadata.py"""

import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CATALOGUE = PACKAGE.parents[1] / "core/src/vendors/stripe"
TARGET = PACKAGE / "src/keybrake_crewai/stripe_metadata.py"
ROW = re.compile(r"^\S+ +POST +(/\S+) +\S+ +\S+ +\S+ +(\S+)$", re.MULTILINE)
HEAD = '''"""Which of Stripe's endpoints take metadata. Written by scripts/write_stripe_metadata.py from the proxy's catalogue."""

import re

# POST paths; `*` is one segment.
_PATHS = """
'''
TAIL = '''""".split()
# These look like one of the above and take none.
_EXCEPTIONS = frozenset("""
{exceptions}""".split())


def _compile(paths: list[str]) -> "re.Pattern[str]":
    return re.compile("|".join(re.escape(path).replace(r"\\*", "[^/]+") for path in paths))


_PATTERN = _compile(_PATHS)


def takes_metadata(path: str) -> bool:
    """Says whether a POST to this path takes metadata."""
    return path not in _EXCEPTIONS and _PATTERN.fullmatch(path) is not None
'''


def render():
    rows = [
        (re.sub(r"\{[^}]+\}", "*", path), set(options.split(",")))
        for file in sorted(CATALOGUE.glob("endpoints-*.ts"))
        for path, options in ROW.findall(file.read_text(encoding="utf-8"))
    ]
    taking = sorted({path for path, options in rows if "metadata" in options and "forbidden" not in options})
    pattern = re.compile("|".join(re.escape(path).replace(r"\*", "[^/]+") for path in taking))
    others = {path for path, _ in rows if path not in taking and "*" not in path}
    exceptions = sorted(path for path in others if pattern.fullmatch(path))
    return HEAD + "".join(f"{path}\n" for path in taking) + TAIL.replace(
        "{exceptions}", "".join(f"{path}\n" for path in exceptions)
    )


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
