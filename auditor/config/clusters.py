"""``[[clusters]]``: which clusters to audit, and how to reach both of their sides."""

import ipaddress
import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, model_validator

from auditor.config.base import ConfigTable, LocalPath, Name, Words
from auditor.config.credentials import Credentials, named_kind
from auditor.loopback import is_loopback

Probe = Literal["kubelet", "tcp", "loopback", "forwarding", "component-logs", "ingress-metrics"]
PRODUCTS = ("slb", "nlb", "alb", "ecs", "nas", "ram", "sts", "ess", "vpc", "cs", "cms", "quotas")


def _range(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise ValueError(f"expected an address range such as 203.0.113.0/24 ({error})") from None


def _base_url(value: str) -> str:
    if not value:
        return value
    expected = "expected a base URL such as https://slb-vpc.cn-hangzhou.aliyuncs.com"
    try:
        parts = urlsplit(value)
        port_is_possible = parts.port != 0
    except ValueError:
        raise ValueError(expected) from None
    if "@" in parts.netloc:
        raise ValueError("a URL here can't carry a user name or a password")
    is_plain = re.fullmatch(r"[\w.:\[\]-]+", parts.netloc) and not (parts.query or parts.fragment)
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_possible or not is_plain:
        raise ValueError(expected)
    return parts.geturl().rstrip("/")


def _region(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2,}(-[a-z0-9]+)+", value):
        raise ValueError("expected a region id such as cn-hangzhou")
    return value


def _cluster_id(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9]{8,64}", value):
        raise ValueError(
            "expected the ACK cluster id, 8 to 64 lower-case letters and digits such as "
            "c1cef2604bddf0081a2bc425e1415ce18; the ACK console shows it with the cluster's name"
        )
    return value


AddressRange = Annotated[str, AfterValidator(_range)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=3600, allow_inf_nan=False)]


class Right(ConfigTable):
    """A right that an identity must have."""

    verbs: list[Words] = Field(min_length=1)
    group: str = ""
    resource: Words
    namespace: str = ""


class Identity(ConfigTable):
    """Somebody, and what they must be able to do."""

    user: str = ""
    groups: list[Words] = []
    must: list[Right] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_somebody(self) -> "Identity":
        if not self.user and not self.groups:
            raise ValueError("expected `user`, `groups` or both")
        return self


class KubernetesAccess(ConfigTable):
    """How to reach the Kubernetes API."""

    kubeconfig: LocalPath | None = None
    context: str = ""
    in_cluster: StrictBool = False
    from_ack: Literal["public", "intranet"] | None = None
    secret_metadata: StrictBool = False
    timeout_seconds: Seconds = 120

    @model_validator(mode="after")
    def _is_one_way(self) -> "KubernetesAccess":
        ways = {"kubeconfig": self.kubeconfig, "in_cluster": self.in_cluster, "from_ack": self.from_ack}
        given = [f"`{key}`" for key, value in ways.items() if value]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(sorted(given))} are given together; expected one of them")
        if self.from_ack and self.context:
            raise ValueError("`context` is that of a kubeconfig file; what `from_ack` hands out has only one")
        return self


class AlibabaAccess(ConfigTable):
    """How to reach the Alibaba Cloud API."""

    credentials: Annotated[Credentials, BeforeValidator(named_kind)] = Credentials()
    endpoint: BaseUrl = ""
    endpoints: dict[str, BaseUrl] = {}
    ca_file: LocalPath | None = None
    allow_plain_http: StrictBool = False
    timeout_seconds: Seconds = 120

    @model_validator(mode="after")
    def _is_encrypted(self) -> "AlibabaAccess":
        unknown = sorted(set(self.endpoints) - set(PRODUCTS))
        if unknown:
            raise ValueError(f"endpoints: no product is called {', '.join(unknown)}; known: {', '.join(PRODUCTS)}")
        for key, url in (("endpoint", self.endpoint), *((f"endpoints.{k}", v) for k, v in self.endpoints.items())):
            if url.startswith("http://") and not is_loopback(url) and not self.allow_plain_http:
                raise ValueError(
                    f"{key}: {url} is not encrypted, which is allowed for loopback addresses only; "
                    "use https, or set allow_plain_http = true"
                )
        return self


class Cluster(ConfigTable):
    """One cluster."""

    name: Name
    region: Annotated[str, AfterValidator(_region)]
    cluster_id: Annotated[str, AfterValidator(_cluster_id)]
    client_cidrs: list[AddressRange] = []
    probes: list[Probe] = []
    identities: list[Identity] = []
    suppress_by_annotation: StrictBool = False
    kubernetes: KubernetesAccess = KubernetesAccess()
    alibaba: AlibabaAccess = AlibabaAccess()
