"""What people see when something fails, and the causes that the notes look for then, in the order of the notes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auditor.facts.text import Text, t
from auditor.judge.causes import CAUSES, Cause
from auditor.judge.check import LoadedCheck


@dataclass(frozen=True)
class Symptom:
    """What people see.

    Attributes:
        id: the name by which it is asked for.
        title: in a line.
        rows: the causes, in the order in which they are looked for.
    """

    id: str
    title: Text
    rows: tuple[Cause, ...]

    @property
    def by_design(self) -> tuple[Cause, ...]:
        """Those of the causes with something that is as it should be."""
        return tuple(cause for cause in self.rows if cause.by_design)

    def has(self, check: LoadedCheck) -> bool:
        """Tell whether a check belongs to it."""
        return any(row.covers(cause) for row in self.rows for cause in check.check.causes)

    def checks_by_row(self, checks: Sequence[LoadedCheck]) -> list[tuple[Cause, list[LoadedCheck]]]:
        """Return each cause with its checks, the worst first. A cause that no loaded check looks for has none."""
        ordered = sorted(checks, key=lambda check: (check.check.severity.rank, check.id))
        return [
            (row, [check for check in ordered if any(row.covers(cause) for cause in check.check.causes)])
            for row in self.rows
        ]


def _symptom(name: str, title: Text, rows: str) -> Symptom:
    return Symptom(name, title, tuple(CAUSES[row] for row in rows.split()))


_SYMPTOMS = (
    _symptom("disk-mount-fails", t("A Pod can't mount a cloud disk"), "S1 S2 S3 S8"),
    _symptom("disk-detach-fails", t("A cloud disk can't be detached from its node"), "S4 S8"),
    _symptom("nas-mount-fails", t("A Pod can't mount a NAS volume"), "S5 S6 S8"),
    _symptom("pvc-pending", t("A PersistentVolumeClaim stays Pending"), "S9 S3 S8"),
    _symptom(
        "nas-pod-start-timeout",
        t("A Pod with a NAS volume does not start in time, though claim and volume are bound"),
        "S10 S5 S6",
    ),
    _symptom("slb-unreachable", t("A load balancer can't be reached from inside the cluster"), "N1 N2 N3"),
    _symptom("ingress-unreachable", t("An Ingress can't be reached, or answers with an error"), "N4 N5 N6 N7"),
    _symptom("console-fails", t("The ACK console can't show what is in the cluster"), "N8 N9 N10 N11"),
    _symptom("pod-unreachable", t("A Pod can't be reached"), "N12 N13"),
    _symptom("kubectl-forbidden", t("kubectl is told that something is forbidden"), "K1"),
    _symptom("kubectl-logs-exec-fail", t("kubectl get works, but kubectl logs or exec fails"), "K2"),
    _symptom("kubectl-timeout", t("kubectl can't connect, or gets no answer in time"), "K3 K4 K5 K6"),
    _symptom("autoscaler-fails", t("The node autoscaler itself fails"), "A1"),
    _symptom("no-scale-up", t("Pods wait, but no node is added"), "A2 A3 A4 A5"),
    _symptom("lb-service-pending", t("A Service of type LoadBalancer stays Pending"), "V1 V2 V3"),
    _symptom("load-uneven", t("The load of a Service is spread unevenly"), "V4 V5"),
    _symptom("service-ip-unreachable", t("A Service can't be reached by its ClusterIP"), "V6 V7 V8 V9 V10"),
)

SYMPTOMS = {symptom.id: symptom for symptom in _SYMPTOMS}
"""All symptoms, in the order of the notes."""


def checks_of(symptoms: Iterable[Symptom], checks: Sequence[LoadedCheck]) -> list[LoadedCheck]:
    """Return the checks that belong to any of the symptoms, in their own order."""
    wanted = list(symptoms)
    return [check for check in checks if any(symptom.has(check) for symptom in wanted)]
