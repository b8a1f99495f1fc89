"""Where products are asked."""

import importlib
from functools import cache

import pytest

from auditor.collect.alibaba import endpoints
from auditor.collect.alibaba.endpoints import Endpoints
from auditor.collect.alibaba.sdk import VERSIONS
from auditor.collect.errors import ConfigError
from auditor.loopback import is_loopback
from tests.collect.alibaba.kit import make_client


@pytest.mark.parametrize(
    ("region", "product", "url"),
    [
        ("cn-hangzhou", "ecs", "https://ecs-cn-hangzhou.aliyuncs.com"),
        ("cn-hangzhou", "slb", "https://slb.aliyuncs.com"),
        ("cn-hangzhou", "nlb", "https://nlb.cn-hangzhou.aliyuncs.com"),
        ("cn-hangzhou", "nas", "https://nas.cn-hangzhou.aliyuncs.com"),
        ("cn-hangzhou", "vpc", "https://vpc.aliyuncs.com"),
        ("cn-hangzhou", "ess", "https://ess.aliyuncs.com"),
        ("cn-hangzhou", "cs", "https://cs.cn-hangzhou.aliyuncs.com"),
        ("cn-hangzhou", "ram", "https://ram.aliyuncs.com"),
        ("cn-hangzhou", "quotas", "https://quotas.aliyuncs.com"),
        ("cn-hangzhou", "sts", "https://sts.cn-hangzhou.aliyuncs.com"),
        ("eu-central-1", "cs", "https://cs.eu-central-1.aliyuncs.com"),
        ("me-central-1", "vpc", "https://vpc.me-central-1.aliyuncs.com"),
        ("na-south-1", "cs", "https://cs.na-south-1.aliyuncs.com"),
        ("us-southeast-1", "nas", "https://nas.us-southeast-1.aliyuncs.com"),
        ("cn-wuhan-lr", "slb", "https://slb.cn-wuhan-lr.aliyuncs.com"),
        ("cn-nanjing", "ess", "https://ess.aliyuncs.com"),
    ],
)
def test_the_clouds_own_hosts_are_known_without_asking(region: str, product: str, url: str) -> None:
    assert Endpoints(region).of(product) == url


def test_overrides_win_and_the_product_wins_over_all() -> None:
    endpoints = Endpoints("cn-hangzhou", "https://gateway.example/", {"slb": "https://slb-vpc.example:8443"})
    assert endpoints.of("ecs") == "https://gateway.example"
    assert endpoints.of("cs") == "https://gateway.example"
    assert endpoints.of("slb") == "https://slb-vpc.example:8443"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80", "http://127.8.8.8"])
def test_plain_http_is_allowed_to_this_machine(url: str) -> None:
    assert is_loopback(url)
    assert Endpoints("cn-hangzhou", url).of("cs") == url


@pytest.mark.parametrize("url", ["http://10.0.0.1", "http://gateway.example", "http://localhost.example"])
def test_plain_http_to_another_machine_needs_a_word(url: str) -> None:
    with pytest.raises(ConfigError, match=r"endpoint: .*allow_plain_http"):
        make_client(endpoint=url)
    with pytest.raises(ConfigError, match=r"endpoints\.cs: .*allow_plain_http"):
        make_client(endpoints={"cs": url})
    assert Endpoints("cn-hangzhou", url, allow_plain_http=True).of("ecs") == url


@pytest.mark.parametrize(
    "url", ["ecs.aliyuncs.com", "ftp://ecs.aliyuncs.com", "https://", "https://u:p@host", "https://host/?a=b"]
)
def test_what_is_no_base_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match=r"endpoints\.ecs") as caught:
        Endpoints("cn-hangzhou", endpoints={"ecs": url})
    assert "u:p" not in str(caught.value)


def test_an_unknown_product_is_named_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"clb.*slb"):
        Endpoints("cn-hangzhou", endpoints={"clb": "https://host"})


def test_an_unknown_region_names_the_nearest_and_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"cn-hangzou.*cn-hangzhou.*endpoints"):
        Endpoints("cn-hangzou")
    anywhere = Endpoints("xx-nowhere-9", endpoints=dict.fromkeys(VERSIONS, "https://host"))
    assert anywhere.of("slb") == "https://host"
    assert Endpoints("xx-nowhere-9", "https://host").of("slb") == "https://host"


def test_a_region_without_shipped_endpoints_says_which_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "_known_regions", lambda: frozenset({"xx-new-1"}))
    with pytest.raises(ConfigError, match=r"xx-new-1.*endpoints = \{ \w+ ="):
        Endpoints("xx-new-1")


@pytest.mark.parametrize("region", endpoints._LATER_REGIONS)
def test_the_later_regions_have_the_hosts_of_the_official_maps(region: str) -> None:
    hosts = Endpoints(region)
    assert hosts.of("ess") == f"https://{_official_map()[region]}"
    for product in ("cs", "ecs", "slb", "vpc", "sts", "nas", "nlb", "alb"):
        assert hosts.of(product) == f"https://{product}.{region}.aliyuncs.com"
    assert hosts.of("ram") == "https://ram.aliyuncs.com"


@cache
def _official_map() -> dict[str, str]:
    """Return the endpoint map of the official SDK of ESS of the new generation: the fullest of those installed."""
    client = importlib.import_module("alibabacloud_ess20220222.client")
    models = importlib.import_module("alibabacloud_tea_openapi.models")
    found: dict[str, str] = client.Client(models.Config(region_id="cn-hangzhou"))._endpoint_map
    return found
