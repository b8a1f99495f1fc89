"""Where each product is asked: overrides of the operator first, then the tables that the SDK ships. No look-ups."""

import functools
import importlib
import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from auditor.collect.alibaba.sdk import VERSIONS, tame
from auditor.collect.errors import ConfigError
from auditor.facts.text import Text, t
from auditor.loopback import is_loopback

_EVERYWHERE = {"cms": "metrics.cn-hangzhou.aliyuncs.com"}
"""Products with one host for all regions, and no table of endpoints in the SDK."""

_CODES = {"cs": "CS", "nas": "NAS", "quotas": "quotas"}
"""Product codes that are not simply capitalised."""

_LATER_REGIONS = (
    "ap-northeast-2",
    "ap-southeast-6",
    "ap-southeast-7",
    "cn-fuzhou",
    "cn-guangzhou",
    "cn-heyuan-acdr-1",
    "cn-nanjing",
    "cn-wuhan-lr",
    "cn-wulanchabu-gic-1",
    "cn-zhengzhou-jva",
    "cn-zhongwei",
    "me-central-1",
    "na-south-1",
    "us-southeast-1",
)
"""Regions that are younger than the tables of the SDK.

They are those of the endpoint map in the official new-generation SDK of CS 2015-12-15, and cn-zhongwei and
ap-southeast-6 from Alibaba Cloud's pages "ACK: supported regions" and "Server Load Balancer: endpoints". Wherever that
map, the one of ESS 2022-02-22, or the pages on endpoints of ECS, CLB and CS name a host in them, it is
``<product>.<region>.aliyuncs.com``, but for the one below.
"""

_ODD_HOSTS = {("ess", "cn-nanjing"): "ess.aliyuncs.com"}
"""Hosts in later regions that have another form; from the endpoint map of ESS 2022-02-22."""


class Endpoints:
    """The base URL of each product, for one region."""

    def __init__(
        self,
        region: str,
        endpoint: str = "",
        endpoints: Mapping[str, str] | None = None,
        *,
        allow_plain_http: bool = False,
    ) -> None:
        """Find all base URLs, without any call.

        Args:
            region: the region's id, such as ``cn-hangzhou``.
            endpoint: one base URL for all products; empty for none.
            endpoints: base URLs by product; these win over ``endpoint``.
            allow_plain_http: whether ``http`` is allowed for other than loopback addresses.

        Raises:
            ConfigError: a URL can't be used, or the region or its endpoints are not known.
        """
        overrides = dict(endpoints or {})
        unknown = sorted(set(overrides) - set(VERSIONS))
        if unknown:
            raise ConfigError(
                t(
                    "endpoints: no product is called {unknown}; expected some of {known}",
                    unknown=unknown,
                    known=", ".join(VERSIONS),
                )
            )
        keys = {product: f"endpoints.{product}" if overrides.get(product) else "endpoint" for product in VERSIONS}
        urls = {product: overrides.get(product) or endpoint for product in VERSIONS}
        self._urls = {
            product: check_url(url, keys[product], allow_plain_http=allow_plain_http)
            for product, url in urls.items()
            if url
        }
        self._urls |= _shipped(region, [product for product in VERSIONS if product not in self._urls])

    def of(self, product: str) -> str:
        """Return the base URL of a product, without a slash at its end."""
        return self._urls[product]


