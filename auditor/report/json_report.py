"""The JSON format: the interface to other programs, version 1.

Keys are only ever added. Strings are data as it was read; what a terminal or an editor would act upon stands
escaped in the file. Texts are in the language of the report, all names and states are fixed.
"""

import json
import math
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from auditor import __version__
from auditor.facts.landscape import SourceLog
from auditor.facts.ref import Ref
from auditor.facts.table import Reason, ReasonKind
from auditor.judge.outcome import CheckResult, Outcome, ReportedFinding, SuppressionState
from auditor.judge.verdicts import Evidence, Hop, Step
from auditor.report.formats import Report
from auditor.report.speaker import utc
from auditor.report.summary import count_lifecycles, count_severities, count_statuses

SCHEMA = "auditor.report/v1"

_Translate = Callable[[str], str]
_Json = dict[str, Any]

# json.dumps escapes C0. These are left by it, and are hidden, turn the direction of writing, or fit in no file.
_LEFT_BY_JSON = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ud800-\udfff\ufeff]")


def render(report: Report) -> bytes:
    """Return the report as JSON in UTF-8."""
    return (written(document(report.outcome, report.translate)) + "\n").encode()


def written(data: _Json) -> str:
    """Return plain data as JSON, in which nothing stands that a terminal or an editor would act upon."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, indent=2)
    return _LEFT_BY_JSON.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def document(outcome: Outcome, translate: _Translate) -> _Json:
    """Return the report as plain data."""
    return {
        "schema": SCHEMA,
        "auditor": {"version": __version__},
        "run": run_data(outcome),
        "summary": summary_data(outcome),
        "checks": [_check(check, translate) for check in outcome.checks],
        "findings": [finding_data(finding, translate) for finding in outcome.findings],
        "resolved": [finding_data(finding, translate) for finding in outcome.resolved],
        "collection": [_source(log, translate) for log in outcome.collection],
        "suppressions": [_suppression(state, translate) for state in outcome.suppressions],
        "undelivered": [
            {
                "key": one.key,
                "channel": one.channel,
                "kind": one.kind,
                "given_up_at": utc(one.given_up_at),
                "error": one.error,
            }
            for one in outcome.undelivered
        ],
    }


def run_data(outcome: Outcome) -> _Json:
    """Return the ``run`` of a report."""
    return {
        "id": outcome.run_id,
        "cluster": outcome.cluster.name,
        "cluster_id": outcome.cluster.cluster_id,
        "region": outcome.cluster.region,
        "trigger": outcome.trigger,
        "observed_at": utc(outcome.observed_at),
        "started_at": utc(outcome.started_at),
        "finished_at": utc(outcome.finished_at),
        "complete": outcome.is_complete,
    }


def summary_data(outcome: Outcome) -> _Json:
    """Return the ``summary`` of a report."""
    return {
        "severity": {severity.value: count for severity, count in count_severities(outcome).items()},
        "checks": {status.value: count for status, count in count_statuses(outcome).items()},
        "lifecycle": count_lifecycles(outcome),
    }


def _check(check: CheckResult, translate: _Translate) -> _Json:
    return {
        "id": check.id,
        "title": translate(check.title),
        "severity": check.severity.value,
        "status": check.status.value,
        "subjects": check.subjects,
        "findings": check.findings,
        "reasons": [_reason(reason, translate) for reason in check.reasons],
        "unseen": [
            {"subject": _object(unseen.subject), "reasons": [_reason(reason, translate) for reason in unseen.reasons]}
            for unseen in check.unseen
        ],
    }


def _reason(reason: Reason, translate: _Translate) -> _Json:
    return {
        "source": reason.source,
        "kind": reason.kind.value,
        "message": reason.message.render(translate),
        "missing": list(reason.missing),
    }


def finding_data(finding: ReportedFinding, translate: _Translate) -> _Json:
    """Return a finding as it stands among the ``findings`` and the ``resolved`` of a report."""
    suppression = finding.suppression
    return {
        "fingerprint": finding.fingerprint,
        "check": finding.check,
        "severity": finding.severity.value,
        "certainty": finding.certainty.value,
        "lifecycle": finding.lifecycle.value,
        "subject": _object(finding.subject),
        "message": finding.message.render(translate),
        "why": finding.why.render(translate),
        "remedy": [line for step in finding.remedy for line in _step(step, translate)],
        "trail": [_hop(hop, translate) for hop in finding.trail],
        "evidence": {name: _value(value) for name, value in finding.evidence.items()},
        "affected": [_object(ref) for ref in finding.affected],
        "seen": {"first": _time(finding.first_seen), "last": _time(finding.last_seen)},
        "suppression": suppression
        and {
            "reason": suppression.reason,
            "owner": suppression.owner,
            "expires": suppression.expires.isoformat(),
            "annotated": _object(suppression.annotated) if suppression.annotated else None,
        },
    }


def _suppression(state: SuppressionState, translate: _Translate) -> _Json:
    return {
        "status": state.status.value,
        "origin": "annotation" if state.objects else "configuration",
        "check": state.check,
        "subject": state.subject,
        "reason": state.reason,
        "owner": state.owner,
        "expires": state.expires.isoformat() if state.expires else None,
        "findings": state.findings,
        "fingerprints": list(state.fingerprints),
        "evaluated": state.evaluated,
        "objects": state.objects,
        "annotated": [_object(ref) for ref in state.annotated],
        "problem": state.problem.render(translate) if state.problem else None,
    }


def _value(value: Evidence) -> Evidence:
    # JSON has no infinity and no NaN.
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _object(ref: Ref) -> _Json:
    return {
        "layer": ref.layer.value,
        "kind": ref.kind,
        "namespace": ref.namespace,
        "name": ref.name,
        "id": ref.id,
    }


def _step(step: Step, translate: _Translate) -> list[str]:
    text = step.text.render(translate)
    return [text, f"$ {step.command}"] if step.command else [text]


def _hop(hop: Hop, translate: _Translate) -> _Json:
    return {
        "layer": hop.ref.layer.value,
        "kind": hop.ref.kind,
        "name": hop.ref.path,
        "id": hop.ref.id,
        "state": hop.state.value,
        "detail": hop.detail.render(translate) if hop.detail else "",
    }


def _source(log: SourceLog, translate: _Translate) -> _Json:
    # `reason` is the one to show where there is room for one; what was switched off by choice comes last.
    reasons = sorted(log.reasons, key=lambda reason: reason.kind is ReasonKind.SWITCHED_OFF)
    return {
        "source": log.source,
        "layer": log.layer.value,
        "state": log.state.value,
        "items": log.items,
        "calls": log.calls,
        "retries": log.retries,
        "seconds": round(log.seconds, 3),
        "reason": _reason(reasons[0], translate) if reasons else None,
        "reasons": [_reason(reason, translate) for reason in reasons],
        "tables": [
            {
                "name": table.name,
                "state": table.state.value,
                "items": table.items,
                **({"since": utc(table.since)} if table.since else {}),
            }
            for table in log.tables
        ],
    }


def _time(time: datetime | None) -> str | None:
    return utc(time) if time else None
