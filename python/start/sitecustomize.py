"""Python imports this at its start, since `snug dry-run` put this folder on PYTHONPATH.

Starts the hook, and then does what Python would have done without it: runs the sitecustomize that
the environment has, if it has one. The folder stays on sys.path, where it has no other module to
offer: programs start their helpers with a PYTHONPATH made of it (Inductor its compile workers).
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def start_hook() -> None:
    """Starts snug_hook, which lies beside this folder; the program never hears of a failure."""
    folder = os.path.dirname(HERE)
    sys.path.insert(0, folder)
    try:
        import snug_hook

        snug_hook.start()
    except Exception as error:
        if os.environ.get("SNUG_HOOK_DEBUG"):
            raise
        print(f"snug: its hook did not start: {error!r}", file=sys.stderr)
    finally:
        sys.path.remove(folder)


def run_next() -> None:
    """Runs the environment's own sitecustomize in this one's place; its failures are its own."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    others = [entry for entry in sys.path if not entry or os.path.abspath(entry) != HERE]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is None or spec.loader is None:
        return
    module = module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


start_hook()
run_next()