def check_url(url: str, key: str, *, allow_plain_http: bool = False) -> str:
    """Return a base URL that may be used, without a slash at its end.

    ``key`` is the configuration key that holds it. Raises ConfigError if it is no http(s) URL, carries a user
    name, or would send signed requests unencrypted beyond this machine.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(t("{key}: expected a base URL such as https://ecs-vpc.cn-hangzhou.aliyuncs.com", key=key))
    if parts.username or parts.password:
        raise ConfigError(t("{key}: a URL here can't carry a user name or a password", key=key))
    if parts.scheme == "http" and not allow_plain_http and not is_loopback(url):
        raise ConfigError(
            t(
                "{key}: {url} is not encrypted, which is allowed for loopback addresses only; "
                "use https, or set allow_plain_http = true",
                key=key,
                url=url,
            )
        )
    return url.rstrip("/")


def _shipped(region: str, products: list[str]) -> dict[str, str]:
    if not products:
        return {}
    found = {product: f"https://{host}" for product, host in _EVERYWHERE.items() if product in products}
    products = [product for product in products if product not in found]
    data = {product: _endpoint_data(product) for product in products}
    regional = [product for product in products if data[product].getEndpointRegional() != "central"]
    known = _known_regions()
    if regional and region not in known:
        raise ConfigError(_unknown_region(region, regional, known))
    hosts = {product: _resolve(product, region, data[product]) for product in products}
    missing = [product for product, host in hosts.items() if not host]
    if missing:
        raise ConfigError(
            t(
                "region: no endpoint of {products} is known for {region}; name them in endpoints, "
                'as in endpoints = { {example} = "https://…" }',
                products=", ".join(missing),
                region=region,
                example=missing[0],
            )
        )
    return found | {product: f"https://{host}" for product, host in hosts.items()}


def _unknown_region(region: str, products: list[str], known: frozenset[str]) -> Text:
    near = get_close_matches(region, sorted(known), n=3, cutoff=0.5)
    return t(
        "region: {region} is not known; the nearest known regions are {near}. "
        "If it is right, name the base URLs of {products} in endpoints",
        region=region,
        near=", ".join(near or ["cn-hangzhou", "cn-shanghai", "ap-southeast-1"]),
        products=", ".join(products),
    )


def _resolve(product: str, region: str, data: Any) -> str:
    if host := _ODD_HOSTS.get((product, region)):
        return host
    from aliyunsdkcore.acs_exception.exceptions import ClientException  # noqa: PLC0415 - SDK imported when used
    from aliyunsdkcore.endpoint.chained_endpoint_resolver import ChainedEndpointResolver  # noqa: PLC0415
    from aliyunsdkcore.endpoint.resolver_endpoint_request import ResolveEndpointRequest  # noqa: PLC0415

    request = ResolveEndpointRequest(region, _CODES.get(product, product.capitalize()), product, "openAPI")
    request.request_network = "public"
    request.product_suffix = ""
    request.endpoint_map = data.getEndpointMap()
    request.endpoint_regional = data.getEndpointRegional()
    try:
        return str(ChainedEndpointResolver(_offline_resolvers()).resolve(request))
    except ClientException:
        # The SDK's rule for the form of hosts does not know the prefix of each later region.
        return f"{product}.{region}.aliyuncs.com" if region in _LATER_REGIONS else ""


@functools.cache
def _offline_resolvers() -> list[Any]:
    """Return the SDK's resolvers in its own order, without the last: that asks the Location service."""
    from aliyunsdkcore.endpoint.endpoint_resolver_rules import EndpointResolverRules  # noqa: PLC0415
    from aliyunsdkcore.endpoint.local_config_global_endpoint_resolver import (  # noqa: PLC0415
        LocalConfigGlobalEndpointResolver,
    )
    from aliyunsdkcore.endpoint.local_config_regional_endpoint_resolver import (  # noqa: PLC0415
        LocalConfigRegionalEndpointResolver,
    )

    return [LocalConfigRegionalEndpointResolver(), EndpointResolverRules(), LocalConfigGlobalEndpointResolver()]


@functools.cache
def _known_regions() -> frozenset[str]:
    from aliyunsdkcore.endpoint.local_config_regional_endpoint_resolver import (  # noqa: PLC0415
        LocalConfigRegionalEndpointResolver,
    )

    shipped = json.loads(Path(LocalConfigRegionalEndpointResolver.ENDPOINT_JSON).read_text(encoding="utf-8"))
    tabled = [product for product in VERSIONS if product not in _EVERYWHERE]
    named = {region for product in tabled for region in _endpoint_data(product).getEndpointMap()}
    return frozenset({*shipped["regions"], *named, *_LATER_REGIONS})


def _endpoint_data(product: str) -> Any:
    tame()
    return importlib.import_module(f"aliyunsdk{product}.endpoint").endpoint_data
