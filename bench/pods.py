"""How fast Pods are listed, and how much memory they take, beside fetching the same bytes."""

import json
import tempfile
from pathlib import Path
from typing import Any

from bench.process import Servers, stopwatch, task
from bench.raw import fetch
from bench.show import ratio, show

PATH = "/api/v1/pods"
SIZES = (10_000, 100_000)
PODS_OF_A_NODE = 20


def main() -> None:
    """Measure both sizes."""
    rows: list[tuple[str | float | int, ...]] = []
    seconds: list[float] = []
    peaks: list[float] = []
    for pods in SIZES:
        with Servers(size=[pods // PODS_OF_A_NODE, pods, 0, 0], only=PATH) as servers:
            url = servers.started["kubernetes"]
            # Twice each, the better counts: the first may find the machine busy.
            raw = _better("fetch_raw", url)
            listed = _better("list_pods", url)
        base = raw["seconds"]
        size = f"{raw['bytes'] / 2**20:,.0f}"
        rows += [
            ("fetched raw", servers.started["items"][PATH], size, base, raw["cpu"], "", raw["peak"]),
            ("table `pods`", listed["rows"], size, listed["seconds"], listed["cpu"], ratio(listed["seconds"], base),
             listed["peak"]),
        ]
        seconds.append(listed["seconds"])
        peaks.append(listed["peak"])
    columns = ("", "Pods", "MiB sent", "seconds", "of processor", "to raw", "peak MiB")
    note = (
        f"{SIZES[-1]:,} to {SIZES[0]:,} Pods: {ratio(seconds[1], seconds[0])} the time, "
        f"{ratio(peaks[1], peaks[0])} the memory"
    )
    show("Pods, in pages of 500", columns, rows, note)


def fetch_raw(url: str) -> dict[str, Any]:
    """Fetch the list."""
    return fetch(url, [PATH])


def list_pods(url: str) -> dict[str, Any]:
    """Fill the table of Pods as an audit does. Returns ``seconds``, ``cpu`` and the number of ``rows``."""
    from auditor.collect.kubernetes.client import open_client
    from auditor.collect.plan import collect
    from auditor.facts.landscape import ClusterIdentity
    from auditor.facts.ref import Layer

    with tempfile.TemporaryDirectory() as folder, open_client(kubeconfig=kubeconfig(Path(folder), url)) as client:
        with stopwatch() as taken:
            landscape = collect(["pods"], {Layer.KUBERNETES: client}, ClusterIdentity("bench"))
        return {**taken, "rows": len(landscape.table("pods").all())}


def kubeconfig(folder: Path, url: str) -> Path:
    """Write a kubeconfig for a server that asks nobody who they are."""
    document = {
        "current-context": "bench",
        "clusters": [{"name": "bench", "cluster": {"server": url}}],
        "users": [{"name": "bench", "user": {"token": "bench"}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _better(function: str, url: str) -> dict[str, Any]:
    return min((task(f"bench.pods:{function}", url=url) for _ in range(2)), key=lambda taken: taken["seconds"])
