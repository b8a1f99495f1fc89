"""Landscape files may come from anybody: each that is wrong is refused in one line, and none acts on the reader."""

import gzip
import itertools
import json
import re
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.facts.saved import MAX_RATIO, BadLandscape, decode, read
from tests.cli.conftest import Place

DEMO: bytes = resources.files("auditor.demo").joinpath("shop-demo.landscape").read_bytes()
CHECK = ("--check", "service/endpoints-empty", "--format", "json,html,markdown,csv")
ESCAPE = "\x1b]0;taken over\x07\x1b[31m"
Saved = dict[str, Any]


def changed(change: Callable[[Saved], object]) -> bytes:
    """Return the demo landscape with a change."""
    saved: Saved = json.loads(gzip.decompress(DEMO))
    change(saved)
    return gzip.compress(json.dumps(saved).encode(), compresslevel=1)


def refusal(content: bytes) -> str:
    with pytest.raises(BadLandscape) as caught:
        decode(content)
    said = str(caught.value)
    assert len(said) < 300
    assert "\x1b" not in said
    return said


def gap(text: object) -> Saved:
    return {"reason": {"source": "kubernetes", "kind": "error", "message": text}, "keys": None}


def nested(depth: int) -> Saved:
    text: Saved = {"key": "{a}", "values": {"a": "x"}}
    for _ in range(depth):
        text = {"key": "{a}", "values": {"a": text}}
    return text


def endless() -> Saved:
    """Return a text of a few kilobytes that comes to 10¹⁵ characters."""
    text: Saved = {"key": "{a}" * 1000, "values": {"a": "x" * 1000}}
    for _ in range(3):
        text = {"key": "{a}" * 1000, "values": {"a": text}}
    return text


def services(**keys: object) -> Callable[[Saved], object]:
    return lambda saved: saved["tables"]["services"].update(keys)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda saved: saved.update(format="auditor.landscape/v9" + ESCAPE + "x" * 9999), "this version reads"),
        (lambda saved: saved.update(tables=None), "$.tables"),
        (lambda saved: saved.update(collection=5), "$.collection"),
        (lambda saved: saved["cluster"].update(name=None), "$.cluster.name"),
        (lambda saved: saved["cluster"].update(name=""), "has no name"),
        (lambda saved: saved.update(observed_at="2026-11-22T22:40:00"), "no time zone"),
        (lambda saved: saved.update(observed_at="0001-01-01T00:00:00+23:59"), "in the year 1"),
        (lambda saved: saved.update(observed_at="9999-12-31T23:59:59-23:59"), "in the year 9999"),
        (services(rows={}), "its table 'services' is damaged: Expected `array`"),
        (services(rows=[{"metadata": 5}]), "its table 'services' is damaged"),
        (lambda saved: services(rows=2 * saved["tables"]["services"]["rows"])(saved), "several rows with one key"),
        (services(unavailable=True, gaps=[], rows=[]), "no gap says why"),
        (services(unavailable=True, gaps=[gap({"key": "x"})]), "and yet has rows"),
        (services(gaps=[gap({"key": 5})]), "message.key"),
        (services(gaps=[gap("x")]), "message"),
        (services(gaps=[gap(nested(9))]), "nested too deeply"),
        (services(gaps=[gap(nested(300))]), "nested too deeply"),
        (services(gaps=[gap(endless())]), "more than 100000 characters"),
        (lambda saved: saved["collection"][0].update(reasons=[gap(endless())["reason"]]), "more than 100000"),
    ],
)
def test_what_no_collection_gives_is_refused(change: Callable[[Saved], object], said: str) -> None:
    assert said in refusal(changed(change))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no gzip file"),
        (b"{}", "no gzip file"),
        (b"\x1f\x8b", "cut short"),
        (DEMO[:-9], "cut short"),
        (DEMO[:2000] + b"\0" * 50 + DEMO[2050:], "damaged"),
        (DEMO + b"rubbish", "damaged"),
        (DEMO + DEMO, "trailing characters"),
        (gzip.compress(b"", mtime=0), "damaged"),
        (gzip.compress(b"null", mtime=0), "damaged"),
        (gzip.compress(b'{"format":"\xff"}', mtime=0), "damaged"),
        (gzip.compress(b"\0" * 10_000_000, mtime=0), "unpacks to more than"),
    ],
    ids=itertools.count(),
)
def test_what_is_no_landscape_is_refused(content: bytes, said: str) -> None:
    assert said in refusal(content)


