"""What ``auditor diagnose`` prints: a page for a terminal, plain lines elsewhere, or JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text as Line

from auditor.agent.diagnose import Answer, CheckAnswer, ObjectState, RowAnswer, SymptomAnswer
from auditor.facts.text import Text, t
from auditor.judge.causes import Cause
from auditor.judge.error_texts import ADDRESS, Denial
from auditor.judge.outcome import Status
from auditor.report.clean import code_spans, one_line
from auditor.report.formats import Report
from auditor.report.json_report import document
from auditor.report.model import FindingView, GapView, HopView
from auditor.report.words import STATUSES

SCHEMA = "auditor.diagnose/v1"
IN_FULL = 5
"""Findings of one check that are shown with their trail and remedy; further ones get a line."""
LINES = 30
"""Further findings of one check that get a line; the others are counted."""
_OBJECTS = 3
_NEVER_READ = ("User", "ServiceAccount")
"""Findings may be about these, but no table has them."""
_SEVERITIES = {
    "critical": "bold white on red",
    "high": "bold red",
    "medium": "bold yellow",
    "low": "bold blue",
    "info": "dim",
}
_HOPS = {"ok": ("✓", "green"), "broken": ("✗", "bold red"), "unknown": ("?", "yellow")}
_STATUSES = {
    Status.FOUND: "bold red",
    Status.NOT_EVALUATED: "bold yellow",
    Status.PASSED: "green",
    Status.NOT_APPLICABLE: "dim",
}


def print_page(answer: Answer, language: str, console: Console) -> None:
    """Print the answer: what was checked and found, what is by design, what could not be looked at."""
    _Page(answer, Report(answer.outcome, language), console).print()


def as_json(answer: Answer, language: str) -> dict[str, Any]:
    """Return the answer for programs. Checks and findings have the form that they have in ``report.json``."""
    report = Report(answer.outcome, language)
    said = document(answer.outcome, report.translate)
    findings = {one["fingerprint"]: one for one in said["findings"]}
    checks = {one["id"]: one for one in said["checks"]}

    def of_check(check: CheckAnswer) -> dict[str, Any]:
        return {
            **checks[check.result.id],
            "findings": [findings[one.fingerprint] for one in check.findings],
            "findings_on_others": len(check.others),
        }

    def of_row(row: RowAnswer) -> dict[str, Any]:
        by_design = row.cause.by_design
        return {
            "cause": row.cause.id,
            "title": row.cause.title.render(report.translate),
            "by_design": by_design.render(report.translate) if by_design else None,
            "checks": [of_check(check) for check in row.checks],
        }

    return {
        "schema": SCHEMA,
        "run": said["run"],
        "complete": answer.is_complete,
        "error": _error_as_json(answer, report),
        "objects": [_object_as_json(state) for state in answer.objects],
        "symptoms": [
            {
                "id": one.symptom.id,
                "title": one.symptom.title.render(report.translate),
                "rows": [of_row(row) for row in one.rows],
            }
            for one in answer.symptoms
        ],
    }


@dataclass(frozen=True)
class _Page:
    """The page, as it is printed."""

    answer: Answer
    report: Report
    console: Console

    def print(self) -> None:
        """Print all parts."""
        self._head()
        self._error()
        self._objects()
        shown: set[str] = set()
        for symptom in self.answer.symptoms:
            self._symptom(symptom, shown)
        self._by_design()
        self._gaps()

    def _head(self) -> None:
        run = self.report.view.run
        where = "  ".join(part for part in (run.region, run.cluster_id, run.observed.local) if part)
        self._line(Line.assemble((run.cluster, "bold"), "  ", (where, "dim")))
        self._line(Line())

    def _error(self) -> None:
        reading = self.answer.inquiry.reading
        if reading is None:
            return
        self._heading(t("What the text says"))
        for pattern in reading.patterns:
            source = self._say(t("known as {id}; from: {source}", id=pattern.id, source=pattern.source))
            self._line(Line.assemble(self._say(pattern.means), (f"  ({source})", "dim")), 2)
        if denial := reading.denial:
            self._line(Line(self._say(_denied(denial))), 2)
            if denial.right is None:
                self._line(Line(self._say(t("A path is not asked for here: only rights on resources are."))), 2)
            elif not any(identity.groups for identity in self.answer.outcome.cluster.identities):
                text = t(
                    "The text does not tell the groups of the user. If a binding is for a group, name it under "
                    "[[clusters.identities]], so that it counts."
                )
                self._line(Line(self._say(text), style="dim"), 2)
        self._line(Line())

    def _objects(self) -> None:
        states = [state for state in self.answer.objects if state.object.kind not in _NEVER_READ]
        if not states:
            return
        self._heading(t("Objects"))
        for state in states:
            self._line(self._object(state), 2)
        if self.answer.touches_none and self.answer.outcome.findings:
            self._line(Line(self._say(t("No finding touches them, so all are shown.")), style="yellow"), 2)
        self._line(Line())

    def _object(self, state: ObjectState) -> Line:
        name = one_line(state.object.path)
        if state.found:
            kinds = [f"{ref.kind} {ref.path}" for ref in state.found]
            return Line.assemble(("✓ ", "green"), self._say(t("{object} is among what was read", object=kinds)))
        kind = "" if state.object.kind == ADDRESS else f"{state.object.kind} "
        if not self.answer.kinds:
            text = t("{object}: nothing was read among which it could be", object=f"{kind}{name}".strip())
        elif state.is_certain:
            text = t(
                "{object} is not among what these checks read: {kinds}",
                object=f"{kind}{name}".strip(),
                kinds=", ".join(self.answer.kinds),
            )
        else:
            text = t("{object} is not among what could be read; not everything could", object=f"{kind}{name}".strip())
        return Line.assemble(("? ", "yellow"), self._say(text))

    def _symptom(self, answer: SymptomAnswer, shown: set[str]) -> None:
        symptom = answer.symptom
        title = Line.assemble((self._say(symptom.title), "bold underline"), (f"  {symptom.id}", "dim"))
        self._line(title)
        for row in answer.rows:
            self._line(Line.assemble((f"{row.cause.id:<4}", "bold cyan"), (self._say(row.cause.title), "bold")), 2)
            if not row.checks:
                self._line(Line(self._say(t("No check looks for this.")), style="yellow"), 6)
            for check in row.checks:
                self._check(check, shown)
        self._line(Line())

    def _check(self, check: CheckAnswer, shown: set[str]) -> None:
        result = check.result
        status = Status.PASSED if result.status is Status.FOUND and not check.findings else result.status
        if status is Status.PASSED and result.reasons:
            status = Status.NOT_EVALUATED
        if result.id in shown:
            self._line(Line.assemble(result.id, (f"  {self._say(t('see above'))}", "dim")), 6)
            return
        shown.add(result.id)
        # Who has passed is not known by name, so of what was named no more is said than that nothing was found.
        is_narrowed = status is Status.PASSED and (self.answer.inquiry.wanted is not None or bool(check.others))
        label = t("found nothing on what was named") if is_narrowed else STATUSES[status]
        head = Line.assemble(
            (self._say(label), _STATUSES[status]),
            "  ",
            result.id,
            (f"  {self._counted(check)}", "dim"),
        )
        self._line(head, 6)
        views = [view for view in self._findings() if view.check == result.id]
        for view in views[:IN_FULL]:
            self._finding(view)
        for view in views[IN_FULL : IN_FULL + LINES]:
            self._line(_in_a_line(view), 8, 2)
        if len(views) > IN_FULL + LINES:
            more = t("And {count} more: `auditor run` lists them.", count=len(views) - IN_FULL - LINES)
            self._line(Line(self._say(more), style="italic"), 8)
        if check.others:
            names = [str(finding.subject) for finding in check.others[:_OBJECTS]]
            text = t("On other objects: {count} ({objects})", count=len(check.others), objects=names)
            if len(check.others) > _OBJECTS:
                text = t("On other objects: {count} ({objects} and more)", count=len(check.others), objects=names)
            self._line(Line(self._say(text), style="dim"), 8)

    def _counted(self, check: CheckAnswer) -> str:
        parts = [t("{count} judged", count=check.result.subjects)]
        if check.findings:
            parts.append(t("{count} found", count=len(check.findings)))
        if check.result.unseen:
            parts.append(t("{count} not judged", count=len(check.result.unseen)))
        return ", ".join(self._say(part) for part in parts)

    def _findings(self) -> Iterator[FindingView]:
        view = self.report.view
        for group in view.groups:
            yield from group.findings
        yield from view.suppressed

    def _finding(self, view: FindingView) -> None:
        self._line(_in_a_line(view), 8, 2)
        if view.suppression:
            text = t(
                "suppressed until {date} by {owner}: {reason}",
                date=view.suppression.expires,
                owner=view.suppression.owner,
                reason=view.suppression.reason,
            )
            self._line(Line(self._say(text), style="dim"), 10)
        for hop in view.trail:
            self._line(_hop(hop), 10, 2)
        for number, step in enumerate(view.remedy, 1):
            self._line(Line(f"{number}. {_plain(step.text)}"), 10, 3)
            if step.command:
                self._command(step.command, 13)

    def _by_design(self) -> None:
        causes: dict[str, Cause] = {cause.id: cause for one in self.answer.inquiry.symptoms for cause in one.by_design}
        if not causes:
            return
        self._heading(t("By design"))
        for cause in causes.values():
            if cause.by_design:
                self._line(Line.assemble((f"{cause.id:<4}", "bold cyan"), self._say(cause.by_design)), 2, 4)
        self._line(Line())

    def _gaps(self) -> None:
        view = self.report.view
        if not view.gaps and not view.switched_off:
            return
        self._heading(t("What could not be looked at"))
        for gap in (*view.gaps, *view.switched_off):
            self._gap(gap)
        self._line(Line())

    def _gap(self, gap: GapView) -> None:
        what = ", ".join(gap.missing) or "; ".join(gap.messages.shown)
        touches = self._say(t("touches {checks}", checks=[check.id for check in gap.checks]))
        self._line(Line.assemble((gap.source, "yellow"), f"  {gap.kind.label}: {what} ", (f"({touches})", "dim")), 2, 2)
        self._line(Line.assemble((gap.advice, "dim"), (f" {gap.command}" if gap.command else "", "cyan")), 4)

    def _say(self, text: Text) -> str:
        return one_line(text.render(self.report.translate))

    def _heading(self, text: Text) -> None:
        self._line(Line(self._say(text), style="bold underline"))

    def _command(self, command: str, indent: int) -> None:
        """Print a command in one piece, so that it can be copied."""
        line = Line(" " * indent) + Line(f"$ {command}", style="cyan")
        self.console.print(_encodable(line, self.console), soft_wrap=True, highlight=False)

    def _line(self, line: Line, indent: int = 0, hang: int = 0) -> None:
        """Print a line: on a terminal folded to its width under its own beginning, elsewhere as it is."""
        shown = _encodable(line, self.console)
        if not self.console.is_terminal:
            self.console.print(Line(" " * indent) + shown, soft_wrap=True, highlight=False)
            return
        pieces = shown.wrap(self.console, max(self.console.width - indent - hang, 20), overflow="fold")
        for number, piece in enumerate(pieces):
            self.console.print(
                Padding(piece, (0, 0, 0, indent + (hang if number else 0))), highlight=False, no_wrap=True
            )


def _in_a_line(view: FindingView) -> Line:
    return Line.assemble(
        (view.severity.label, _SEVERITIES[view.severity.key]),
        "  ",
        (view.subject.label, "bold"),
        f": {_plain(view.message)} ",
        (f"({view.certainty.label})", "dim"),
    )


def _hop(hop: HopView) -> Line:
    sign, style = _HOPS[hop.state.key]
    detail = f": {_plain(hop.detail)}" if hop.detail else ""
    return Line.assemble((f"{sign} ", style), (hop.object.label, "bold" if hop.state.key == "broken" else ""), detail)


def _plain(text: str) -> str:
    """Return a text without the marks of its code."""
    return "".join(part for part, _ in code_spans(text))


def _denied(denial: Denial) -> Text:
    if denial.right is None:
        return t("{user} was denied the path {path}", user=denial.user, path=denial.path)
    right = denial.right
    resource = f"{right.resource}.{right.group}" if right.group else right.resource
    if right.namespace:
        return t(
            "{user} was denied to {verb} {resource} in the namespace {namespace}",
            user=denial.user,
            verb=right.verbs[0],
            resource=resource,
            namespace=right.namespace,
        )
    return t(
        "{user} was denied to {verb} {resource} in all namespaces, or of the cluster",
        user=denial.user,
        verb=right.verbs[0],
        resource=resource,
    )


def _encodable(line: Line, console: Console) -> Line:
    """Write out what the console's encoding lacks, instead of failing on it."""
    plain = line.plain.encode(console.encoding, "backslashreplace").decode(console.encoding)
    return line if plain == line.plain else Line(plain, style=line.style)


def _error_as_json(answer: Answer, report: Report) -> dict[str, Any] | None:
    reading = answer.inquiry.reading
    if reading is None:
        return None
    denial = reading.denial
    right = denial.right if denial else None
    return {
        "patterns": [
            {"id": one.id, "means": one.means.render(report.translate), "source": one.source}
            for one in reading.patterns
        ],
        "denied": denial
        and {
            "user": denial.user,
            "verb": right.verbs[0] if right else "get",
            "resource": right.resource if right else "",
            "group": right.group if right else "",
            "namespace": right.namespace if right else "",
            "path": denial.path,
        },
    }


def _object_as_json(state: ObjectState) -> dict[str, Any]:
    return {
        "kind": state.object.kind,
        "namespace": state.object.namespace,
        "name": state.object.name,
        "found": [{"layer": r.layer.value, "kind": r.kind, "name": r.path, "id": r.id} for r in state.found],
        "certain": state.is_certain,
    }
