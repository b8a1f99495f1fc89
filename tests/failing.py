"""Ways in which an API can fail to say something, laid on one action of the cloud or one right of the cluster."""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import requests

from auditor.facts.ref import Layer
from auditor.facts.table import ReasonKind
from tests.audits import Haste
from tests.calls import operations_of
from tests.clusters import FakeCluster
from tests.fakes.cloud import ApiError, FakeCloud
from tests.fakes.cloud.products import PRODUCTS
from tests.fakes.kubernetes import FakeKubernetes, Request
from tests.fakes.kubernetes.faults import Fault

Json = dict[str, Any]
OnCloud = Callable[[FakeCloud, str], object]
OnKubernetes = Callable[[FakeKubernetes, str], object]

HTML = "<html><body>Please sign in.</body></html>"
_OF_ALL = ("AccessKeyId", "RegionId", "ClusterId", "VpcId")
"""Parameters that are the same in every call."""
_OUTCOME = ("Code", "Success")
"""What an answer says of itself: that it is well."""
MORE = 5
"""How many items are announced beyond those that come."""


@dataclass(frozen=True)
class Failure:
    """One way to fail.

    Attributes:
        name: what it is called in the tests' ids.
        kinds: the kinds of reason that fit it.
        on_cloud: lays it on an action; None if the cloud can't fail so.
        on_kubernetes: lays it on the paths of a right; None if an API server can't fail so.
        haste: how soon the clients are to give up.
    """

    name: str
    kinds: frozenset[ReasonKind]
    on_cloud: OnCloud | None
    on_kubernetes: OnKubernetes | None
    haste: Haste = Haste()  # noqa: RUF009 - frozen

    def fits(self, layer: Layer) -> bool:
        """Tell whether a side can fail so."""
        return (self.on_cloud if layer is Layer.CLOUD else self.on_kubernetes) is not None

    def lay(self, cluster: FakeCluster, layer: Layer, permission: str) -> None:
        """Let one action, or the lists that take one right, fail so."""
        if layer is Layer.CLOUD:
            assert self.on_cloud is not None
            for action in actions_of(permission):
                self.on_cloud(cluster.cloud, action)
        else:
            assert self.on_kubernetes is not None
            self.on_kubernetes(cluster.kubernetes, permission)


def paths_of(permission: str) -> tuple[str, ...]:
    """Return the patterns of the paths that a right opens: ``list daemonsets.apps``, ``get pods/log``, ``get /livez``.

    A list may be asked for in one namespace, and an object be one of a namespace or of the cluster.
    """
    verb, _, resource = permission.partition(" ")
    if resource.startswith("/"):
        return (resource,)
    name, _, group = resource.partition(".")
    prefix = f"/apis/{group}/*" if group else "/api/v1"
    kind, _, part = name.partition("/")
    tail = f"/*/{part}" if part else "/*" if verb == "get" else ""
    # The star of a group's version stands for a namespace too: a second pattern would lay each fault twice.
    in_all = f"{prefix}/{kind}{tail}"
    return (in_all,) if group else (in_all, f"{prefix}/namespaces/*/{kind}{tail}")


def lay(kubernetes: FakeKubernetes, permission: str, fault: Fault) -> None:
    """Lay a fault on the paths that a right opens."""
    for pattern in paths_of(permission):
        kubernetes.fail(pattern, fault)


def actions_of(permission: str) -> Collection[str]:
    """Return the operations of the cloud that a RAM action allows; mostly that of its own name."""
    product, _, action = permission.partition(":")
    return {permission} if action in PRODUCTS[product].operations else operations_of(permission)


def _fault(fault: Fault) -> OnKubernetes:
    return lambda kubernetes, permission: lay(kubernetes, permission, fault)


def _rewritten(change: Callable[[Json, str], object], times: int | None = None) -> OnKubernetes:
    """Lay a fault that edits lists, given the key of their items; what is no list is left as it is."""

    def rewrite(document: Json) -> None:
        key = next((key for key in ("items", "rows") if key in document), "")
        if key:
            change(document, key)

    def lay_on_lists(kubernetes: FakeKubernetes, permission: str) -> None:
        if permission.startswith("list "):
            lay(kubernetes, permission, Fault(rewrite=rewrite, times=times))

    return lay_on_lists


def _mutated(change: Callable[[Json], object]) -> OnCloud:
    return lambda cloud, action: cloud.mutate(action, _edited(change))


def _edited(change: Callable[[Json], object]) -> Callable[[Any], Any]:
    """Return an edit for answers of any shape: one that is a list is edited as if an object stood around it."""

    def edit(answer: Any) -> Any:
        around: Json = {"": answer} if isinstance(answer, list) else answer
        change(around)
        if around is answer:
            return None
        inner = around.get("", {})
        return "null" if inner is None else inner

    return edit


