"""How long each check takes on a very large cluster, and on one of half the size: linear is 2."""

from bench.process import task
from bench.show import Row, ratio, show

SIZE = (5_000, 100_000, 2_000, 4_000)


def main() -> None:
    """Judge both clusters, each in a process of its own."""
    half = task("bench.tasks:judge_all", size=[figure // 2 for figure in SIZE])
    full = task("bench.tasks:judge_all", size=SIZE)
    rows: list[Row] = [
        (check, full["subjects"][check], half["taken"][check], taken, ratio(taken, half["taken"][check]))
        for check, taken in full["taken"].items()
    ]
    rows.append(("all", "", half["all"], full["all"], ratio(full["all"], half["all"])))
    rows.append(("peak MiB of the process", "", half["peak"], full["peak"], ratio(full["peak"], half["peak"])))
    counted = ", ".join(f"{count:,} {what}" for what, count in full["items"].items())
    show("Checks", ("", "subjects", "half: seconds", "full: seconds", "full to half"), rows, counted)