def test_what_is_nested_without_end_is_refused() -> None:
    # What does not compress keeps it from being refused as a bomb.
    filler = DEMO[:2000].hex().encode()
    content = b'{"filler":"' + filler + b'","x":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    assert refusal(gzip.compress(content)) == "its content is nested too deeply"


def test_a_bomb_is_not_unpacked_to_its_end() -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    assert f"more than {len(bomb) * MAX_RATIO} bytes" in refusal(bomb)


def test_an_endless_file_is_not_read_to_its_end() -> None:
    with pytest.raises(BadLandscape, match="no gzip file"):
        read(Path("/dev/zero"))


def test_a_table_that_this_version_does_not_know_is_passed_over() -> None:
    assert "later" not in decode(changed(lambda saved: saved["tables"].update(later={"rows": [1]}))).tables


@given(st.integers(0, len(DEMO) - 1), st.integers(1, 255))
@settings(max_examples=60, deadline=None)
def test_a_damaged_byte_is_never_more_than_a_refusal(place_in_file: int, flip: int) -> None:
    content = bytearray(DEMO)
    content[place_in_file] ^= flip
    said = ""
    try:
        decode(bytes(content))
    except BadLandscape as error:
        said = str(error)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("商城-生产", "商城-生产"),
        ("x" * 63, "x" * 63),
        ("../../up", r"up-\w{8}"),
        ("..", r"cluster-\w{8}"),
        (f"{ESCAPE}\nforged: line\u202e{{count}}<script>", r"0-taken-over-31m-forged-line-count-script-\w{8}"),
        ("x" * 300, r"x{60}-\w{8}"),
    ],
)
def test_a_name_names_only_its_folder(place: Place, name: str, folder: str) -> None:
    (place.folder / "odd.landscape").write_bytes(changed(lambda saved: saved["cluster"].update(name=name)))
    ran = place.run("run", "--now", "--landscape", "odd.landscape", *CHECK)
    assert ran.code == 1
    (made,) = (place.folder / "reports").iterdir()
    assert re.fullmatch(folder, made.name)
    assert len(list(made.iterdir())) == 4
    assert "\x1b" not in ran.out
    assert "\u202e" not in ran.out
    assert json.loads((made / "report.json").read_text(encoding="utf-8"))["run"]["cluster"] == name
    assert "<script>" not in (made / "report.html").read_text(encoding="utf-8").partition("<body")[2]


def test_a_reason_is_no_template_of_anything(place: Place) -> None:
    text = {
        "key": "{a.__class__} {0} %s {x!r:>99} {count}" + ESCAPE,
        "values": {"count": "{x}", "x": "\u202e", "a.__class__": "read"},
    }
    (place.folder / "odd.landscape").write_bytes(changed(services(gaps=[gap(text)])))
    ran = place.run("run", "--now", "--landscape", "odd.landscape", *CHECK)
    assert "{a.__class__} {0} %s {x!r:>99} {x}\\x1b]0;taken over\\x07" in ran.out
    assert "\x1b" not in ran.out


def test_a_landscape_of_another_cluster_than_asked_for(place: Place) -> None:
    (place.folder / "demo.landscape").write_bytes(DEMO)
    ran = place.run("run", "--now", "--landscape", "demo.landscape", "--cluster", "shop-prod", *CHECK)
    assert ran.code == 3
    assert "demo.landscape is a landscape of 'shop-demo'" in ran.err
    assert not (place.folder / "reports").exists()
    assert place.run("run", "--now", "--landscape", "demo.landscape", "--cluster", "shop-demo", *CHECK).code == 1
