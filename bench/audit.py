"""The whole audit of a large cluster as a process, beside fetching the same Kubernetes lists and nothing more."""

import tempfile
from pathlib import Path

from bench.landscapes import audited_paths, report_of, run_auditor
from bench.process import Measured, Servers, task
from bench.show import ratio, show

SIZE = (500, 10_000, 60, 400)
PAGE_SECONDS = 0.05
"""About what an API server takes for a page of 500 Pods, before it sends the first byte."""


def main() -> None:
    """Audit with servers that answer at once, and with an API server that takes its time for each page."""
    rows: list[tuple[str | float | int, ...]] = []
    with tempfile.TemporaryDirectory() as folder:
        for delay in (0.0, PAGE_SECONDS):
            with Servers(size=SIZE, list_delay=delay) as servers:
                url, paths = servers.started["kubernetes"], audited_paths()
                fetched = task("bench.raw:fetch", url=url, paths=paths)
                read = task("bench.raw:fetch", url=url, paths=paths, decode=True)
                taken = run_auditor(servers, Path(folder))
            base = fetched["seconds"]
            rows += [
                (f"lists fetched raw, {delay * 1000:.0f} ms a page", base, fetched["cpu"], "", fetched["peak"]),
                ("… and read as JSON", read["seconds"], read["cpu"], ratio(read["seconds"], base), read["peak"]),
                ("auditor run --now, all checks", taken.seconds, taken.cpu, ratio(taken.seconds, base), taken.peak),
            ]
        rows.append(_demo(Path(folder)))
        report = report_of(Path(folder))
    items = servers.started["items"]
    counted = ", ".join(f"{count:,} {path.rpartition('/')[2]}" for path, count in items.items())
    found = ", ".join(f"{count} {status}" for status, count in report["summary"]["checks"].items())
    columns = ("", "seconds", "of processor", "to raw", "peak MiB")
    show("Whole audit", columns, rows, f"{counted}.\nChecks: {found}")


def _demo(folder: Path) -> tuple[str, float, float, str, float]:
    demo: Measured = run_auditor(None, folder / "demo")
    return ("auditor run --now --demo", demo.seconds, demo.cpu, "", demo.peak)
