"""How fast Pods are listed, and how much memory they take, beside fetching the same bytes."""

from typing import Any

from bench.process import Servers, task
from bench.show import Row, ratio, show

PATH = "/api/v1/pods"
SIZES = (10_000, 100_000)
PODS_OF_A_NODE = 20
TIMES = 3


def main() -> None:
    """Measure both sizes."""
    rows: list[Row] = []
    tables: list[dict[str, Any]] = []
    for pods in SIZES:
        with Servers(size=[pods // PODS_OF_A_NODE, pods, 0, 0], only=PATH) as servers:
            url = servers.started["kubernetes"]
            fetched = _best("bench.raw:fetch", url=url, paths=[PATH])
            read = task("bench.raw:fetch", url=url, paths=[PATH], decode=True)
            table = _best("bench.tasks:list_pods", url=url)
        base = fetched["seconds"]
        what = f"{table['rows']:,} Pods, {fetched['bytes'] / 2**20:,.0f} MiB: fetched raw"
        for name, taken in ((what, fetched), ("… and read as JSON", read), ("table of Pods", table)):
            rows.append((name, taken["seconds"], taken["cpu"], ratio(taken["seconds"], base), taken["peak"]))
        tables.append(table)
    few, many = tables
    note = (
        f"{many['rows']:,} Pods to {few['rows']:,}: {ratio(many['seconds'], few['seconds'])} the time, "
        f"{ratio(many['peak'], few['peak'])} the memory"
    )
    show("Listing Pods, in pages of 500", ("", "seconds", "of processor", "to raw", "peak MiB"), rows, note)


def _best(function: str, **arguments: object) -> dict[str, Any]:
    """Return the fastest of some runs: the others met a busier machine."""
    return min((task(function, **arguments) for _ in range(TIMES)), key=lambda taken: float(taken["seconds"]))
