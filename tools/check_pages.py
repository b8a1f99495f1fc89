"""The page of one check: what it says of itself, and what its source and the collectors' declarations say of it."""

from collections.abc import Iterator

from auditor.collect.permissions import SECRETS_TABLE, permissions_of, switched_on
from auditor.collect.registry import providers, with_needs
from auditor.facts.catalogue import TABLES
from auditor.facts.ref import Layer
from auditor.judge.check import LoadedCheck
from auditor.judge.context import tables_of
from tools.cause_rows import ROWS, anchor, rows_of
from tools.remedies import Remedies, shown
from tools.sources import Sources

HEADINGS = (
    "What it checks",
    "Why it matters on ACK",
    "Evidence read",
    "Not evaluated when",
    "Known limits",
    "How to fix",
    "Permissions",
    "Since",
)
"""What every page tells, in this order."""
MADE = "<!-- Made by `python -m tools.docs update`; edit the check instead. -->"
SIDES = {Layer.KUBERNETES: "Kubernetes", Layer.CLOUD: "Alibaba Cloud"}
EXAMPLES = "tests/report/golden/checks"
NOT_EVALUATED = (
    "A row that it needs is not known: the call was denied, failed, timed out, or was cut short. "
    "It then says so for just the objects concerned, and names the permission below that is missing."
)


def page(check: LoadedCheck, sources: Sources) -> str:
    """Return the page of a check. Raises Unreadable for a step whose text can't be found in its source."""
    remedies = Remedies(check, sources)
    tables = tables_of(check)
    source = check.module.__name__.replace(".", "/") + ".py"
    sections: dict[str, list[str]] = {
        "What it checks": list(_causes(check)),
        "Why it matters on ACK": [check.why],
        "Evidence read": list(_evidence(tables)),
        "Not evaluated when": list(_not_evaluated(tables, remedies)),
        "Known limits": [f"- {limit}" for limit in check.check.limits] or ["None known."],
        "How to fix": list(_fixes(check, remedies)),
        "Permissions": list(_permissions(tables)),
        "Since": [f"Version {check.check.since}.", *_aliases(check)],
    }
    lines = [f"# {check.id}", "", MADE, "", f"Severity: {check.check.severity}. [Source](../../../{source})."]
    for heading in HEADINGS:
        lines += ["", f"## {heading}", "", *sections[heading]]
    return "\n".join(lines) + "\n"


def _causes(check: LoadedCheck) -> Iterator[str]:
    yield f"{check.title}."
    yield ""
    rows = rows_of(check)
    yield "It looks for these [causes](../../causes.md) of the notes:" if len(rows) > 1 else "It looks for this cause:"
    yield ""
    for row in rows:
        yield f"- [{row}](../../causes.md#{anchor(row)}): {ROWS[row]}"


def _evidence(tables: set[str]) -> Iterator[str]:
    yield "| Fact table | Side | A row is | Read by | Probe |"
    yield "|---|---|---|---|---|"
    known = providers()
    for name in sorted(tables, key=lambda name: (known[name].layer is Layer.CLOUD, name)):
        provider = known[name]
        described = (TABLES[name].__doc__ or "").strip().splitlines()[0].replace("``", "`")
        rights = ", ".join(f"`{right}`" for right in provider.permissions) or "–"
        probe = f"`{provider.probe}`" if provider.probe else "–"
        yield f"| `{name}` | {SIDES[provider.layer]} | {described} | {rights} | {probe} |"
    if further := sorted(with_needs(tables) - tables):
        yield ""
        yield f"To know what to ask for, also {', '.join(f'`{name}`' for name in further)}."


def _not_evaluated(tables: set[str], remedies: Remedies) -> Iterator[str]:
    yield NOT_EVALUATED
    reasons = [f"The probe `{name}` is off, as it is by default." for name in _probes(tables)]
    if SECRETS_TABLE in with_needs(tables):
        reasons.append("`secret_metadata` is off, as it is by default.")
    reasons += [f"Everything was read, and does not decide: {shown(text)}." for text in remedies.undecided()]
    if reasons:
        yield ""
        yield from (f"- {reason}" for reason in reasons)


def _fixes(check: LoadedCheck, remedies: Remedies) -> Iterator[str]:
    example = f"{EXAMPLES}/{check.id.replace('/', '-')}"
    yield "Each finding carries those of these steps that fit it, with the commands filled in for the objects at hand,"
    yield f"as in [this one](../../../{example}.en.md) ([Chinese](../../../{example}.zh.md))."
    yield ""
    for one in remedies.steps():
        yield f"- {shown(one.text)}"
        if one.command and not one.command.startswith("…"):
            yield f"  <br>`{one.command}`"
    if check.check.links:
        yield ""
        yield f"To read further: {', '.join(f'<{link}>' for link in check.check.links)}."


def _permissions(tables: set[str]) -> Iterator[str]:
    always = permissions_of(switched_on(tables, (), secret_metadata=False))
    yield from (f"- `{right}`" for right in always)
    for probe in _probes(tables):
        chosen = permissions_of(switched_on(tables, (probe,), secret_metadata=False))
        yield from (f"- `{right}`, with the probe `{probe}`" for right in chosen if right not in always)
    if SECRETS_TABLE in with_needs(tables):
        yield from (f"- `{right}`, with `secret_metadata`" for right in providers()[SECRETS_TABLE].permissions)
    if not always and not _probes(tables):
        yield "None: it reads only what the auditor knows of its own connection."


def _probes(tables: set[str]) -> list[str]:
    known = providers()
    return sorted({known[name].probe for name in with_needs(tables)} - {""})


def _aliases(check: LoadedCheck) -> list[str]:
    return ["", f"Formerly {', '.join(f'`{alias}`' for alias in check.check.aliases)}."] if check.check.aliases else []
