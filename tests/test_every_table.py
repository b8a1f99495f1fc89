"""Let every call of every table fail in every way, whether a check reads the table or not.

A table is filled by itself, with what it needs. What failed must show in it, named as it is; what came must be as it
was; and the tables that do not rest on the call must not have changed. A call is tried with some of the ways, so that
every call and every way has its turn. With the environment variable ``ALL_FAILURES`` it is tried with all.
"""

import os
from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec
import pytest

from auditor.collect.provider import Provider
from auditor.collect.registry import providers, with_needs
from auditor.facts.catalogue import TABLES
from auditor.facts.landscape import Landscape
from auditor.facts.ref import Layer
from auditor.facts.table import NotKnown, Reason, State, Table
from tests.audits import collected
from tests.calls import calls
from tests.clusters import FakeCluster, everything
from tests.failing import DENIED, FAILURES, Failure, actions_of

SHARE = 6
"""One of so many combinations of a call and a way is tried."""

HARD = (
    "denied",
    "throttled",
    "times-out",
    "cut-json",
    "no-answer",
    "cut-off",
    "empty-object",
    "html-200",
    "html-502",
    "error-500",
    "no-such-operation",
)
"""The ways after which a call has brought nothing at all; after the others it may have brought all that there is."""

TELLING = ("api_health", "api_stages", "kubelet_log_reads")
"""The tables whose rows say how a call went: for them, that it failed is a fact."""

TIMES = ("seconds", "first_at", "last_at", "highest_at")
"""The fields that tell when a run was, or how long it took."""

NO_VSWITCHES = "a cluster has vSwitches: none stand for some that the answer did not name"
ANY_TEXT = "a log is any text, so it can't be told from another; and it is waited for longer"
EXCUSED = {
    ("alb_listener_access", "null-wrapper"): "without access control there is no AclConfig: null says the same",
    ("clusters", "null-list"): NO_VSWITCHES,
    ("clusters", "null-wrapper"): NO_VSWITCHES,
    ("clusters", "absent-list"): NO_VSWITCHES,
    ("container_logs", "cut-json"): ANY_TEXT,
    ("container_logs", "empty-object"): ANY_TEXT,
    ("container_logs", "html-200"): ANY_TEXT,
    ("container_logs", "times-out"): ANY_TEXT,
}
"""The tables that do not show a way to fail, and why that is right."""

Case = tuple[str, str, Failure]
Row = dict[str, Any]


def all_cases() -> Iterator[Case]:
    """Yield every table with every permission of its own and every way in which that call can fail."""
    for name, provider in sorted(providers().items()):
        for permission in provider.permissions:
            for way in FAILURES:
                if way.fits(provider.layer):
                    yield name, permission, way


def chosen() -> list[Case]:
    """Return the cases to try: those on a diagonal through calls and ways, or all of them."""
    if os.environ.get("ALL_FAILURES"):
        return list(all_cases())
    pairs = list(dict.fromkeys((name, permission) for name, permission, _ in all_cases()))
    ways = [way.name for way in FAILURES]
    return [
        (name, permission, way)
        for name, permission, way in all_cases()
        if (pairs.index((name, permission)) + ways.index(way.name)) % SHARE == 0
    ]


def label(value: object) -> str | None:
    """Return the name of a way for the id of a test."""
    return value.name if isinstance(value, Failure) else None


@cache
def undisturbed() -> tuple[FakeCluster, Landscape]:
    """Return the cluster with which nothing is wrong, and all that is collected from it."""
    cluster = everything()
    return cluster, collected(cluster, providers())


def rows(cluster: FakeCluster, table: Table[Any]) -> dict[str, Row]:
    """Return the rows that are there by their keys, without what differs from run to run, field by field."""
    if table.is_unavailable:
        return {}
    found = {}
    for row in table.known_rows():
        fields: dict[str, Any] = msgspec.json.decode(lasting(cluster, msgspec.json.encode(row).decode()))
        found[lasting(cluster, row.key)] = {name: value for name, value in fields.items() if name not in TIMES}
    return found


def lasting(cluster: FakeCluster, text: str) -> str:
    """Return a text without the address of the fake API server, whose port is another one in each run."""
    return text.replace(address_of(cluster), "SERVER")


def differing(there: dict[str, Row], were: dict[str, Row]) -> dict[str, Row]:
    """Return the fields that are not as they were, by row; one that is null now was not said, which is fair."""
    changed = {
        key: {name: value for name, value in row.items() if value is not None and value != were[key].get(name)}
        for key, row in there.items()
    }
    return {key: fields for key, fields in changed.items() if fields}


