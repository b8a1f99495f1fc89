"""A redacted landscape has the same faults, and none of the names."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import force_setattr

from auditor.collect.kubernetes.kept import KEPT_PARAMETERS
from auditor.facts.catalogue import TABLES
from auditor.facts.landscape import Landscape
from auditor.facts.older import paths_of
from auditor.facts.pseudonyms import Pseudonyms
from auditor.facts.redaction import Redactor, redact
from auditor.facts.rules.suppress_annotation import MOST_CHARACTERS, Written, read_annotation
from auditor.facts.saved import decode, encode
from auditor.facts.table import Gap, NotKnown, Reason, ReasonKind, Table
from auditor.facts.text import t
from auditor.facts.vocabulary import CHECK_WORDS, DOMAINS, PARAMETERS
from auditor.judge.engine import judge
from auditor.judge.registry import load_checks
from tests.audits import collected, undisturbed
from tests.checks import make
from tests.checks.kit import landscape
from tests.clusters import CLUSTERS, everything

KEY = b"a key of the tests"
WORD = re.compile(r"[^\W_]+")
ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2}\b)?")


@cache
def redacted(name: str) -> tuple[Redactor, Landscape]:
    before = undisturbed(name).landscape
    redactor = Redactor(KEY, before)
    return redactor, decode(encode(redactor.landscape(before), "0.1.0"))


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_check_says_the_same(name: str) -> None:
    results, _ = judge(redacted(name)[1], load_checks())
    said = [(r.id, r.status, r.subjects, r.findings, sorted(reason.kind for reason in r.reasons)) for r in results]
    assert said == [
        (r.id, r.status, r.subjects, r.findings, sorted(reason.kind for reason in r.reasons))
        for r in undisturbed(name).outcome.checks
    ]


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_findings_are_the_same_but_for_the_names(name: str) -> None:
    redactor, landscape = redacted(name)
    after = Counter(
        (f.check, f.severity, f.certainty, str(f.subject), f.subject.id, tuple(sorted(map(str, f.affected))))
        for f in judge(landscape, load_checks())[1]
    )
    assert after == Counter(
        (
            *(f.check, f.severity, f.certainty),
            f"{f.subject.kind} {redactor.text(f.subject.path)}",
            redactor.text(f.subject.id),
            tuple(sorted(f"{ref.kind} {redactor.text(ref.path)}" for ref in f.affected)),
        )
        for f in undisturbed(name).outcome.findings
    )


@pytest.mark.parametrize("name", CLUSTERS)
def test_no_name_and_no_address_is_left(name: str) -> None:
    redactor, after = redacted(name)
    before = undisturbed(name).landscape
    content = gzip.decompress(encode(after, "0.1.0")).decode()
    namespaces = {row.namespace for row in before.table("pods").all()} - {"kube-system"}
    assert not namespaces & {row.namespace for row in after.table("pods").all()}
    left = set(re.findall(r"[^\W_]+(?:[-.][^\W_]+)*", content))
    # Of the namespaces above one is called as a type of disks is.
    names = {text for text in _named(before) if redactor.text(text) != text} - {"data"}
    assert len(names) > 500
    assert not {text for text in names if text in left}
    # One may fall on another's place, so they are compared as a whole.
    addresses = set(ADDRESS.findall(gzip.decompress(encode(before, "0.1.0")).decode()))
    assert set(ADDRESS.findall(content)) == {redactor.text(text) for text in addresses}
    assert sum(redactor.text(text) != text for text in addresses) > 50


def _named(before: Landscape) -> Iterator[str]:
    """Say what names a thing: names, namespaces and ids of rows, and what the subjects of checks are called."""
    yield from (before.cluster.name, before.cluster.cluster_id)
    for name, table in before.tables.items():
        for row in table.known_rows() if name not in ("slb_quotas", "nlb_quotas", "addons") else ():
            if hasattr(row, "metadata"):
                yield from (row.metadata.name, row.metadata.namespace)
            for field in ("id", "name", "domain", "load_balancer_id", "group_id", "instance_id", "scaling_group_id"):
                yield getattr(row, field, "")


@pytest.mark.parametrize(
    "secret",
    ["shop", "payments", "mysql", "elasticsearch", "storefront", "archive-readers", "order-worker", "report-api"],
)
def test_a_name_is_nowhere_not_even_in_a_message(secret: str) -> None:
    _, after = redacted("demo")
    assert secret in gzip.decompress(encode(undisturbed("demo").landscape, "0.1.0")).decode()
    assert secret not in gzip.decompress(encode(after, "0.1.0")).decode().lower()


def test_every_table_is_redacted_and_read_again() -> None:
    before = collected(everything(), TABLES)
    redactor = Redactor(KEY, before)
    after = decode(encode(redactor.landscape(before), "0.1.0"))
    content = gzip.decompress(encode(after, "0.1.0")).decode()
    for name, table in before.tables.items():
        again = after.table(name)
        assert (again.state, len(again), again.asked is None) == (table.state, len(table), table.asked is None), name
        assert again.asked is None or {row.key for row in again.known_rows()} <= again.asked, name
    ids = {text for text in _named(before) if re.fullmatch(r"[a-z]+-[a-z]*bp1\w+|[0-9a-f]{10,}", text)}
    assert len(ids) > 50
    assert not {text for text in ids if text in content}


def test_the_gaps_and_what_was_asked_fit_the_new_names() -> None:
    reason = Reason("ecs", ReasonKind.ERROR, t("{disk} of {owner}", disk="d-hidden", owner=t("{who}", who="payments")))
    before = landscape(
        disks=Table(
            "disks", [make.disk("d-known")], gaps=[Gap(reason, frozenset({"d-hidden"}))], asked=["d-known", "d-gone"]
        ),
        nodes=Table.unavailable("nodes", reason),
    )
    redactor = Redactor(KEY, before)
    disks = redactor.landscape(before).table("disks")
    assert disks.get(redactor.text("d-known")) is not None
    assert disks.get(redactor.text("d-gone")) is None
    with pytest.raises(NotKnown) as caught:
        disks.get(redactor.text("d-hidden"))
    assert "payments" not in str(caught.value)
    assert "d-hidden" not in str(caught.value)
    assert redactor.landscape(before).table("nodes").is_unavailable


def test_a_text_of_a_field_that_nobody_thought_of_is_redacted() -> None:
    # Each text of each row is one that names something; what is left must be in the declared vocabulary.
    class Tomorrow(msgspec.Struct):
        key: str
        invented: str = ""
        status: str = ""
        parts: list[dict[str, str]] = []

    row = Tomorrow("payments", "payments", "Running", [{"payments": "payments"}])
    before = landscape(disks=[row])
    (after,) = redact(before, KEY).table("disks").all()
    assert after.status == "Running"
    assert "payments" not in repr(after)


def test_keys_that_anybody_may_make_up_are_redacted() -> None:
    mine, domain = "node-restriction.kubernetes.io/payments", "gpu.payments.example/v1"
    labels = {mine: "yes", "topology.kubernetes.io/zone": "cn-hangzhou-h", "team.alibabacloud.com/payments": "a"}
    node = make.node("payments", labels=labels)
    force_setattr(node.status, "allocatable", {"cpu": "4", domain: "1", "nvidia.com/gpu": "2"})
    volume = make.nas_volume("pv", "payments")
    assert volume.spec.csi is not None
    force_setattr(volume.spec.csi, "volume_attributes", {"server": "a", "payments": "7", "volumeAs": "subpath"})
    before = landscape(nodes=[node], persistent_volumes=[volume])
    redactor = Redactor(KEY, before)
    after = redactor.landscape(before)
    (redacted_node,), (redacted_volume,) = after.table("nodes").all(), after.table("persistent_volumes").all()
    assert "payments" not in gzip.decompress(encode(after, "0.1.0")).decode()
    kept = {key for key in redacted_node.labels if key in labels}
    assert kept == {"topology.kubernetes.io/zone"}
    assert redactor.text(mine) in redacted_node.labels, "a selector of Pods finds it still"
    assert redactor.text(mine).startswith("node-restriction.kubernetes.io/x")
    assert redacted_node.status.allocatable == {"cpu": "4", redactor.text(domain): "1", "nvidia.com/gpu": "2"}
    attributes = redacted_volume.spec.csi.volume_attributes
    assert {"server", "volumeAs", redactor.text("payments")} == set(attributes)


def test_every_key_that_the_code_names_stays() -> None:
    named = re.compile(rf"""["'/ ]((?:[\w-]+\.)*(?:{"|".join(map(re.escape, DOMAINS))})/[\w.-]+)""")
    pages = ("help.aliyun.com", "www.alibabacloud.com", "k8s.io", "kubernetes.io/docs")
    files = [*Path("auditor").rglob("*.py"), *Path("checks").rglob("*.py")]
    keys = {key for file in files for key in named.findall(file.read_text()) if not key.startswith(pages)}
    assert len(keys) > 50
    names = Pseudonyms(KEY)
    assert {key for key in keys if names.text(key) != key} == set()


