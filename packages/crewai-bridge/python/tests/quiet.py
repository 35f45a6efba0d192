"""CrewAI as tests want it: silent, offline, and nothing of the user's home. Set before CrewAI is imported."""

import os
import tempfile

VARIABLES = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "CREWAI_TESTING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
}


def make_quiet():
    """Sets the variables for this process and its children; the returned folder is their home."""
    home = tempfile.TemporaryDirectory(prefix="keybrake-crewai-home-")
    os.environ.update(VARIABLES, HOME=home.name, CREWAI_STORAGE_DIR=home.name)
    return home
