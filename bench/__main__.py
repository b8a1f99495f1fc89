"""``python -m bench [PART…]``: all short parts, or those named."""

import argparse
import importlib
import time

PARTS = {
    "startup": "the command's start",
    "pods": "listing Pods",
    "audit": "a whole audit of a large cluster",
    "calls": "calls to the cloud",
    "checks": "the time of each check",
}
LONG = {
    "soak": "a week of the agent with everything going wrong",
    "soak_postgresql": "the same on PostgreSQL",
    "soak_memory": "the memory of the agent over a thousand runs",
}
"""What takes minutes, and is run only if it is named."""


def main() -> None:
    """Run the parts, each in a module of its name."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    listed = ", ".join(f"{name} ({what})" for name, what in {**PARTS, **LONG}.items())
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"some of: {listed}")
    parts = parser.parse_args().parts or list(PARTS)
    known = [*PARTS, *LONG]
    unknown = sorted(set(parts) - set(known))
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)}; expected some of {', '.join(known)}")
    for part in parts:
        started = time.monotonic()
        importlib.import_module(f"bench.{part}").main()
        print(f"[{part}: {time.monotonic() - started:.0f} s]")


if __name__ == "__main__":
    main()
