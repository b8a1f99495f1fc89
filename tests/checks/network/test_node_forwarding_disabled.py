"""network/node-forwarding-disabled."""

from typing import Any

import pytest

from auditor.facts.kubernetes.probes import NodeForwarding
from auditor.facts.landscape import Landscape
from auditor.facts.table import Reason, ReasonKind, Table
from auditor.facts.text import t
from auditor.judge.api import Certainty, Severity
from auditor.judge.outcome import ReportedFinding, Status
from tests.checks import kit, make

CHECK = "network/node-forwarding-disabled"
ALL_ON = {"all": True, "default": True, "eth0": True, "cni0": True}


def base(*rows: NodeForwarding, **tables: Any) -> Landscape:
    return kit.landscape(**({"nodes": [make.node("n1")], "node_forwarding": rows} | tables))


def only(landscape: Landscape) -> ReportedFinding:
    (finding,) = kit.finds(CHECK, landscape, "n1")
    assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
    assert [hop.ref.kind for hop in finding.trail if hop.state == "broken"] == ["Node"]
    return finding


class TestFinds:
    def test_the_whole_node(self) -> None:
        assert "net.ipv4.ip_forward" in str(only(base(NodeForwarding("n1", False, ALL_ON | {"all": False}))).message)

    @pytest.mark.parametrize("device", ALL_ON)
    def test_one_device(self, device: str) -> None:
        finding = only(base(NodeForwarding("n1", True, ALL_ON | {device: False})))
        assert device in str(finding.message)
        assert f"net.ipv4.conf.{device}.forwarding=1" in finding.remedy[1].command

    def test_iptables(self) -> None:
        only(base(NodeForwarding("n1", True, ALL_ON, forward_policy="DROP", accepts=False)))


class TestQuiet:
    @pytest.mark.parametrize(
        "row",
        [
            NodeForwarding("n1", True, ALL_ON),
            NodeForwarding("n1", True, {}),
            NodeForwarding("n1", True, ALL_ON, forward_policy="ACCEPT", accepts=False),
            NodeForwarding("n1", True, ALL_ON, forward_policy="DROP", accepts=True),
        ],
        ids=["on", "no device", "accepts", "a rule accepts"],
    )
    def test_it_forwards(self, row: NodeForwarding) -> None:
        kit.stays_quiet(CHECK, base(row))

    def test_a_virtual_node(self) -> None:
        virtual = make.node("n1", labels={"type": "virtual-kubelet"}, providerID="")
        kit.stays_quiet(CHECK, base(nodes=[virtual]), Status.NOT_APPLICABLE)


class TestNotEvaluated:
    def test_the_probe_is_off(self) -> None:
        off = Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("the probe is off"))
        result, findings = kit.run(CHECK, base(node_forwarding=Table.unavailable("node_forwarding", off)))
        assert not findings
        assert result.status is Status.NOT_EVALUATED
        assert result.reasons == (off,)

    def test_each_table(self) -> None:
        broken = base(NodeForwarding("n1", False))
        for table in kit.tables_needed(CHECK):
            if table == "pods":
                only(kit.without(broken, table))
            else:
                kit.is_not_evaluated(CHECK, kit.without(broken, table))

    def test_a_policy_that_drops_whose_rules_were_not_read(self) -> None:
        result, findings = kit.run(CHECK, base(NodeForwarding("n1", True, ALL_ON, forward_policy="DROP")))
        assert not findings
        assert [reason.kind for reason in result.reasons] == [ReasonKind.UNDECIDABLE]

    @pytest.mark.parametrize("rows", [[], [NodeForwarding("n1")]], ids=["no row", "no value"])
    def test_what_was_not_read(self, rows: list[NodeForwarding]) -> None:
        assert kit.run(CHECK, base(*rows))[0].status is Status.NOT_EVALUATED