def _lists(part: Json) -> Iterator[tuple[Json, str, list[Any]]]:
    """Yield the lists of an answer with their places, those inside of objects too, but not those inside of lists."""
    for key, value in part.items():
        if isinstance(value, list):
            yield part, key, value
        elif isinstance(value, dict):
            yield from _lists(value)


def _put_in_place_of_lists(answer: Json, value: object) -> None:
    """Replace the lists of an answer; if it has none, its objects."""
    places = [(holder, key) for holder, key, _ in _lists(answer)] or _objects(answer)
    for holder, key in places:
        holder[key] = value


def _without_lists(answer: Json) -> None:
    for holder, key in [(holder, key) for holder, key, _ in _lists(answer)] or _objects(answer):
        del holder[key]


def _null_wrappers(answer: Json) -> None:
    """Null what stands at the top of an answer, list or object."""
    for holder, key in _objects(answer) or [(holder, key) for holder, key, _ in _lists(answer)]:
        holder[key] = None


def _objects(answer: Json) -> list[tuple[Json, str]]:
    return [(answer, key) for key, value in answer.items() if isinstance(value, dict)]


def _announce_more(answer: Json) -> None:
    counts = [len(items) for _, _, items in _lists(answer)]
    answer["TotalCount"] = answer.get("TotalCount", max(counts, default=0)) + MORE


def _announce_more_items(document: Json, _key: str) -> None:
    document["metadata"] = {"remainingItemCount": MORE}


def _spoil_an_item(answer: Json) -> None:
    """Put a number in place of the first item of each list; if there is no list, in place of each object."""
    if not list(_lists(answer)):
        _put_in_place_of_lists(answer, 7)
    for _, _, items in _lists(answer):
        items[:1] = [7] * len(items[:1])


def _spoil_fields(answer: Json) -> None:
    """Give all fields of the first items another type, but leave them their names and ids."""
    first = [items[0] for _, _, items in _lists(answer) if items and isinstance(items[0], dict)]
    for item in first or [holder[key] for holder, key in _objects(answer)] or [answer]:
        for key in item:
            if not key.lower().endswith(("id", "name")) and key not in _OUTCOME:
                item[key] = {"unexpected": {"unexpected": 7}}


def _spoil_fields_of_an_item(document: Json, key: str) -> None:
    for item in document[key][:1]:
        for part in ("spec", "status", "endpoints", "provisioner", "involvedObject", "type", "cells"):
            item[part] = [7]
        item.get("object", item)["metadata"]["uid"] = 7


def _is_first(params: Mapping[str, str]) -> bool:
    return not params.get("NextToken") and params.get("PageNumber", "1") == "1"


def _has_pages(answer: Json) -> bool:
    return bool({"TotalCount", "PageNumber", "NextToken"} & set(answer))


