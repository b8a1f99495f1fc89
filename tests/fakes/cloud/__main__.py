"""Serve the recorded account until interrupted: ``python -m tests.fakes.cloud --port 8080``."""

import argparse
import contextlib
import sys
import threading

from tests.fakes.cloud import ACCESS_KEY_ID, ACCESS_KEY_SECRET, FakeCloud


def main() -> None:
    """Serve with the faults that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.cloud", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--any-key", action="store_true", help="do not check signatures")
    parser.add_argument("--page-limit", type=int, help="the most items of a page")
    parser.add_argument("--deny", action="append", default=[], metavar="PRODUCT:ACTION")
    parser.add_argument("--throttle", action="append", default=[], metavar="PRODUCT:ACTION")
    options = parser.parse_args()
    cloud = FakeCloud.recorded(check_signatures=not options.any_key, page_limit=options.page_limit)
    for action in options.deny:
        cloud.deny(action)
    for action in options.throttle:
        cloud.throttle(action)
    with contextlib.suppress(KeyboardInterrupt), cloud.serve(options.port) as base_url:
        sys.stdout.write(f"{base_url}\naccess key {ACCESS_KEY_ID}, secret {ACCESS_KEY_SECRET}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
