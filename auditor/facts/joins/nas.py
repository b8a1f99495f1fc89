"""NAS permission group ↔ nodes: what a group answers to each node of the cluster."""

from collections.abc import Sequence

from auditor.facts.cloud.nas import AccessGroupRules
from auditor.facts.kubernetes.nodes import Node
from auditor.facts.rules.nas_access import Decision, client_addresses, decide
from auditor.facts.table import NotKnown, Reason, ReasonKind, said
from auditor.facts.text import t


class NasGroupNodes:
    """Permission group ↔ node. The kubelet mounts, so the client is the node's address, under Terway too."""

    def __init__(self) -> None:
        """Start without answers."""
        self._answers: dict[tuple[str, str], Decision] = {}

    def answer(self, group: AccessGroupRules, node: Node) -> Decision:
        """Return what a group answers to a node. Raises NotKnown if the node's address is not known."""
        asked = (group.key, node.name)
        if asked not in self._answers:
            internal = said(node.internal_ips or None, "kubernetes", t("the address of node {node}", node=node.name))
            self._answers[asked] = answer_to(group, internal)
        return self._answers[asked]


def answer_to(group: AccessGroupRules, addresses: Sequence[str]) -> Decision:
    """Return what a group answers to a client that may come from any of its addresses: all possible answers.

    Raises NotKnown if an address can't be read.
    """
    try:
        decisions = [decide(group.rules, ip) for ip in client_addresses(addresses)]
    except ValueError:
        message = t("an address can't be read: {addresses}", addresses=list(addresses))
        raise NotKnown(Reason("kubernetes", ReasonKind.MALFORMED, message)) from None
    return Decision(
        frozenset().union(*(decision.answers for decision in decisions)),
        tuple(dict.fromkeys(rule for decision in decisions for rule in decision.rules)),
    )
