"""Run the fake API server: ``python -m tests.fakes.kubernetes --port 8001 --kubeconfig FILE``."""

import argparse
import signal
import sys
from pathlib import Path

from tests.fakes.kubernetes.cluster import FakeKubernetes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.kubernetes")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="written at the start")
    options = parser.parse_args()
    signals = {signal.SIGTERM, signal.SIGINT}
    # Blocked before any thread starts, so that none but the wait below gets them.
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    with FakeKubernetes.recorded(options.port) as cluster:
        cluster.write_kubeconfig(options.kubeconfig)
        sys.stdout.write(f"{cluster.url}\n")
        sys.stdout.flush()
        signal.sigwait(signals)


if __name__ == "__main__":
    main()
