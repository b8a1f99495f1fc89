"""How fast the command answers: ``auditor --help`` beside an interpreter that does nothing."""

from statistics import median

from bench.process import whole
from bench.show import ratio, show

TIMES = 7


def main() -> None:
    """Run each in turn, so that both meet the same moments of the machine."""
    commands = {"python -c pass": ["-c", "pass"], "auditor --help": ["-m", "auditor", "--help"]}
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(TIMES):
        for name, arguments in commands.items():
            taken[name].append(whole(arguments).seconds)
    medians = {name: median(seconds) for name, seconds in taken.items()}
    base = medians["python -c pass"]
    rows = [(name, seconds, ratio(seconds, base)) for name, seconds in medians.items()]
    show(f"Start, median of {TIMES}", ("command", "seconds", "to doing nothing"), rows)
