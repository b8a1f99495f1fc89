import pytest

from auditor.facts.kubernetes.observations import ApiStage
from auditor.facts.landscape import Landscape
from auditor.facts.table import Gap, ReasonKind, Table
from auditor.judge.outcome import Status
from auditor.judge.verdicts import Certainty, HopState, Severity
from tests.checks import kit

CHECK = "access/api-stage-failing"
OWN, OTHER = "203.0.113.67:6443", "192.168.0.167:6443"
STAGES = ("name", "tcp", "tls", "authentication", "authorization", "server")
OTHERS = ("storage_classes", "ingress_classes", "api_services")


def stages(failing: str = "", outcome: str = "ok", server: str = OWN, *, is_own: bool = True) -> list[ApiStage]:
    """Return the stages of one address: well before the failing one, empty behind it."""
    at = STAGES.index(failing) if failing else len(STAGES)
    outcomes = ["ok"] * at + [outcome] + [""] * len(STAGES) if failing else ["ok"] * len(STAGES)
    return [
        ApiStage(server, stage, one, 0.1, "" if one in ("", "ok") else "as it was said", is_own)
        for stage, one in zip(STAGES, outcomes, strict=False)
    ]


def scene(rows: list[ApiStage], *, others_answer: bool = True) -> Landscape:
    base = kit.landscape(api_stages=rows)
    for table in () if others_answer else OTHERS:
        base = kit.without(base, table)
    return base


class TestFound:
    @pytest.mark.parametrize(
        ("stage", "outcome", "fault"),
        [
            ("name", "unresolved", "name"),
            ("name", "timeout", "name"),
            ("tcp", "timeout", "tcp"),
            ("tcp", "refused", "tcp"),
            ("tcp", "unreachable", "tcp"),
            ("tls", "untrusted", "tls"),
            ("tls", "expired", "tls"),
            ("tls", "error", "tls"),
            ("authentication", "unauthorized", "authentication"),
            ("authorization", "forbidden", "authorization"),
            ("server", "throttled", "throttling"),
            ("server", "error", "server"),
            ("server", "timeout", "server"),
        ],
    )
    def test_the_stage_that_fails(self, stage: str, outcome: str, fault: str) -> None:
        (finding,) = kit.finds(CHECK, scene(stages(stage, outcome), others_answer=False), "test")
        assert (finding.subject.kind, finding.subject.id) == ("Cluster", kit.CLUSTER_ID)
        assert (finding.severity, finding.certainty) == (Severity.HIGH, Certainty.CONFIRMED)
        assert (finding.evidence["stage"], finding.evidence["outcome"]) == (fault, outcome)
        assert [hop.state for hop in finding.trail].count(HopState.BROKEN) == 1
        assert finding.remedy

    @pytest.mark.parametrize("stage", ["name", "tcp", "tls", "authentication"])
    def test_a_connection_that_fails_though_others_were_answered(self, stage: str) -> None:
        kit.finds(CHECK, scene(stages(stage, "error")), "test")


class TestQuiet:
    def test_all_is_well(self) -> None:
        kit.stays_quiet(CHECK, scene(stages()))

    def test_plain_http_has_no_tls(self) -> None:
        kit.stays_quiet(CHECK, scene([row for row in stages() if row.stage != "tls"]))

    @pytest.mark.parametrize("outcome", ["timeout", "refused"])
    def test_the_other_endpoint_can_t_be_reached_from_here(self, outcome: str) -> None:
        kit.stays_quiet(CHECK, scene([*stages(), *stages("tcp", outcome, OTHER, is_own=False)]))


class TestGaps:
    @pytest.mark.parametrize(
        ("stage", "outcome", "kind"),
        [
            ("authorization", "forbidden", ReasonKind.FORBIDDEN),
            ("server", "throttled", ReasonKind.THROTTLED),
            ("server", "error", ReasonKind.ERROR),
            ("server", "timeout", ReasonKind.TIMEOUT),
        ],
    )
    def test_one_call_that_fails_while_others_are_answered(self, stage: str, outcome: str, kind: ReasonKind) -> None:
        result, findings = kit.run(CHECK, scene(stages(stage, outcome)))
        assert (result.status, findings) == (Status.NOT_EVALUATED, ())
        assert [reason.kind for reason in result.reasons] == [kind]
        assert (result.reasons[0].missing == ("list nodes",)) is (outcome == "forbidden")

    def test_the_stages(self) -> None:
        assert kit.tables_needed(CHECK) == {"api_stages", "nodes", *OTHERS}
        kit.is_not_evaluated(CHECK, kit.without(scene(stages()), "api_stages"))

    @pytest.mark.parametrize("table", ["nodes", *OTHERS])
    def test_the_others_are_not_needed(self, table: str) -> None:
        kit.stays_quiet(CHECK, kit.without(scene(stages()), table))

    def test_a_gap_elsewhere_is_none_of_the_own_address(self) -> None:
        table = Table("api_stages", stages(), gaps=[Gap(kit.denied("cs:DescribeClusterDetail"))])
        kit.stays_quiet(CHECK, kit.landscape(api_stages=table))

    def test_the_last_stages_are_not_known(self) -> None:
        gap = Gap(kit.denied("test:Action"), frozenset({f"{OWN}/server"}))
        table = Table("api_stages", stages()[:3], gaps=[gap])
        kit.is_not_evaluated(CHECK, kit.landscape(api_stages=table))

    def test_nothing_was_tried(self) -> None:
        assert kit.run(CHECK, scene([]))[0].status is Status.NOT_EVALUATED
