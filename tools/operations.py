"""The page of all calls that the auditor makes, as they are made to the fakes: no list is kept by hand."""

from collections.abc import Iterable, Iterator

from auditor.collect.registry import providers
from tests.calls import CloudCall, KubernetesCall, calls
from tests.fakes.cloud.products import PRODUCTS

MADE = "<!-- Made by `python -m tools.docs update`, from the calls that the collectors make; edit those instead. -->"
BEFORE = "before each audit"


def page() -> str:
    """Return the page."""
    made = calls()
    lines = [
        "# Operations",
        "",
        MADE,
        "",
        "Every call that the auditor makes, what it has to be granted for it, and which fact table it fills. All only",
        "read. A call is made only if a chosen check needs its table, and if there is something to ask for.",
        "",
        "Paging is by the parameter named; where there is none, the answer comes in one piece. The tests run every",
        "call against a fake cloud and a fake cluster; a call that these don't know is marked.",
        "",
        "## Alibaba Cloud",
        "",
    ]
    for product in sorted({call.product for call in made.cloud}):
        lines += [f"### {product}", "", *_cloud_table(call for call in made.cloud if call.product == product), ""]
    return "\n".join([*lines, "## Kubernetes", "", *_kubernetes_table(made.kubernetes)]) + "\n"


def _cloud_table(made: Iterable[CloudCall]) -> Iterator[str]:
    yield "| Operation | API version | RAM action | Fills | Paging | Fake |"
    yield "|---|---|---|---|---|---|"
    merged: dict[tuple[str, ...], set[str]] = {}
    for call in made:
        operation = f"`{call.action}`" + (f"<br>`GET {call.path}`" if call.path else "")
        paging = f"`{call.paging}`" if call.paging else "–"
        fake = "yes" if call.action in PRODUCTS[call.product].served(call.version) else "**no**"
        row = (operation, call.version, f"`{call.permission}`", paging, fake)
        merged.setdefault(row, set()).add(_filled(call.table))
    for (operation, version, permission, paging, fake), tables in sorted(merged.items()):
        yield f"| {operation} | {version} | {permission} | {', '.join(sorted(tables))} | {paging} | {fake} |"


def _kubernetes_table(made: Iterable[KubernetesCall]) -> Iterator[str]:
    yield "| Path | Permission | Fills | Probe |"
    yield "|---|---|---|---|"
    known = providers()
    merged: dict[tuple[str, ...], set[str]] = {}
    for call in made:
        probe = known[call.table].probe if call.table else ""
        row = (
            f"`{call.method} {call.path}`",
            f"`{call.permission}`" if call.permission else "–",
            f"`{probe}`" if probe else "–",
        )
        merged.setdefault(row, set()).add(_filled(call.table))
    for (path, permission, probe), tables in sorted(merged.items()):
        yield f"| {path} | {permission} | {', '.join(sorted(tables))} | {probe} |"


def _filled(table: str) -> str:
    return f"`{table}`" if table else BEFORE
