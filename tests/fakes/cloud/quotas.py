"""Quota Center (product ``quotas``): the limits of the products."""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import recorded
from tests.fakes.cloud.filters import only
from tests.fakes.cloud.paging import by_token
from tests.fakes.cloud.wire import ApiError, Json, Parameters, not_found

PRODUCTS = ("alb", "csk", "ecs", "ess", "nas", "nlb", "ram", "slb", "vpc")
"""The products that Quota Center knows; one without quotas answers an empty list."""


@dataclass
class QuotaState:
    """What Quota Center knows: the quotas by ``product/code``, in the form of ListProductQuotas."""

    quotas: dict[str, Json] = field(default_factory=dict)

    @classmethod
    def recorded(cls) -> "QuotaState":
        """Return the recorded state."""
        state = cls()
        for answer in recorded.answers("quotas", "ListProductQuotas"):
            for quota in answer["Quotas"]:
                state.quotas[f"{quota['ProductCode']}/{quota['QuotaActionCode']}"] = quota
        return state

    def add_quota(self, product: str, code: str, limit: float, **fields: Any) -> Json:
        """Add a quota of a product in one region."""
        quota: Json = {
            "Adjustable": True,
            "Consumable": False,
            "Dimensions": {"regionId": "cn-hangzhou"},
            "ProductCode": product,
            "QuotaActionCode": code,
            "QuotaCategory": "CommonQuota",
            "QuotaDescription": code,
            "QuotaName": code,
            "TotalQuota": limit,
            **fields,
        }
        self.quotas[f"{product}/{code}"] = quota
        return quota


def list_product_quotas(state: QuotaState, params: Parameters) -> Json:
    """Return the quotas of one product."""
    product = params.required("ProductCode")
    if product not in PRODUCTS:
        raise ApiError("INVALID.PARAMETER", "The parameter ProductCode is invalid.")
    found = [quota for quota in state.quotas.values() if quota["ProductCode"] == product]
    found = only(found, params, "QuotaActionCode", "QuotaCategory")
    wanted = params.pairs("Dimensions")
    found = [quota for quota in found if wanted.items() <= quota["Dimensions"].items()]
    page = by_token(found, params, largest=100, default=30)
    return {"MaxResults": page.size, "NextToken": page.token, "Quotas": page.items, "TotalCount": page.total}


def get_product_quota(state: QuotaState, params: Parameters) -> Json:
    """Return one quota; all of its dimensions have to be named."""
    quota = state.quotas.get(f"{params.required('ProductCode')}/{params.required('QuotaActionCode')}")
    if quota is None:
        raise not_found("RESOURCE.NOT.FOUND", "The specified quota does not exist.")
    if params.pairs("Dimensions") != quota["Dimensions"]:
        raise ApiError("INVALID.DIMENSION", "The dimensions of the quota are not valid.")
    return {"Quota": quota}


OPERATIONS = {"ListProductQuotas": list_product_quotas, "GetProductQuota": get_product_quota}
