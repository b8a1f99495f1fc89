"""The embedded demo: what a newcomer sees first. Its findings are fixed here, one line for each planted fault."""

import gzip

from auditor.agent.audit import Watcher, audit
from auditor.facts.saved import decode
from auditor.facts.table import ReasonKind
from auditor.judge.registry import load_checks
from tools.demo import TARGET, build

FINDINGS = {
    ("access/kubelet-port-blocked", "high", "hardened-nodes"),
    ("autoscaling/pool-in-other-zone", "high", "data/mysql-3"),
    ("autoscaling/role-lacks-permission", "high", "AliyunCSManagedAutoScalerRole"),
    ("network/ingress-config-invalid", "high", "logging/kibana"),
    ("service/endpoints-empty", "high", "logging/kibana"),
    ("service/endpoints-empty", "high", "payments/fraud-scorer"),
    ("service/endpoints-empty", "high", "shop/cart"),
    ("service/lb-backend-quota", "high", "shop-internal-shared"),
    ("service/lb-weights-drifted", "medium", "payments/gateway"),
    ("service/lb-weights-unfair", "medium", "payments/gateway"),
    ("service/target-port-mismatch", "high", "logging/kibana"),
    ("storage/disk-in-other-zone", "high", "d-bp1demozonej000000001"),
    ("storage/disk-in-other-zone", "high", "d-bp1dgkv4xmy49qfhhlnm"),
    ("storage/disk-in-other-zone", "low", "mysql-backup-disk"),
    ("storage/disk-not-detachable", "high", "d-bp15yuf0ce0dw7pze0xk"),
    ("storage/disk-not-detachable", "medium", "d-bp15gd27ig7gvbu2zp5h"),
    ("storage/disk-not-detachable", "medium", "d-bp1ix22pbt0rbsv1ewn6"),
    ("storage/disk-not-detachable", "medium", "mysql-backup-disk"),
    ("storage/nas-access-denied", "high", "log-archive-nas"),
    ("storage/nas-access-denied", "high", "nas-7777b80d-a6a0-404b-8349-4a29b2d38182"),
}


def test_the_demo_shows_what_was_planted_and_nothing_else() -> None:
    outcome = audit(decode(TARGET.read_bytes()), load_checks(), [], "landscape", Watcher())
    found = {(f.check, f.severity.value, f.subject.path) for f in outcome.findings if f.severity != "info"}
    assert found == FINDINGS
    areas = {check.partition("/")[0] for check, *_ in FINDINGS}
    assert areas == {"access", "autoscaling", "network", "service", "storage"}, "something of every chapter"


def test_the_demo_shows_one_gap_and_names_what_to_grant() -> None:
    outcome = audit(decode(TARGET.read_bytes()), load_checks(), [], "landscape", Watcher())
    assert not outcome.is_complete
    missing = {
        reason.missing
        for result in outcome.checks
        for reason in result.reasons
        if reason.kind is not ReasonKind.SWITCHED_OFF
    }
    assert missing == {("slb:DescribeVServerGroupAttribute",)}


def test_the_embedded_file_is_what_the_collectors_make_today() -> None:
    # Compared unpacked: how well gzip packs differs from one machine to another.
    assert gzip.decompress(build()) == gzip.decompress(TARGET.read_bytes()), "run `make demo`"