def address_of(cluster: FakeCluster) -> str:
    """Return where the fake API server listens."""
    return cluster.kubernetes.url.partition("//")[2]


def resting_on(permission: str) -> set[str]:
    """Return the tables that use a permission, and those that need one of them."""
    known = providers()
    users = {name for name, provider in known.items() if permission in provider.permissions}
    return {name for name in known if with_needs({name}) & users}


def was_used(cluster: FakeCluster, layer: Layer, permission: str) -> bool:
    """Tell whether a call was made that takes this permission."""
    if layer is Layer.KUBERNETES:
        return permission in cluster.kubernetes.permissions_used
    return bool(set(actions_of(permission)) & set(cluster.cloud.actions()))


@pytest.mark.parametrize(("name", "permission", "way"), chosen(), ids=label)
def test_a_call_that_fails_shows_in_its_table_and_nowhere_else(name: str, permission: str, way: Failure) -> None:
    provider = providers()[name]
    whole, before = undisturbed()
    cluster = everything()
    way.lay(cluster, provider.layer, permission)
    after = collected(cluster, [name], way.haste)
    resting = resting_on(permission)
    for one in after.tables:
        table, former = after.table(one), before.table(one)
        assert_no_provider_broke(table)
        there, were = rows(cluster, table), rows(whole, former)
        if one not in resting:
            assert table.state is former.state, one
            assert there == were, one
            continue
        assert set(there) <= set(were), one
        if table.state is State.KNOWN and table.asked is None:
            assert set(there) == set(were), one
        for key in set(were) - set(there):
            with pytest.raises(NotKnown):
                pytest.fail(f"{one}: {key} is {table.get(key.replace('SERVER', address_of(cluster)))}")
        if one not in TELLING:
            assert (one, way.name) in EXCUSED or differing(there, were) == {}, one
            assert_explained(former, table, provider, permission, way)
    used = was_used(cluster, provider.layer, permission)
    if used and way.name in HARD and name not in TELLING and (name, way.name) not in EXCUSED:
        assert after.table(name).state is not State.KNOWN


@pytest.mark.parametrize(("name", "way"), EXCUSED)
def test_an_excuse_is_needed(name: str, way: str) -> None:
    (permission,) = providers()[name].permissions
    whole, before = undisturbed()
    cluster = everything()
    failure = next(one for one in FAILURES if one.name == way)
    failure.lay(cluster, providers()[name].layer, permission)
    table = collected(cluster, [name], failure.haste).table(name)
    differs = differing(rows(cluster, table), rows(whole, before.table(name))) != {}
    assert differs or (way in HARD and table.state is State.KNOWN), "take it out of EXCUSED"


def assert_no_provider_broke(table: Table[Any]) -> None:
    """Assert that no exception left the provider: the plan would have said so."""
    assert not [str(why.message) for why in table.reasons if f"reading {table.name} failed" in str(why.message)]


def assert_explained(
    former: Table[Any],
    table: Table[Any],
    provider: Provider,
    permission: str,
    way: Failure,
) -> None:
    """Assert that each new reason says where the gap lies, of what kind it is, and what has to be granted."""
    source = permission.partition(":")[0] if provider.layer is Layer.CLOUD else "kubernetes"
    for why in table.reasons:
        if why in former.reasons:
            continue
        assert (why.source, why.kind in way.kinds) == (source, True), said(why)
        assert why.missing == ((permission,) if way is DENIED else ()), said(why)


def said(why: Reason) -> str:
    return f"{why.source} {why.kind}: {why.message} {why.missing}"


def test_every_call_and_every_way_has_its_turn() -> None:
    tried = chosen()
    assert {(name, permission) for name, permission, _ in tried} == {(name, right) for name, right, _ in all_cases()}
    assert {way.name for *_, way in tried} == {way.name for way in FAILURES}
    assert {name for name, *_ in tried} == {name for name, provider in providers().items() if provider.permissions}


def test_every_table_has_a_provider() -> None:
    assert set(providers()) == set(TABLES)


def test_every_table_has_a_row_that_could_get_lost() -> None:
    _, landscape = undisturbed()
    assert {name for name, table in landscape.tables.items() if table.state is not State.KNOWN} == set()
    assert {name for name, table in landscape.tables.items() if not len(table)} == set(), "plant some in everything()"


def test_every_permission_is_used() -> None:
    made = {(call.table, call.permission) for call in calls().cloud}
    made |= {(call.table, call.permission) for call in calls().kubernetes}
    assert {(name, permission) for name, permission, _ in all_cases()} <= made
