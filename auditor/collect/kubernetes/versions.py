"""Lists whose API version depends on the server's (1.18 to 1.36), and kinds that a server need not have.

The newest version is asked for first, an older one only if the server does not know it. All versions of a kind are
of one group, so that they take the same right. Since when, and until when, a version is served:
https://kubernetes.io/docs/reference/using-api/deprecation-guide/
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from auditor.collect.kubernetes.beta import BetaBudget, BetaEndpointSlice, BetaIngress
from auditor.collect.kubernetes.client import KubernetesClient
from auditor.collect.kubernetes.failures import SOURCE, UNREADABLE, CallFailed, reason
from auditor.collect.kubernetes.lists import Listing, listings, read_table, resource_of
from auditor.collect.provider import Collect, provides
from auditor.facts.catalogue import KUBERNETES_TABLES
from auditor.facts.decoders import decoder_of
from auditor.facts.kubernetes.meta import KubernetesObject
from auditor.facts.ref import Layer
from auditor.facts.table import Reason, ReasonKind, Table
from auditor.facts.text import t

R = TypeVar("R", bound=KubernetesObject)


@dataclass(frozen=True)
class Version:
    """One version of a list.

    Attributes:
        path: of the list.
        wire_type: the type of its items, if they have another form than the rows.
        converted: makes a row from such an item.
    """

    path: str
    wire_type: type[Any] | None = None
    converted: Callable[[Any], Any] | None = None


VERSIONS: dict[str, tuple[Version, ...]] = {
    # v1 from 1.21; v1beta1 until 1.24.
    "cron_jobs": (Version("/apis/batch/v1/cronjobs"), Version("/apis/batch/v1beta1/cronjobs")),
    # v1 from 1.18; v1beta1 until 1.21.
    "csi_drivers": (
        Version("/apis/storage.k8s.io/v1/csidrivers"),
        Version("/apis/storage.k8s.io/v1beta1/csidrivers"),
    ),
    # v1 from 1.21; v1beta1 until 1.24.
    "endpoint_slices": (
        Version("/apis/discovery.k8s.io/v1/endpointslices"),
        Version("/apis/discovery.k8s.io/v1beta1/endpointslices", BetaEndpointSlice, BetaEndpointSlice.as_v1),
    ),
    # v2 from 1.23; v2beta2 until 1.25; v1 always, but without conditions.
    "horizontal_pod_autoscalers": (
        Version("/apis/autoscaling/v2/horizontalpodautoscalers"),
        Version("/apis/autoscaling/v2beta2/horizontalpodautoscalers"),
        Version("/apis/autoscaling/v1/horizontalpodautoscalers"),
    ),
    # v1 from 1.19; v1beta1 from 1.18 until 1.21.
    "ingress_classes": (
        Version("/apis/networking.k8s.io/v1/ingressclasses"),
        Version("/apis/networking.k8s.io/v1beta1/ingressclasses"),
    ),
    # v1 from 1.19; v1beta1 until 1.21.
    "ingresses": (
        Version("/apis/networking.k8s.io/v1/ingresses"),
        Version("/apis/networking.k8s.io/v1beta1/ingresses", BetaIngress, BetaIngress.as_v1),
    ),
    # v1 from 1.21; v1beta1 until 1.24.
    "pod_disruption_budgets": (
        Version("/apis/policy/v1/poddisruptionbudgets"),
        Version("/apis/policy/v1beta1/poddisruptionbudgets", BetaBudget, BetaBudget.as_v1),
    ),
}
"""The versions of a list by table, the newest first. Those without a type of their own have the form of the rows."""

OPTIONAL = listings(
    {
        "alb_configs": "/apis/alibabacloud.com/v1/albconfigs",
        "pod_networkings": "/apis/network.alibabacloud.com/v1beta1/podnetworkings",
    },
    KUBERNETES_TABLES,
)
"""Kinds that an add-on brings with it: a server that does not know them has no object of theirs."""


def read_newest(client: KubernetesClient, table: str, versions: Sequence[Version], row_type: type[R]) -> Table[R]:
    """Read a list in the newest of its versions that the server has."""
    for version in versions:
        read = read_table(
            client,
            table,
            Listing(version.path, f"{row_type.KIND}List"),
            row_type,
            wire_type=version.wire_type,
            converted=version.converted,
        )
        if not _is_not_served(read):
            return read
    return read


def read_optional(client: KubernetesClient, table: str, listing: Listing, row_type: type[R]) -> Table[R]:
    """Read a list of a kind that the server need not have: it is empty if the server serves it in no version.

    That it is not served in this version is the list's own answer; discovery tells whether there is another one.
    """
    read = read_table(client, table, listing, row_type)
    if not _is_not_served(read):
        return read
    try:
        others = _other_versions(client, listing)
    except CallFailed as failure:
        return Table.unavailable(table, failure.reason)
    if others:
        return Table.unavailable(table, _other_version_only(listing, others))
    return Table(table)


def _is_not_served(table: Table[Any]) -> bool:
    return table.is_unavailable and all(why.kind is ReasonKind.UNSUPPORTED for why in table.reasons)


class _GroupVersion(msgspec.Struct, frozen=True):
    version: str


class _Group(msgspec.Struct, frozen=True):
    versions: list[_GroupVersion]


class _Resource(msgspec.Struct, frozen=True):
    name: str


class _Resources(msgspec.Struct, frozen=True):
    resources: list[_Resource]


D = TypeVar("D")
_GROUP: msgspec.json.Decoder[_Group] = decoder_of(_Group)
_RESOURCES: msgspec.json.Decoder[_Resources] = decoder_of(_Resources)


def _other_versions(client: KubernetesClient, listing: Listing) -> list[str]:
    """Return the versions in which the resource of a list is served, other than the list's own."""
    *_, own, resource = listing.path.split("/")
    group_path = listing.path.removesuffix(f"/{own}/{resource}")
    group = _discovered(client, group_path, _GROUP)
    versions = [each.version for each in group.versions if each.version != own] if group else []
    served = {version: _discovered(client, f"{group_path}/{version}", _RESOURCES) for version in versions}
    return [
        version
        for version, resources in served.items()
        if resources and any(one.name == resource for one in resources.resources)
    ]


