"""What several scenarios of storage plant, and what they look at."""

from typing import Any

from auditor.judge.outcome import ReportedFinding
from tests.scenarios import storage as s
from tests.scenarios.drivers import Plant
from tests.scenarios.kit import Scene


def another_user(name: str, node: str, like: str = "mysql-0", **meta: Any) -> Plant:
    """Let another Pod of namespace data, a copy of this one, use its claim on a node."""

    def plant(scene: Scene) -> None:
        made = s.copy(scene, s.PODS, like, name, "data")
        made["spec"]["nodeName"] = node
        made["metadata"] |= meta
        scene.kubernetes.add(s.PODS, made)

    return plant


def with_status(name: str, **status: Any) -> Plant:
    return lambda scene: scene.kubernetes.patch(s.PODS, name, lambda found: found["status"].update(status), "data")


def node_ready(status: str, address: str) -> Plant:
    """Let the condition Ready of a node be this."""

    def change(found: s.Json) -> None:
        for condition in found["status"]["conditions"]:
            if condition["type"] == "Ready":
                condition["status"] = status

    return lambda scene: scene.kubernetes.patch(s.NODES, s.node(address), change)


def virtual(address: str) -> Plant:
    """Let a node be one without a machine."""

    def change(found: s.Json) -> None:
        found["metadata"]["labels"]["type"] = "virtual-kubelet"
        found["spec"].pop("providerID")

    return lambda scene: scene.kubernetes.patch(s.NODES, s.node(address), change)


def denied(*rights: str) -> Plant:
    """Take rights away, of either side."""

    def plant(scene: Scene) -> None:
        for right in rights:
            (scene.cloud.deny if ":" in right else scene.kubernetes.deny)(right)

    return plant


def broken_hops(finding: ReportedFinding) -> list[str]:
    """Return the kinds of the hops that are marked broken."""
    return [hop.ref.kind for hop in finding.trail if hop.state == "broken"]


def commands(finding: ReportedFinding) -> list[str]:
    """Return the commands of the remedy."""
    return [one.command for one in finding.remedy if one.command]
