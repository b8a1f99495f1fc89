"""How much of the processor each check takes on a very large cluster, and on one of a tenth of it: linear is 10."""

from typing import Any

from bench.process import task
from bench.show import Row, ratio, show
from bench.tasks import AFTER

SIZE = (5_000, 100_000, 2_000, 4_000)
TIMES = 10
"""The large cluster is so many times the small one."""
RUNS_OF_SMALL, RUNS_OF_LARGE = 5, 2
"""The fastest of so many runs counts: the others met a busier machine."""
MARGIN = 1.6
"""How much more than in proportion a check may take before it is marked.

Ten times the rows no longer fit the processor's caches, and sorting them takes log(n), together about half as much
again for each; whatever looks at pairs of its subjects takes ten times more than in proportion.
"""
LEAST_SECONDS = 0.05
"""What takes less on the large cluster is told by the clock's noise, and hurts nobody."""
MARK = "not linear"


def main() -> None:
    """Judge both clusters, each in a process of its own."""
    small = task("bench.tasks:judge_all", size=[figure // TIMES for figure in SIZE], times=RUNS_OF_SMALL)
    large = task("bench.tasks:judge_all", size=SIZE, times=RUNS_OF_LARGE)
    rows: list[Row] = [_row(check, small, large) for check in large["taken"]]
    rows.append(("all", "", "", small["all"], large["all"], ratio(large["all"], small["all"]), ""))
    for what, key in (("MiB of the facts", "facts"), ("peak MiB of the process", "peak")):
        rows.append((what, "", "", small[key], large[key], ratio(large[key], small[key]), ""))
    counted = ", ".join(f"{count:,} {what}" for what, count in large["items"].items())
    idle = [check for check, count in large["subjects"].items() if not count and check != AFTER]
    open_ones = [f"{check} ({reasons[0]})" for check, reasons in large["gaps"].items() if reasons]
    note = f"{counted}\nnothing to look at: {', '.join(idle) or 'none'}\ngaps: {', '.join(open_ones) or 'none'}"
    columns = ("", "subjects", "findings", "tenth: s", "whole: s", "ratio", "")
    show("Checks", columns, rows, note)


def _row(check: str, small: dict[str, Any], large: dict[str, Any]) -> Row:
    before, after = small["taken"][check], large["taken"][check]
    subjects = large["subjects"][check]
    is_worse = check != AFTER and after > LEAST_SECONDS and after > MARGIN * TIMES * before
    return (check, subjects, large["findings"][check], before, after, ratio(after, before), MARK if is_worse else "")
