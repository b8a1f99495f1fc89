"""The scheduler's message, taken apart."""

import pytest

from auditor.facts.rules.scheduler_message import Cause, Refusal, refusals


def test_counts_and_reasons() -> None:
    message = (
        "0/8 nodes are available: 3 Insufficient cpu, 4 node(s) had taint {a: b}, that the pod didn't tolerate, "
        "1 node(s) were unschedulable. preemption: 0/8 nodes are available: 8 Preemption is not helpful."
    )
    assert refusals(message) == (
        Refusal(Cause.RESOURCES, "Insufficient cpu", 3),
        Refusal(Cause.TAINT, "node(s) had taint {a: b}, that the pod didn't tolerate", 4),
        Refusal(Cause.CORDON, "node(s) were unschedulable", 1),
    )


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("Insufficient memory", Cause.RESOURCES),
        ("Insufficient nvidia.com/gpu", Cause.RESOURCES),
        ("Too many pods", Cause.RESOURCES),
        ("Insufficient quotas, quotaName: team", Cause.QUOTA),
        ("node(s) didn't match Pod's node affinity/selector", Cause.NODE_AFFINITY),
        ("node(s) didn't match node selector", Cause.NODE_AFFINITY),
        ("node(s) had untolerated taint {node.kubernetes.io/not-ready: }", Cause.NOT_READY),
        ("node(s) had untolerated taint {node.kubernetes.io/unschedulable: }", Cause.CORDON),
        ("node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }", Cause.TAINT),
        ("node(s) had untolerated taint(s)", Cause.TAINT),
        ("node(s) didn't match pod affinity rules", Cause.POD_AFFINITY),
        ("node(s) didn't match pod anti-affinity rules", Cause.POD_ANTI_AFFINITY),
        ("node(s) didn't satisfy existing pods anti-affinity rules", Cause.EXISTING_ANTI_AFFINITY),
        ("node(s) didn't match pod topology spread constraints (missing required label)", Cause.SPREAD),
        ("node(s) didn't have free ports for the requested pod ports", Cause.PORTS),
        ("node(s) had volume node affinity conflict", Cause.VOLUME_ZONE),
        ("node(s) had no available volume zone", Cause.VOLUME_ZONE),
        ("node(s) exceed max volume count", Cause.VOLUME_COUNT),
        ("node(s) didn't find available persistent volumes to bind", Cause.VOLUME),
        ("pod has unbound immediate PersistentVolumeClaims", Cause.CLAIM),
        ('persistentvolumeclaim "data" not found', Cause.CLAIM),
        ("no nodes available to schedule pods", Cause.NO_NODES),
        ("something new", Cause.OTHER),
    ],
)
def test_causes(words: str, cause: Cause) -> None:
    assert [one.cause for one in refusals(f"0/3 nodes are available: 3 {words}.")] == [cause]
    assert [one.cause for one in refusals(words)] == [cause]


def test_nothing_said() -> None:
    assert refusals("") == ()
    assert refusals("0/3 nodes are available: ") == ()
