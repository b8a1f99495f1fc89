"""``auditor collect``: a saved landscape is judged as the live one is, and a redacted one names nobody's things."""

import contextlib
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.facts.saved import read
from tests.cli.conftest import Place
from tests.clusters import CLUSTERS

KEY = "a key that is long enough for anybody"


@pytest.fixture(params=CLUSTERS)
def any_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Return a place with each of the clusters, everything switched on."""
    cluster = CLUSTERS[request.param]()
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(cluster.cloud.serve())
        stack.enter_context(cluster.kubernetes)
        cluster.kubernetes.write_kubeconfig(tmp_path / "kubeconfig")
        place = Place(tmp_path, cluster.cloud, cluster.kubernetes, endpoint)
        place.configure(
            kubernetes='kubeconfig = "kubeconfig"\nsecret_metadata = true',
            probes='["kubelet"]',
            client_cidrs='["203.0.113.0/24"]',
            identities='[{ user = "u", must = [{ verbs = ["get"], resource = "pods" }] }]',
        )
        yield place


def findings(place: Place) -> str:
    """Return the findings of the report as they are written, but for the moment of the collection."""
    found = place.report()["findings"]
    for finding in found:
        assert finding["seen"].keys() == {"first", "last"}
        del finding["seen"]
    return json.dumps(found, indent=2)


def test_the_findings_of_a_saved_landscape_are_those_of_the_live_run(any_place: Place) -> None:
    any_place.run("run", "--now", "--format", "json")
    live, checks = findings(any_place), any_place.report()["checks"]
    any_place.run("collect", "--output", "saved.landscape")
    any_place.cloud.deny("*")
    any_place.kubernetes.token = "nobody-can-read-anything-now"
    any_place.run("run", "--now", "--landscape", "saved.landscape", "--format", "json")
    assert json.loads(live)
    assert findings(any_place) == live
    assert any_place.report()["checks"] == checks


def test_a_redacted_landscape_gives_as_many_findings_and_no_name(any_place: Place) -> None:
    any_place.run("run", "--now", "--format", "json")
    checks = any_place.report()["checks"]
    ran = any_place.run("collect", "--redact", "--output", "redacted.landscape")
    assert ran.code in (0, 2)
    content = gzip.decompress((any_place.folder / "redacted.landscape").read_bytes()).decode()
    for name in ("shop", "payments", "mysql", "d-bp1dgkv4xmy49qfhhlnm", any_place.cloud.state.cs.cluster_id):
        assert name not in content
    name = read(any_place.folder / "redacted.landscape").cluster.name
    any_place.run("run", "--now", "--landscape", "redacted.landscape", "--format", "json")
    again = any_place.report(name)["checks"]
    numbers = ("id", "status", "subjects", "findings")
    assert [[check[key] for key in numbers] for check in again] == [[check[key] for key in numbers] for check in checks]


def test_two_files_get_the_same_names_only_by_one_key(place: Place) -> None:
    (place.folder / "key").write_text(KEY + "\n", encoding="utf-8")
    checks = ("--check", "service/endpoints-empty")
    for number in (1, 2):
        assert place.run("collect", "--redact-key", "key", "--output", f"key-{number}", *checks).code == 0
        assert place.run("collect", "--redact", "--output", f"random-{number}", *checks).code == 0
    names = {made.name: read(made).cluster.name for made in place.folder.glob("*-[12]")}
    assert names["key-1"] == names["key-2"] != "shop-prod"
    assert len({names["key-1"], names["random-1"], names["random-2"]}) == 3


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), ("short", "at least 32 characters")])
def test_a_key_that_is_none_is_refused_before_anything_is_read(place: Place, content: str | None, said: str) -> None:
    if content is not None:
        (place.folder / "key").write_text(content, encoding="utf-8")
    ran = place.run("collect", "--redact-key", "key", "--output", "out")
    assert ran.code == 3
    assert "--redact-key: key: " in ran.err
    assert said in ran.err
    assert place.cloud.actions() == []
