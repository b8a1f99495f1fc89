"""What the log of ingress-nginx says of the configuration that is made of all Ingresses."""

from datetime import timedelta
from typing import Any

import msgspec

from auditor.facts.kubernetes.observations import ContainerLog, LogMatch
from auditor.facts.kubernetes.probes import IngressReload
from auditor.facts.landscape import Landscape
from auditor.facts.table import Reason, ReasonKind, Table
from auditor.facts.text import t
from auditor.judge.outcome import ReportedFinding, Status
from auditor.judge.verdicts import Certainty
from tests.checks import kit
from tests.checks.network import ingresses as of

CHECK = "network/ingress-config-invalid"
ALB = "alb.ingress.kubernetes.io"


def one(base: Landscape, subject: str = "shop/web") -> ReportedFinding:
    (finding,) = kit.finds(CHECK, base, subject)
    assert any(hop.state == "broken" for hop in finding.trail)
    assert finding.remedy
    return finding


def quiet(base: Landscape) -> None:
    result, findings = kit.run(CHECK, base)
    assert not findings, [str(finding.message) for finding in findings]
    assert not result.reasons, [str(reason.message) for reason in result.reasons]
    assert result.status is Status.PASSED


def with_(*paths: dict[str, Any], annotations: dict[str, str] | None = None, **tables: Any) -> Landscape:
    return of.landscape(ingresses=[of.ingress("shop/web", *paths, annotations=annotations)], **tables)


def service(**more: Any) -> Any:
    return [of.entrance(), of.web(**more)]


class TestReload:
    EMERG = LogMatch("nginx-config-refused", "nginx: [emerg] unexpected end of file in /tmp/nginx/nginx-cfg1:7")

    def with_log(self, *matches: LogMatch, minutes_ago: float = 5) -> Landscape:
        at = kit.OBSERVED_AT - timedelta(minutes=minutes_ago)
        timed = [msgspec.structs.replace(match, time=at) for match in matches]
        log = ContainerLog(
            "kube-system/nginx-1", "controller", "nginx-ingress-controller", timed, 9, last_at=kit.OBSERVED_AT
        )
        return with_(container_logs=[log])

    def test_refused(self) -> None:
        finding = one(self.with_log(self.EMERG), "kube-system/nginx-1")
        assert finding.subject.kind == "Pod"
        assert finding.certainty is Certainty.CONFIRMED
        assert "[emerg]" in str(finding.message)

    def test_refused_once_and_not_again(self) -> None:
        finding = one(self.with_log(self.EMERG, minutes_ago=50), "kube-system/nginx-1")
        assert finding.certainty is Certainty.LIKELY

    def test_a_log_without_it(self) -> None:
        quiet(
            self.with_log(LogMatch("ingress-without-endpoint", 'Service "shop/web" does not have any active Endpoint'))
        )

    def test_a_certificate_of_an_ingress(self) -> None:
        line = 'Error obtaining X.509 certificate: error retrieving secret "shop/cert"'
        base = self.with_log(LogMatch("ingress-certificate", line))
        base.tables["ingresses"] = Table("ingresses", [of.ingress(tls=["cert"])])
        base.tables["secret_names"] = Table("secret_names", [of.secret("shop/cert")])
        assert one(base).certainty is Certainty.LIKELY

    def test_the_probe_is_off(self) -> None:
        off = Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("no log is read"))
        base = with_()
        for table in ("container_logs", "ingress_reloads"):
            base.tables[table] = Table.unavailable(table, off)
        result, findings = kit.run(CHECK, base)
        assert not findings
        assert result.subjects == 1
        assert [reason.kind for reason in result.reasons] == ["switched_off"]

    def test_the_metric_tells_of_the_last_try(self) -> None:
        told = [IngressReload("kube-system/nginx-1", successful=False, loaded_at=kit.OBSERVED_AT)]
        finding = one(with_(ingress_reloads=told), "kube-system/nginx-1")
        assert finding.certainty is Certainty.CONFIRMED
        assert "last_reload_successful 0" in str(finding.message)

    def test_the_metric_says_that_it_is_cured(self) -> None:
        base = self.with_log(self.EMERG)
        base.tables["ingress_reloads"] = Table(
            "ingress_reloads", [IngressReload("kube-system/nginx-1", successful=True)]
        )
        quiet(base)

    def test_one_of_the_two_probes_is_enough(self) -> None:
        off = Reason("kubernetes", ReasonKind.SWITCHED_OFF, t("not switched on"))
        base = self.with_log()
        base.tables["ingress_reloads"] = Table.unavailable("ingress_reloads", off)
        quiet(base)
        base = with_(ingress_reloads=[IngressReload("kube-system/nginx-1", successful=True)])
        base.tables["container_logs"] = Table.unavailable("container_logs", off)
        quiet(base)
