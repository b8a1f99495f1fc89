"""The products that the fake serves: their versions, hosts, operations and words for a refusal."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.cloud import (
    alb,
    cms,
    cs,
    ecs,
    ecs_network,
    ecs_status,
    ecs_stock,
    ess,
    ess_flat,
    nas,
    nlb,
    quotas,
    ram,
    slb,
    sts,
    vpc,
)
from tests.fakes.cloud.wire import GRANTED_BY, ApiError

FORBIDDEN_RAM = (
    "Forbidden.RAM",
    "User not authorized to operate on the specified resource, or this API doesn't support RAM.",
)
NO_PERMISSION = ("NoPermission", "You are not authorized to do this action. You should be authorized by RAM.")
FORBIDDEN_NO_PERMISSION = ("Forbidden.NoPermission", "Authentication is failed for NoPermission.")
FORBIDDEN_UNAUTHORIZED = (
    "Forbidden.Unauthorized",
    "A required authorization for the specified action is not supplied.",
)

READS = ("Describe", "List", "Get", "Check", "AssumeRole")
"""How the names of operations begin that change nothing."""


@dataclass(frozen=True)
class Product:
    """A product.

    Attributes:
        name: as in RAM actions.
        title: as in the addresses of its error pages.
        version: the date of its API.
        host: the host that its errors name.
        operations: by action.
        forbidden: the code and the message with which it refuses for want of a permission.
        further: the operations of its other versions, by their dates.
    """

    name: str
    title: str
    version: str
    host: str
    operations: dict[str, Callable[[Any, Any], Any]]
    forbidden: tuple[str, str] = FORBIDDEN_RAM
    further: dict[str, dict[str, Callable[[Any, Any], Any]]] = field(default_factory=dict)

    def served(self, version: str) -> dict[str, Callable[[Any, Any], Any]]:
        """Return the operations of a version; none for one that there is not."""
        return self.operations if version == self.version else self.further.get(version, {})


PRODUCTS = {
    product.name: product
    for product in (
        Product(
            "alb", "Alb", "2020-06-16", "alb.cn-hangzhou.aliyuncs.com", dict(alb.OPERATIONS), FORBIDDEN_NO_PERMISSION
        ),
        Product("cms", "Cms", "2019-01-01", "metrics.cn-hangzhou.aliyuncs.com", dict(cms.OPERATIONS), FORBIDDEN_RAM),
        Product("cs", "CS", "2015-12-15", "cs.cn-hangzhou.aliyuncs.com", dict(cs.OPERATIONS)),
        Product(
            "ecs",
            "Ecs",
            "2014-05-26",
            "ecs-cn-hangzhou.aliyuncs.com",
            {**ecs.OPERATIONS, **ecs_network.OPERATIONS, **ecs_status.OPERATIONS, **ecs_stock.OPERATIONS},
        ),
        Product(
            "ess",
            "Ess",
            "2014-08-28",
            "ess.aliyuncs.com",
            dict(ess.OPERATIONS),
            FORBIDDEN_UNAUTHORIZED,
            {ess_flat.VERSION: ess_flat.OPERATIONS},
        ),
        Product("nas", "NAS", "2017-06-26", "nas.cn-hangzhou.aliyuncs.com", dict(nas.OPERATIONS)),
        Product(
            "nlb", "Nlb", "2022-04-30", "nlb.cn-hangzhou.aliyuncs.com", dict(nlb.OPERATIONS), FORBIDDEN_NO_PERMISSION
        ),
        Product("quotas", "quotas", "2020-05-10", "quotas.aliyuncs.com", dict(quotas.OPERATIONS), NO_PERMISSION),
        Product("ram", "Ram", "2015-05-01", "ram.aliyuncs.com", dict(ram.OPERATIONS), NO_PERMISSION),
        Product("slb", "Slb", "2014-05-15", "slb.aliyuncs.com", dict(slb.OPERATIONS)),
        Product("sts", "Sts", "2015-04-01", "sts.cn-hangzhou.aliyuncs.com", dict(sts.OPERATIONS), NO_PERMISSION),
        Product("vpc", "Vpc", "2016-04-28", "vpc.aliyuncs.com", dict(vpc.OPERATIONS)),
    )
}

BY_VERSION = {version: product for product in PRODUCTS.values() for version in (product.version, *product.further)}
"""The version tells the products apart: NLB and ALB both have ListLoadBalancers, and no two share a date."""


def served_by(host: str) -> str:
    """Return the product that a host of the cloud serves, empty for none or any.

    ``ecs-cn-hangzhou.aliyuncs.com``, ``slb.cn-beijing.aliyuncs.com``, ``slb-vpc.cn-hangzhou.aliyuncs.com``.
    """
    name = host.partition(".")[0].partition("-")[0]
    return name if host.endswith(".aliyuncs.com") and name in PRODUCTS else ""


def is_read(action: str) -> bool:
    """Return whether an operation changes nothing, by its name."""
    return action.startswith(READS)


def forbidden(product: Product, action: str) -> ApiError:
    """Return the error for want of the permission for an action."""
    name = f"{product.name}:{action}"
    detail = {
        "AuthAction": GRANTED_BY.get(name, name),
        "AuthPrincipalDisplayName": "ack-auditor:ack-auditor",
        "AuthPrincipalOwnerId": "1098765432101234",
        "AuthPrincipalType": "AssumedRoleUser",
        "EncodedDiagnosticMessage": "AQEAAAAA",
        "NoPermissionType": "ImplicitDeny",
        "PolicyType": "AccountLevelIdentityBasedPolicy",
    }
    if product.name == "cs":
        for key in ("AuthPrincipalDisplayName", "EncodedDiagnosticMessage"):
            detail.pop(key)
        message = (
            f"STATUS_FORBIDDEN: RAM user has no permission cs:{action} on acs:cs:cn-hangzhou:1098765432101234:cluster/*"
        )
        return ApiError("StatusForbidden", message, 403, {"accessDeniedDetail": detail})
    code, message = product.forbidden
    return ApiError(code, message, 403, {"AccessDeniedDetail": detail})


def throttled(product: Product) -> ApiError:
    """Return the error for too many calls, in the product's words."""
    if product.name == "ecs":
        return ApiError("Throttling", "Request was denied due to request throttling.", 400, by_gateway=True)
    if product.name == "cs":
        return ApiError("Throttling.Api", "Request was denied due to api flow control.", 429, by_gateway=True)
    return ApiError("Throttling.User", "Request was denied due to user flow control.", 400, by_gateway=True)
