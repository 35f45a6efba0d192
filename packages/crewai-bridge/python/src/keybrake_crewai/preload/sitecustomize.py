"""Loads Keybrake's preload at the start of Python, and then the sitecustomize that this one stands in front of."""

import os
import sys


def _load_keybrake() -> None:
    try:
        try:
            import keybrake_crewai.register  # noqa: F401
        except ModuleNotFoundError as error:
            if error.name not in ("keybrake_crewai", "keybrake_crewai.register"):
                raise
            # Not installed in this environment: use the package that this folder belongs to.
            sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
            sys.modules.pop("keybrake_crewai", None)
            import keybrake_crewai.register  # noqa: F401
    except BaseException as error:
        # Python would print an error of this file and go on, without the proxy.
        os.write(2, f"keybrake: {error}\n".encode(errors="backslashreplace"))
        os._exit(1)


def _load_next() -> None:
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    own = os.path.dirname(os.path.abspath(__file__))
    path = [entry for entry in sys.path if os.path.abspath(entry or os.curdir) != own]
    spec = PathFinder.find_spec("sitecustomize", path)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_load_keybrake()
_load_next()