def test_the_parameters_that_are_collected_stay() -> None:
    assert KEPT_PARAMETERS <= PARAMETERS


def test_a_file_of_an_older_version_stays_one() -> None:
    content: dict[str, Any] = json.loads(gzip.decompress(encode(landscape(disks=[make.disk("d-1")]), "0.1.0")))
    content["tables"]["disks"]["fields"].remove("portable")
    older = decode(gzip.compress(json.dumps(content).encode()))
    (disk,) = redact(older, KEY).table("disks").all()
    assert "portable" not in paths_of(type(disk))
    assert disk.zone == "cn-hangzhou-h"


def test_policies_still_say_what_they_allow() -> None:
    before = undisturbed("demo").landscape
    redactor = Redactor(KEY, before)
    after = redactor.landscape(before)
    for policy in before.table("policies").all():
        redacted_policy = after.table("policies").get(redactor.text(policy.key))
        assert redacted_policy is not None
        document = json.loads(redacted_policy.document)
        asked = json.loads(policy.document)
        assert [s["Action"] for s in document["Statement"]] == [s["Action"] for s in asked["Statement"]]


def test_a_pattern_of_a_suppression_still_names_its_checks() -> None:
    words = {
        word for check in load_checks() for name in (check.id, *check.check.aliases) for word in WORD.findall(name)
    }
    assert words - CHECK_WORDS == set()


def test_a_suppression_stays_one_and_its_words_go() -> None:
    words = "Zaphod " * 60
    text = json.dumps(
        [
            {"check": "storage/disk-*", "reason": f"{words}{number}", "owner": "Zaphod", "expires": "2026-12-31"}
            for number in range(8)
        ]
    )
    redactor = Redactor(KEY, landscape())
    for note in (text, f"{text[:-1]}, {{}}]", "Zaphod", "[" * 5000):
        pod = make.pod("shop/web", annotations={"ack-auditor/suppress": note[: MOST_CHARACTERS + 1]})
        (row,) = redactor.landscape(landscape(pods=[pod])).table("pods").all()
        before, after = read_annotation(pod.metadata.suppress or ""), read_annotation(row.metadata.suppress)
        assert "Zaphod" not in row.metadata.suppress
        assert [type(entry) for entry in after] == [type(entry) for entry in before]
        for one, other in zip(before, after, strict=True):
            if isinstance(one, Written) and isinstance(other, Written):
                assert (one.check, one.expires) == (other.check, other.expires)
