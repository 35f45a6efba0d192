#!/bin/sh
# Runs the crew under `keybrake run`, by script.json unless OPENAI_API_KEY names a real model, and prints every call it made.
set -eu
python=${PYTHON:-.venv/bin/python}
if ! command -v "$python" >/dev/null; then
  echo "preparing a Python environment, a few minutes the first time …"
  python3 -m venv .venv
  # In a checkout of Keybrake its Python package is beside us; elsewhere it comes from PyPI.
  bridge=../../packages/crewai-bridge/python
  [ ! -d "$bridge" ] || .venv/bin/python -m pip install --quiet --disable-pip-version-check "$bridge"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
fi
export CREW_RUN_ID="${CREW_RUN_ID:-order-1042-$(date -u +%Y%m%dT%H%M%SZ)}"
export PYTHONPATH=".${PYTHONPATH:+:$PYTHONPATH}"
# A crew that is tried out tells nobody about it.
export CREWAI_DISABLE_TELEMETRY=true CREWAI_TRACING_ENABLED=false CREWAI_TESTING=true CREWAI_DISABLE_VERSION_CHECK=true
keybrake run -- "$python" -m keybrake_crewai.scripted_model script.json -- "$python" run_crew.py
echo "the audit trail of run $CREW_RUN_ID, newest first:"
keybrake calls --run "$CREW_RUN_ID"
