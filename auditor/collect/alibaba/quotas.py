"""Quota Center: the limits of CLB and NLB as they are for this account."""

from collections.abc import Callable

from auditor.collect.alibaba.balancer_scope import may_use_nlb
from auditor.collect.alibaba.client import CloudClient
from auditor.collect.alibaba.fields import BadField, Fields
from auditor.collect.alibaba.filling import from_list, nothing_asked
from auditor.collect.alibaba.paging import Tokened
from auditor.collect.alibaba.sdk import Request
from auditor.collect.provider import provides
from auditor.facts.cloud.quotas import Quota
from auditor.facts.kubernetes.services import Service
from auditor.facts.ref import Layer
from auditor.facts.table import Table

_REGION = "regionId"


@provides("slb_quotas", source="quotas", layer=Layer.CLOUD, permissions=("quotas:ListProductQuotas",))
def collect_slb_quotas(client: CloudClient) -> Table[Quota]:
    """Fill ``slb_quotas``."""
    return _collect(client, "slb_quotas", "slb")


@provides("nlb_quotas", source="quotas", layer=Layer.CLOUD, permissions=("quotas:ListProductQuotas",))
def collect_nlb_quotas(client: CloudClient, services: Table[Service]) -> Table[Quota]:
    """Fill ``nlb_quotas``, for a cluster that may use an NLB."""
    if not may_use_nlb(services):
        return nothing_asked("nlb_quotas")
    return _collect(client, "nlb_quotas", "nlb")


def _collect(client: CloudClient, table: str, product: str) -> Table[Quota]:
    request = Request(
        "quotas",
        "ListProductQuotas",
        {
            "ProductCode": product,
            "QuotaCategory": "CommonQuota",
            "Dimensionss": [{"Key": _REGION, "Value": client.region}],
        },
    )
    parse = _parser(product, client.region)
    return from_list(client, table, request, ("Quotas", ""), Tokened(100), parse, _parser_key(product, client.region))


def _parser(product: str, region: str) -> Callable[[Fields], Quota | None]:
    def parse(fields: Fields) -> Quota | None:
        dimensions = dict(fields.child("Dimensions").pairs())
        if not all(isinstance(value, str) for value in dimensions.values()):
            raise BadField("Dimensions")
        # A quota with further dimensions is that of a single object; one of another region was not asked for.
        if set(dimensions) - {_REGION} or dimensions.get(_REGION, region) != region:
            return None
        limit, usage = fields.number("TotalQuota"), fields.number("TotalUsage")
        return Quota(
            product=product,
            code=fields.required("QuotaActionCode"),
            name=fields.word("QuotaName"),
            region=dimensions.get(_REGION, ""),
            limit=_unless_negative(limit),
            usage=_unless_negative(usage) if fields.flag("Consumable") else None,
        )

    return parse


def _parser_key(product: str, region: str) -> Callable[[Fields], str]:
    return lambda fields: Quota(product, fields.required("QuotaActionCode"), region=region).key


def _unless_negative(value: float | None) -> float | None:
    """Return a number; None for -1, which stands for "not known"."""
    return value if value is not None and value >= 0 else None
