"""What ``auditor doctor`` prints: a page for a terminal, plain lines elsewhere, or JSON."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text as Line

from auditor.agent.doctor import Diagnosis, SideState
from auditor.agent.granted import Grant, Permission
from auditor.agent.outbox_state import OutboxState
from auditor.collect.alibaba.environment import Variable, variables_that_count
from auditor.facts.ref import Layer
from auditor.facts.table import Reason
from auditor.ledger.records import Delivery
from auditor.report.clean import one_line

SCHEMA = "auditor.doctor/v1"
_SIDES = {Layer.KUBERNETES: "Kubernetes API", Layer.CLOUD: "Alibaba Cloud API"}
_GRANTS = {
    Grant.MISSING: ("missing", "bold red"),
    Grant.NOT_TOLD: ("not told", "bold yellow"),
    Grant.OK: ("ok", "green"),
    Grant.NOT_NEEDED: ("not needed now", "dim"),
}
"""The words for what is known of a permission, the worst first."""
_DELIVERIES = 10
"""Deliveries that are listed before the rest is counted."""
_ORDER = list(_GRANTS)
_IDENTITY = ("arn", "type", "account", "user", "context", "kubeconfig", "credentials")

_Row = tuple[tuple[str, str], ...]
"""Cells of one row, each with its style."""


def print_page(
    diagnoses: Sequence[Diagnosis], problems: Sequence[str], console: Console, outbox: OutboxState | None = None
) -> None:
    """Print what was found; ``problems`` and ``outbox`` concern all clusters."""
    if problems:
        _rows(console, "For all clusters", [(("wrong", "bold red"), (problem, "")) for problem in problems])
    for diagnosis in diagnoses:
        _print_cluster(diagnosis, console)
    if outbox and not outbox.problem:
        _rows(console, "Ledger and deliveries", list(_outbox_rows(outbox)))


def _outbox_rows(outbox: OutboxState) -> Iterator[_Row]:
    if not outbox.name:
        yield (("ok", "green"), ("there is no ledger yet: it is made when the first run is recorded", ""))
        return
    last = f", last run {outbox.last_run:%Y-%m-%d %H:%M}Z" if outbox.last_run else ", no run yet"
    yield (("ok", "green"), (f"{outbox.name}{last}; {outbox.owed} deliveries owed", ""))
    for word, style, deliveries in (("late", "bold yellow", outbox.late), ("given up", "bold red", outbox.dead)):
        for delivery in deliveries[:_DELIVERIES]:
            what = (
                f"{delivery.channel}: {delivery.kind} of {delivery.created_at:%Y-%m-%d %H:%M}Z: {delivery.last_error}"
            )
            yield ((word, style), (what, ""))
        if len(deliveries) > _DELIVERIES:
            yield ((word, style), (f"and {len(deliveries) - _DELIVERIES} more: `auditor deliver list`", ""))


def as_json(
    diagnoses: Sequence[Diagnosis], problems: Sequence[str], outbox: OutboxState | None = None
) -> dict[str, Any]:
    """Return what was found, for programs."""
    return {
        "schema": SCHEMA,
        "problems": list(problems),
        "clusters": [_cluster_as_json(diagnosis) for diagnosis in diagnoses],
        "ledger": None if outbox is None else _outbox_as_json(outbox),
    }


def _print_cluster(diagnosis: Diagnosis, console: Console) -> None:
    cluster = diagnosis.cluster
    _print(console, Line.assemble((f"{cluster.name}  ", "bold"), (f"{cluster.region}  {cluster.cluster_id}", "dim")))
    _print(console, _verdict(diagnosis))
    _print(console, Line())
    if diagnosis.problems:
        _rows(console, "Configuration", [(("wrong", "bold red"), (problem, "")) for problem in diagnosis.problems])
    _rows(console, "Sides", [row for side in diagnosis.sides for row in _side_rows(side)])
    _rows(console, "Environment", [_variable_row(variable) for variable in _variables(diagnosis)])
    for layer, name in _SIDES.items():
        shown = [one for one in diagnosis.permissions if one.layer is layer]
        shown.sort(key=lambda one: (_ORDER.index(one.grant), one.source, one.name))
        _rows(console, f"Permissions: {name} ({_counted(shown)})", [_permission_row(one) for one in shown])
    others = [((one.reason.source, "yellow"), _why(one.reason)) for one in diagnosis.unread]
    _rows(console, "What else could not be read", others)
    _print_grants(diagnosis, console)


def _outbox_as_json(outbox: OutboxState) -> dict[str, Any]:
    def listed(deliveries: Sequence[Delivery]) -> list[dict[str, str]]:
        return [
            {"key": one.key, "channel": one.channel, "kind": one.kind, "error": one.last_error} for one in deliveries
        ]

    return {
        "name": outbox.name,
        "problem": outbox.problem,
        "owed": outbox.owed,
        "late": listed(outbox.late),
        "dead": listed(outbox.dead),
    }


def _verdict(diagnosis: Diagnosis) -> Line:
    if diagnosis.is_whole:
        return Line("Everything that the checks need can be read.", style="bold green")
    if not diagnosis.is_usable:
        why = "the configuration is wrong" if diagnosis.problems else "neither side can be read"
        return Line(f"No audit is possible: {why}.", style="bold red")
    missing = sum(one.grant is Grant.MISSING for one in diagnosis.permissions)
    what = f"{missing} permissions are missing" if missing > 1 else "a permission is missing"
    return Line(f"An audit would be incomplete: {what if missing else 'not all could be read'}.", style="bold yellow")


def _side_rows(side: SideState) -> Iterator[_Row]:
    state = ("unreadable", "bold red") if side.reason else ("readable", "green")
    latency = "" if side.seconds is None else f"  {side.seconds * 1000:.0f} ms"
    yield (_SIDES[side.layer], "bold"), state, (f"{side.endpoint}{latency}", "")
    if side.reason:
        yield ("", ""), ("why", "dim"), _why(side.reason)
    if side.reason and any(right.startswith("sts:AssumeRole") for right in side.reason.missing):
        yield ("", ""), ("hint", "dim"), ("the trust policy of the role must name who takes it on, too", "")
    for name in _IDENTITY:
        if side.identity.get(name):
            yield ("", ""), (name, "dim"), (side.identity[name], "")
    if side.has_wrong_clock and side.seconds_ahead is not None:
        yield ("", ""), ("clock", "bold yellow"), (_clock(side.seconds_ahead), "")


def _clock(seconds_ahead: float) -> str:
    way = "behind" if seconds_ahead > 0 else "ahead of"
    return (
        f"this machine's clock is {abs(seconds_ahead):.0f} s {way} the server's; from 900 s on the cloud refuses every "
        "signature: set it, or let NTP do so"
    )


def _variable_row(variable: Variable) -> _Row:
    return (variable.name, "bold yellow" if variable.is_overriding else ""), (variable.effect, "dim")


def _permission_row(permission: Permission) -> _Row:
    word, style = _GRANTS[permission.grant]
    return (word, style), (permission.name, ""), (_said_of(permission), "dim")


def _said_of(permission: Permission) -> str:
    match permission.grant:
        case Grant.OK:
            return f"{permission.calls} call{'s' if permission.calls > 1 else ''} answered"
        case Grant.NOT_NEEDED:
            return "there was nothing to ask"
        case Grant.MISSING if permission.calls > permission.denied > 0:
            return f"{permission.denied} of {permission.calls} calls denied; {_words(permission.reason)}"
        case Grant.NOT_TOLD if permission.reason and not permission.calls:
            first = f"{', '.join(permission.reason.missing)} is missing" if permission.reason.missing else ""
            return f"not asked: {first or permission.reason.message}"
        case _:
            return _words(permission.reason)


def _words(reason: Reason | None) -> str:
    return "" if reason is None else str(reason.message)


def _why(reason: Reason) -> tuple[str, str]:
    return f"{reason.kind}: {reason.message}", ""


def _counted(permissions: Sequence[Permission]) -> str:
    counts = Counter(one.grant for one in permissions)
    return ", ".join(f"{counts[grant]} {word}" for grant, (word, _) in _GRANTS.items() if counts[grant]) or "none"


def _print_grants(diagnosis: Diagnosis, console: Console) -> None:
    if any(one.grant is Grant.NOT_TOLD and not one.calls for one in diagnosis.permissions):
        _print(console, Line("What was not asked is told once the rest can be read: run this again then."))
        _print(console, Line())
    if diagnosis.ram_policy:
        arn = next((side.identity["arn"] for side in diagnosis.sides if "arn" in side.identity), "")
        _print(console, Line("RAM policy to attach to the auditor's identity", style="bold underline"))
        if arn:
            _print(console, Line(one_line(arn), style="dim"))
        _print(console, Line(json.dumps(diagnosis.ram_policy, indent=2)))
        _print(console, Line())
    if diagnosis.rbac_rules:
        import yaml

        _print(console, Line("Rules to add to the auditor's ClusterRole", style="bold underline"))
        _print(console, Line(yaml.safe_dump({"rules": diagnosis.rbac_rules}, sort_keys=False).rstrip()))
        _print(console, Line())


def _rows(console: Console, heading: str, rows: Sequence[Sequence[tuple[str, str]]]) -> None:
    """Print rows under a heading: folded to a terminal's width, elsewhere one line each, for ``grep``."""
    if not rows:
        return
    _print(console, Line(one_line(heading), style="bold underline"))
    cells = [[Line(one_line(text), style=style) for text, style in row] for row in rows]
    if console.is_terminal:
        grid = Table.grid(padding=(0, 2, 0, 0))
        widths = [max(row[column].cell_len for row in cells) for column in range(len(cells[0]))]
        for width in widths[:-1]:
            grid.add_column(min_width=min(width, console.width // 2), overflow="fold")
        grid.add_column(overflow="fold")
        for row in cells:
            grid.add_row(*row)
        console.print(Padding(grid, (0, 0, 0, 2)), highlight=False)
    else:
        for row in cells:
            _print(console, Line("  ").join(cell for cell in row if cell.plain))
    _print(console, Line())


def _print(console: Console, line: Line) -> None:
    console.print(line, soft_wrap=True, highlight=False)


def _variables(diagnosis: Diagnosis) -> list[Variable]:
    return variables_that_count(diagnosis.cluster.alibaba.credentials.kind)


def _cluster_as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    cluster = diagnosis.cluster
    return {
        "cluster": cluster.name,
        "cluster_id": cluster.cluster_id,
        "region": cluster.region,
        "usable": diagnosis.is_usable,
        "whole": diagnosis.is_whole,
        "problems": diagnosis.problems,
        "sides": [_side_as_json(side) for side in diagnosis.sides],
        "environment": [
            {"name": one.name, "effect": one.effect, "overriding": one.is_overriding} for one in _variables(diagnosis)
        ],
        "permissions": [_permission_as_json(one) for one in diagnosis.permissions],
        "unread": [{"table": one.table, **_reason_as_json(one.reason)} for one in diagnosis.unread],
        "grant": {"ram": diagnosis.ram_policy, "rbac": diagnosis.rbac_rules or None},
    }


def _side_as_json(side: SideState) -> dict[str, Any]:
    return {
        "layer": side.layer.value,
        "readable": side.reason is None,
        "endpoint": side.endpoint,
        "identity": side.identity,
        "seconds": None if side.seconds is None else round(side.seconds, 3),
        "clock_ahead_seconds": side.seconds_ahead,
        "reason": _reason_as_json(side.reason) if side.reason else None,
    }


def _permission_as_json(permission: Permission) -> dict[str, Any]:
    return {
        "name": permission.name,
        "layer": permission.layer.value,
        "source": permission.source,
        "grant": permission.grant.value,
        "tables": list(permission.tables),
        "calls": permission.calls,
        "denied": permission.denied,
        "reason": _reason_as_json(permission.reason) if permission.reason else None,
    }


def _reason_as_json(reason: Reason) -> dict[str, Any]:
    return {
        "source": reason.source,
        "kind": reason.kind.value,
        "message": str(reason.message),
        "missing": list(reason.missing),
    }
