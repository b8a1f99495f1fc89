from typing import Any

import pytest

from auditor.facts.kubernetes.probes import KubeletLogRead
from auditor.facts.table import Reason, ReasonKind, Table
from auditor.facts.text import t
from auditor.judge.verdicts import Certainty
from tests.checks import kit, make
from tests.checks.access.kubelet import CHECK, OPEN, SHUT, landscape, quiet, the_finding

TIMEOUT = 'Get "https://192.168.2.11:10250/containerLogs/a/b/c": dial tcp 192.168.2.11:10250: i/o timeout'


def read(error: str = "", status: int = 500) -> dict[str, Any]:
    return {"kubelet_log_reads": [KubeletLogRead("a", "kube-system/p", error, status if error else 200)]}


class TestProbe:
    def test_switched_off_the_rules_stand_alone(self) -> None:
        off = Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("off"))
        probe: Table[KubeletLogRead] = Table.unavailable("kubelet_log_reads", off)
        quiet(landscape(OPEN, kubelet_log_reads=probe))
        the_finding(landscape(SHUT, kubelet_log_reads=probe))

    def test_denied_it_is_a_gap_and_the_rules_stand(self) -> None:
        kit.is_not_evaluated(CHECK, kit.without(landscape(OPEN), "kubelet_log_reads"))
        result, findings = kit.run(CHECK, kit.without(landscape(SHUT), "kubelet_log_reads"))
        assert [finding.subject.name for finding in findings] == ["sg-1"]
        assert result.reasons
        kit.is_not_evaluated(CHECK, landscape(OPEN, **read("pods is forbidden", 403)), "get pods/log")
        result, findings = kit.run(CHECK, landscape(OPEN, **read("etcdserver: request timed out")))
        assert not findings
        assert [reason.kind for reason in result.reasons] == [ReasonKind.ERROR]

    def test_a_timeout_that_no_rule_explains(self) -> None:
        finding = the_finding(landscape(OPEN, **read(TIMEOUT)), "a")
        assert finding.subject.kind == "Node"
        assert finding.certainty is Certainty.LIKELY
        assert "something else blocks" in str(finding.message)
        assert finding.evidence["log_read"] == TIMEOUT

    def test_a_timeout_where_the_rules_could_not_be_read(self) -> None:
        base = kit.without(landscape(OPEN, **read(TIMEOUT)), "security_group_rules")
        result, (finding,) = kit.run(CHECK, base)
        assert result.reasons
        assert "could not be told" in str(finding.message)

    def test_a_timeout_that_a_rule_explains(self) -> None:
        finding = the_finding(landscape(SHUT, **read(TIMEOUT, 504)))
        assert finding.evidence["log_read"] == TIMEOUT
        assert finding.certainty is Certainty.CONFIRMED

    def test_a_log_that_came_all_the_same_makes_it_less_sure(self) -> None:
        assert the_finding(landscape(SHUT, **read())).certainty is Certainty.LIKELY
        quiet(landscape(OPEN, **read()))

    @pytest.mark.parametrize(
        ("error", "fault"),
        [
            ("dial tcp 192.168.2.11:10250: connect: connection refused", "does not serve"),
            ("https://192.168.2.11:10250: x509: certificate has expired", "do not agree on TLS"),
            ("192.168.2.11:10250: remote error: tls: internal error", "do not agree on TLS"),
            ("192.168.2.11:10250: net/http: TLS handshake timeout", "can't reach"),
        ],
    )
    def test_faults_of_the_kubelet_itself(self, error: str, fault: str) -> None:
        assert fault in str(the_finding(landscape(OPEN, **read(error)), "a").message)

    def test_a_refused_connection_is_not_the_groups_doing(self) -> None:
        error = "dial tcp 192.168.2.11:10250: connect: connection refused"
        kit.finds(CHECK, landscape(SHUT, **read(error)), "a", "sg-1")

    def test_a_node_that_is_not_ready_is_down_and_not_shut_off(self) -> None:
        base = landscape(OPEN, nodes=[make.node("a", "k", ip="192.168.2.11", ready=False)], **read(TIMEOUT))
        assert "does not serve" in str(the_finding(base, "a").message)

    @pytest.mark.parametrize("status", [400, 404])
    def test_a_pod_that_went_away_says_nothing(self, status: int) -> None:
        quiet(landscape(OPEN, **read("container not found", status)))
