"""
The preload. Once imported, stripe-python and twilio-python honor STRIPE_BASE_URL and TWILIO_BASE_URL, and resend-python the key
of the acting agent; a crew that is kicked off is guarded without a line of code. Raises `ConfigurationError` when a variable is
set and cannot be used: to go on would send requests to the vendor itself. The folder `preload` beside this file does the import
for programs that cannot: put it on PYTHONPATH.
"""

from __future__ import annotations

from .base_url import VARIABLES, read_base
from .crew_runtime import install_crew_runtime
from .identity import process_agent_id
from .run import environment_run_id
from .sdk_hooks import install_sdk_hooks


def register() -> None:
    """Checks the environment and takes effect. Idempotent."""
    for vendor in VARIABLES:
        read_base(vendor)
    environment_run_id()
    process_agent_id()
    install_sdk_hooks()
    install_crew_runtime(guards_all=True)


register()
