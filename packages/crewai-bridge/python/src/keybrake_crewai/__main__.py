"""`python -m keybrake_crewai --preload-path` prints the folder to put on PYTHONPATH."""

import sys
from pathlib import Path

if sys.argv[1:] == ["--preload-path"]:
    print(Path(__file__).parent / "preload")
else:
    print("usage: python -m keybrake_crewai --preload-path", file=sys.stderr)
    sys.exit(2)