def _discovered(client: KubernetesClient, path: str, document: msgspec.json.Decoder[D]) -> D | None:
    """Return a document of discovery, None if the server has none at this path. Raises CallFailed."""
    try:
        return document.decode(client.get(path))
    except CallFailed as failure:
        if failure.reason.kind is not ReasonKind.UNSUPPORTED:
            raise
        return None
    except UNREADABLE:
        message = t("GET {path}: the answer is no document of discovery", path=path)
        raise CallFailed(reason(ReasonKind.MALFORMED, message)) from None


def _other_version_only(listing: Listing, others: Sequence[str]) -> Reason:
    message = t(
        "this API server has {resource} only in the versions {versions}, which can't be read",
        resource=resource_of(listing.path),
        versions=list(others),
    )
    return reason(ReasonKind.UNSUPPORTED, message)


def _newest_of(table: str, versions: Sequence[Version]) -> Collect:
    def collect(client: KubernetesClient) -> Table[Any]:
        return read_newest(client, table, versions, KUBERNETES_TABLES[table])

    return collect


def _optional_of(table: str, listing: Listing) -> Collect:
    def collect(client: KubernetesClient) -> Table[Any]:
        return read_optional(client, table, listing, KUBERNETES_TABLES[table])

    return collect


for _table, _versions in VERSIONS.items():
    (_permission,) = {f"list {resource_of(version.path)}" for version in _versions}
    provides(_table, source=SOURCE, layer=Layer.KUBERNETES, permissions=(_permission,))(_newest_of(_table, _versions))

for _table, _listing in OPTIONAL.items():
    provides(_table, source=SOURCE, layer=Layer.KUBERNETES, permissions=(_listing.permission,))(
        _optional_of(_table, _listing)
    )
