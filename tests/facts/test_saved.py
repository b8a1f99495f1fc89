"""Landscape files: what goes in comes out, and what is damaged or hostile is refused in one sentence."""

import gzip
import json

import pytest

from auditor.facts.saved import BadLandscape, decode, encode
from auditor.facts.table import Gap, NotKnown, State, Table
from tests.checks import make
from tests.checks.kit import denied, landscape


def saved() -> bytes:
    return encode(
        landscape(
            nodes=[make.node("n1")],
            pods=[make.pod("shop/web-1", "n1", claims=["data"])],
            disks=Table(
                "disks",
                [make.disk("d-1")],
                gaps=[Gap(denied("ecs:DescribeDisks"), frozenset({"d-2"}))],
                asked=["d-1", "d-2"],
            ),
            file_systems=Table.unavailable("file_systems", denied("nas:DescribeFileSystems")),
        ),
        "0.1.0",
    )


def test_a_landscape_comes_back_as_it_was() -> None:
    again = decode(saved())
    assert again.table("pods").all()[0].claim_keys == ["shop/data"]
    assert again.table("nodes").all()[0].instance_id == "i-n1"
    disks = again.table("disks")
    assert disks.known_rows()[0].zone == "cn-hangzhou-h"
    with pytest.raises(NotKnown) as caught:
        disks.get("d-2")
    assert caught.value.reasons[0].missing == ("ecs:DescribeDisks",)
    with pytest.raises(NotKnown):
        disks.get("d-3")
    assert again.table("file_systems").state is State.UNAVAILABLE
    assert encode(again, "0.1.0") == saved()


def test_a_table_that_was_never_collected_is_not_empty() -> None:
    content = json.loads(gzip.decompress(saved()))
    del content["tables"]["instances"]
    again = decode(gzip.compress(json.dumps(content).encode()))
    assert again.table("instances").state is State.UNAVAILABLE


def test_fields_that_an_older_version_did_not_collect_are_not_taken_for_empty() -> None:
    content = json.loads(gzip.decompress(saved()))
    content["tables"]["disks"]["fields"].remove("portable")
    again = decode(gzip.compress(json.dumps(content).encode()))
    disk = again.table("disks").known_rows()[0]
    assert disk.zone == "cn-hangzhou-h"
    with pytest.raises(NotKnown, match="portable"):
        _ = disk.portable


@pytest.mark.parametrize("part", [0.1, 0.5, 0.99])
def test_half_a_file_is_refused(part: float) -> None:
    content = saved()
    with pytest.raises(BadLandscape, match="cut short or damaged"):
        decode(content[: int(len(content) * part)])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no gzip file"),
        (b"{}", "no gzip file"),
        (gzip.compress(b"", mtime=0), "damaged"),
        (gzip.compress(b"[]", mtime=0), "damaged"),
        (gzip.compress(b"{}", mtime=0), "its format is ''"),
        (gzip.compress(b'{"format": "auditor.landscape/v9"}', mtime=0), "its format is 'auditor.landscape/v9'"),
        (gzip.compress(b'{"format": "auditor.landscape/v1"}', mtime=0), "damaged"),
        (gzip.compress(b"[" * 9_000, mtime=0), "damaged|nested too deeply"),
        (gzip.compress(b" " * 50_000_000, mtime=0), "unpacks to more than"),
    ],
)
def test_what_is_no_landscape_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(BadLandscape, match=said):
        decode(content)
