"""The whole audit of a large cluster as a process, beside fetching the same Kubernetes lists and nothing more."""

import tempfile
from pathlib import Path
from typing import Any

from bench.process import Measured, Servers, task
from bench.run import report_of, run_auditor, run_demo
from bench.show import Row, ratio, show

SIZE = (500, 10_000, 60, 400)
LARGE = tuple(10 * figure for figure in SIZE)
PAGE_SECONDS = 0.05
"""About what an API server takes for a page of 500 Pods, before it sends the first byte."""


def main() -> None:
    """Audit with a server that answers at once, with one that takes its time for each page, and ten times as much."""
    with tempfile.TemporaryDirectory() as folder:
        rows, small = _audit(SIZE, 0.0, Path(folder))
        slow_rows, _ = _audit(SIZE, PAGE_SECONDS, Path(folder))
        large_rows, large = _audit(LARGE, 0.0, Path(folder))
        demo = run_demo(Path(folder))
    note = (
        f"Ten times the cluster: {ratio(large.seconds, small.seconds)} the time, "
        f"{ratio(large.cpu, small.cpu)} of processor, {ratio(large.peak, small.peak)} the memory"
    )
    rows += [*slow_rows, *large_rows, ("auditor run --now --demo", demo.seconds, demo.cpu, "", demo.peak)]
    show("Whole audit", ("", "seconds", "of processor", "to raw", "peak MiB"), rows, note)


def _audit(size: tuple[int, ...], delay: float, folder: Path) -> tuple[list[Row], Measured]:
    with Servers(size=size, list_delay=delay) as servers:
        url, paths = servers.started["kubernetes"], task("bench.tasks:needs")["paths"]
        fetched = task("bench.raw:fetch", url=url, paths=paths)
        read = task("bench.raw:fetch", url=url, paths=paths, decode=True)
        audit = run_auditor(servers, folder)
        calls = sum(servers.calls().values())
        items = servers.started["items"]
    base = fetched["seconds"]
    incomplete = [check["id"] for check in report_of(folder)["checks"] if any(map(_is_gap, check["reasons"]))]
    if incomplete:
        raise RuntimeError(f"{incomplete} could not be evaluated: the figures would be of another audit")
    what = (
        f"{items['/api/v1/nodes']:,} nodes, {items['/api/v1/pods']:,} Pods, {sum(items.values()):,} objects, "
        f"{calls:,} cloud calls, {delay * 1000:.0f} ms a page"
    )
    return [
        (f"{what}:\nlists fetched raw", base, fetched["cpu"], "", fetched["peak"]),
        ("… and read as JSON", read["seconds"], read["cpu"], ratio(read["seconds"], base), read["peak"]),
        (
            "auditor run --now, all checks",
            audit.seconds,
            audit.cpu,
            ratio(audit.seconds, base),
            audit.peak,
        ),
    ], audit


def _is_gap(reason: dict[str, Any]) -> bool:
    return reason["kind"] not in ("switched_off", "undecidable")
