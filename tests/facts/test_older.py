"""Files of older and of later versions: what only one of the two knows is never taken for empty, and nothing fails."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from auditor.facts.catalogue import TABLES
from auditor.facts.cloud.ecs import SecurityGroupRule, SecurityGroupRules
from auditor.facts.landscape import ClusterIdentity, Landscape
from auditor.facts.older import narrowed, paths_of
from auditor.facts.saved import TOP_FIELDS_ONLY, decode, encode
from auditor.facts.table import NotKnown, Reason, ReasonKind, State
from auditor.judge.engine import judge
from auditor.judge.registry import load_checks
from tests.audits import undisturbed
from tests.checks import make
from tests.checks.kit import landscape

Saved = dict[str, Any]


def saved() -> Saved:
    rows = landscape(
        pods=[make.pod("shop/web-1", "n1", claims=["data"]), make.pod("shop/web-2", "n2")],
        disks=[make.disk("d-1")],
        security_group_rules=[
            SecurityGroupRules("sg-1", "Accept", [SecurityGroupRule("r-1", "ingress", "Accept", 1, "TCP")]),
        ],
    )
    content: Saved = json.loads(gzip.decompress(encode(rows, "0.1.0")))
    return content


def read(content: Saved) -> Landscape:
    return decode(gzip.compress(json.dumps(content).encode()))


def without(content: Any, *path: str) -> Any:
    """Return the JSON without the field at this path, in every object that has it."""
    if isinstance(content, list):
        return [without(member, *path) for member in content]
    if isinstance(content, dict) and path[1:]:
        return {key: without(value, *path[1:]) if key == path[0] else value for key, value in content.items()}
    if isinstance(content, dict):
        return {key: value for key, value in content.items() if key != path[0]}
    return content


def of_older_version(table: str, path: str, *, names_top_fields_only: bool = False) -> Saved:
    """Return a file of a version that knew no such field."""
    content = saved()
    entry = content["tables"][table]
    entry["rows"] = without(entry["rows"], *path.split("."))
    entry["fields"] = [field for field in entry["fields"] if field != path and not field.startswith(f"{path}.")]
    if names_top_fields_only:
        content["format"] = TOP_FIELDS_ONLY
        for each in content["tables"].values():
            each["fields"] = [field for field in each["fields"] if "." not in field]
    return content


@pytest.mark.parametrize("names_top_fields_only", [False, True])
@pytest.mark.parametrize(
    ("table", "path", "ask"),
    [
        ("disks", "portable", lambda row: row.portable),
        ("pods", "spec.securityContext", lambda row: row.spec.security_context),
        ("pods", "status.podIP", lambda row: row.status.pod_ip),
        ("pods", "spec.containers.ports", lambda row: row.spec.containers[0].ports),
        ("pods", "spec.volumes.persistentVolumeClaim.readOnly", lambda row: row.volumes[0].claim.read_only),
        ("pods", "spec.volumes.persistentVolumeClaim.claimName", lambda row: row.claim_keys),
        ("security_group_rules", "rules.peer_cidr", lambda row: row.rules[0].peer_cidr),
    ],
)
def test_a_field_that_the_version_did_not_collect_is_not_known(
    table: str, path: str, ask: Callable[[Any], object], names_top_fields_only: bool
) -> None:
    rows = read(of_older_version(table, path, names_top_fields_only=names_top_fields_only)).table(table).all()
    assert isinstance(rows[0], TABLES[table])
    with pytest.raises(NotKnown, match=f"did not collect: {table}.{path}") as caught:
        ask(rows[0])
    assert [reason.kind for reason in caught.value.reasons] == [ReasonKind.UNSUPPORTED]


@pytest.mark.parametrize("names_top_fields_only", [False, True])
def test_all_other_fields_of_an_older_file_are_known(names_top_fields_only: bool) -> None:
    older = of_older_version("pods", "spec.securityContext", names_top_fields_only=names_top_fields_only)
    pod = read(older).table("pods").all()[0]
    assert (pod.key, pod.node_name, pod.claim_keys, pod.ref.kind) == ("shop/web-1", "n1", ["shop/data"], "Pod")
    assert read(older).table("disks").all() == read(saved()).table("disks").all()


def test_an_older_landscape_that_is_saved_again_stays_as_old() -> None:
    again = decode(encode(read(of_older_version("pods", "spec.securityContext")), "0.2.0"))
    assert again.table("pods").all()[0].node_name == "n1"
    with pytest.raises(NotKnown):
        _ = again.table("pods").all()[0].spec.security_context


@pytest.mark.parametrize("names_top_fields_only", [False, True])
def test_rows_that_nothing_tells_apart_are_not_known(names_top_fields_only: bool) -> None:
    again = read(of_older_version("pods", "metadata.name", names_top_fields_only=names_top_fields_only))
    assert again.table("pods").state is State.UNAVAILABLE
    assert again.table("disks").state is State.KNOWN


def test_a_table_without_rows_lacks_nothing() -> None:
    content = saved()
    content["tables"]["disks"].update(rows=[], fields=["id"])
    assert read(content).table("disks").all() == []


def test_a_later_file_is_read_as_far_as_it_is_understood() -> None:
    content = saved()
    content.update(tomorrow=1)
    content["cluster"]["tomorrow"] = 1
    content["tables"]["tomorrow"] = {"rows": [{"a": 1}], "fields": ["a"], "gaps": [], "tomorrow": 1}
    for pod in content["tables"]["pods"]["rows"]:
        pod["tomorrow"] = {"a": [1]}
        pod["spec"]["tomorrow"] = 1
    content["tables"]["pods"]["fields"] += ["tomorrow", "tomorrow.a", "spec.tomorrow"]
    reason = {"source": "moon", "kind": "eclipsed", "message": {"key": "no {light}", "values": {"light": "light"}}}
    content["tables"]["disks"]["gaps"] = [{"reason": reason, "keys": ["d-2"], "tomorrow": 1}]
    log = {"source": "moon", "layer": "cloud", "state": "partial", "items": 1, "calls": 1, "retries": 0, "seconds": 1}
    content["collection"] = [{**log, "reasons": [reason], "tomorrow": 1}]
    again = read(content)
    assert "tomorrow" not in again.tables
    assert again.table("pods").all() == read(saved()).table("pods").all()
    with pytest.raises(NotKnown, match="no light") as caught:
        again.table("disks").get("d-2")
    assert [known.kind for known in caught.value.reasons] == [ReasonKind.UNSUPPORTED]
    assert again.collection[0].reasons == caught.value.reasons


def test_only_the_checks_that_read_a_field_suffer_when_it_was_not_collected() -> None:
    before = undisturbed("demo")
    content = json.loads(gzip.decompress(encode(before.landscape, "0.1.0")))
    disks = content["tables"]["disks"]
    disks["rows"] = without(disks["rows"], "portable")
    disks["fields"].remove("portable")
    suffering = []
    former = {result.id: result for result in before.outcome.checks}
    for result in judge(read(content), load_checks())[0]:
        if any("disks.portable" in str(reason.message) for reason in result.reasons):
            suffering.append(result.id)
            assert result.subjects < former[result.id].subjects
        else:
            assert (result.status, result.subjects) == (former[result.id].status, former[result.id].subjects)
    assert "storage/disk-not-detachable" in suffering
    assert "storage/disk-in-other-zone" not in suffering


def test_structs_in_a_dictionary_would_have_no_paths() -> None:
    class Odd(msgspec.Struct):
        name: str
        parts: dict[str, Reason] | None = None

    with pytest.raises(TypeError, match="no dictionaries of structs"):
        paths_of(Odd)


@pytest.mark.parametrize("name", TABLES)
def test_every_type_can_lack_any_of_its_fields(name: str) -> None:
    known = paths_of(TABLES[name])
    assert narrowed(TABLES[name], name, known) is TABLES[name]
    for path in known:
        beneath = {other for other in known if other == path or other.startswith(f"{path}.")}
        assert paths_of(narrowed(TABLES[name], name, known - beneath)) == known - beneath


def test_the_cluster_is_said_as_it_was() -> None:
    assert read(saved()).cluster == ClusterIdentity(**saved()["cluster"])