def _halve(answer: Json, token: str) -> None:
    """Leave half of the items for a second page."""
    if _has_pages(answer):
        for _, _, items in _lists(answer):
            del items[(len(items) + 1) // 2 :]
        answer["NextToken"] = token


def _second_page_fails(cloud: FakeCloud, action: str) -> None:
    cloud.mutate(action, _edited(lambda answer: _halve(answer, "second")), when=_is_first)
    cloud.fail(action, 500, _error("InternalError"), when=lambda params: not _is_first(params))


def _second_list_page_fails(kubernetes: FakeKubernetes, permission: str) -> None:
    def halve(document: Json, key: str) -> None:
        del document[key][(len(document[key]) + 1) // 2 :]
        document["metadata"] = {"continue": "second", "remainingItemCount": MORE}

    if permission.startswith("list "):
        lay(kubernetes, permission, Fault(status=500, body=b"{}", skip=1))
        _rewritten(halve, times=1)(kubernetes, permission)


def _token_repeats(cloud: FakeCloud, action: str) -> None:
    again = b"page:0".hex()
    cloud.mutate(action, lambda answer: answer.update(NextToken=again) if "NextToken" in answer else None)


def _list_token_repeats(kubernetes: FakeKubernetes, permission: str) -> None:
    """Let each page be the first one again, with one item and a token for more."""

    def start_again(request: Request) -> None:
        if request.permission == permission:
            request.query.pop("continue", None)

    def shorten(document: Json, key: str) -> None:
        del document[key][1:]
        document["metadata"] = {"continue": "again"}

    kubernetes.before_answer = start_again
    _rewritten(shorten)(kubernetes, permission)


def _fails_for_some(cloud: FakeCloud, action: str) -> None:
    """Let an action that is called object by object fail for about half of the objects."""

    def is_hit(params: Mapping[str, str]) -> bool:
        named = {key: value for key, value in params.items() if key.endswith(("Id", "Name")) and key not in _OF_ALL}
        return bool(named) and crc32(repr(sorted(named.items())).encode()) % 2 == 0

    cloud.fail(action, 500, _error("InternalError"), when=is_hit)


def _error(code: str) -> Json:
    return {"RequestId": "0", "Code": code, "Message": "as it is"}


def _time_out(_answer: Json) -> None:
    raise requests.exceptions.ReadTimeout("Read timed out.")


def _no_such_operation(cloud: FakeCloud, action: str) -> None:
    """Let a gateway answer that does not know the operation: that says nothing of the object that was asked for."""
    cloud.fail_with(action, ApiError("InvalidAction.NotFound", "Specified api is not found.", 404))


def _status(code: int, reason: str) -> Fault:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason}
    return Fault(code, json.dumps({**status, "code": code}).encode())


def _kinds(*kinds: ReasonKind) -> frozenset[ReasonKind]:
    return frozenset(kinds)


DENIED = Failure(
    "denied",
    _kinds(ReasonKind.FORBIDDEN),
    lambda cloud, action: cloud.deny(action),
    lambda kubernetes, permission: kubernetes.deny(permission),
)
FAILURES = (
    DENIED,
    Failure(
        "throttled",
        # The time that a product may be asked is used up by waiting, so its other actions may run out of it.
        _kinds(ReasonKind.THROTTLED, ReasonKind.TIMEOUT),
        lambda cloud, action: cloud.throttle(action),
        _fault(Fault(429, b"{}", headers={"Retry-After": "0"})),
        Haste(cloud_deadline=0.3),
    ),
    Failure(
        "times-out",
        _kinds(ReasonKind.TIMEOUT),
        _mutated(_time_out),
        _fault(Fault(delay=0.6)),
        Haste(kubernetes_read_timeout=0.3, attempts=1),
    ),
    Failure(
        "cut-json",
        _kinds(ReasonKind.MALFORMED),
        lambda cloud, action: cloud.cut(action, halfway=True),
        _fault(Fault(cut=True)),
    ),
    Failure(
        "no-answer",
        _kinds(ReasonKind.UNREACHABLE),
        lambda cloud, action: cloud.cut(action),
        _fault(Fault(close="before")),
    ),
    Failure("cut-off", _kinds(ReasonKind.TRUNCATED), None, _fault(Fault(close="during"))),
    Failure(
        "announces-more",
        _kinds(ReasonKind.TRUNCATED),
        _mutated(_announce_more),
        _rewritten(_announce_more_items),
    ),
    Failure(
        "null-list",
        _kinds(ReasonKind.MALFORMED),
        _mutated(lambda answer: _put_in_place_of_lists(answer, None)),
        _rewritten(lambda document, key: document.update({key: None})),
    ),
    Failure("null-wrapper", _kinds(ReasonKind.MALFORMED), _mutated(_null_wrappers), None),
    Failure(
        "absent-list",
        _kinds(ReasonKind.MALFORMED),
        _mutated(_without_lists),
        _rewritten(lambda document, key: document.pop(key)),
    ),
    Failure(
        "empty-object",
        _kinds(ReasonKind.MALFORMED),
        _mutated(lambda answer: answer.clear()),
        _fault(Fault(200, b"{}")),
    ),
    Failure(
        "spoilt-item",
        _kinds(ReasonKind.MALFORMED),
        _mutated(_spoil_an_item),
        _rewritten(lambda document, key: document[key].__setitem__(slice(0, 1), [7])),
    ),
    Failure(
        "spoilt-fields",
        _kinds(ReasonKind.MALFORMED),
        _mutated(_spoil_fields),
        _rewritten(_spoil_fields_of_an_item),
    ),
    Failure(
        "html-200",
        _kinds(ReasonKind.MALFORMED),
        lambda cloud, action: cloud.fail(action, 200, HTML),
        _fault(Fault(200, HTML.encode(), "text/html")),
    ),
    Failure(
        "html-502",
        _kinds(ReasonKind.MALFORMED, ReasonKind.ERROR),
        lambda cloud, action: cloud.fail(action, 502, HTML),
        _fault(Fault(502, HTML.encode(), "text/html")),
    ),
    Failure(
        "error-500",
        _kinds(ReasonKind.ERROR),
        lambda cloud, action: cloud.fail(action, 500, _error("InternalError")),
        _fault(_status(500, "InternalError")),
    ),
    Failure("error-for-some", _kinds(ReasonKind.ERROR), _fails_for_some, None),
    Failure("no-such-operation", _kinds(ReasonKind.ERROR), _no_such_operation, None),
    Failure("second-page-fails", _kinds(ReasonKind.ERROR), _second_page_fails, _second_list_page_fails),
    Failure("token-repeats", _kinds(ReasonKind.TRUNCATED), _token_repeats, _list_token_repeats),
)
