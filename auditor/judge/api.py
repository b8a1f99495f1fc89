"""All that a check needs from this room. Checks import this module and ``auditor.facts``, and nothing else."""

from auditor.facts.ref import Layer, Ref, cloud_ref, kubernetes_ref
from auditor.facts.table import NotKnown, Reason, ReasonKind, Table, said
from auditor.facts.text import Text, t
from auditor.judge.check import Check
from auditor.judge.verdicts import (
    Certainty,
    Evidence,
    Finding,
    Hop,
    HopState,
    NotApplicable,
    NotEvaluated,
    Passed,
    Severity,
    Step,
    Verdict,
    broken,
    ok,
    step,
    undecidable,
    unknown,
)

__all__ = [
    "Certainty",
    "Check",
    "Evidence",
    "Finding",
    "Hop",
    "HopState",
    "Layer",
    "NotApplicable",
    "NotEvaluated",
    "NotKnown",
    "Passed",
    "Reason",
    "ReasonKind",
    "Ref",
    "Severity",
    "Step",
    "Table",
    "Text",
    "Verdict",
    "broken",
    "cloud_ref",
    "kubernetes_ref",
    "ok",
    "said",
    "step",
    "t",
    "undecidable",
    "unknown",
]
