"""``[[clusters]]``: which clusters to audit, and how to reach both of their sides."""

import ipaddress
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from auditor.config.base import ConfigTable
from auditor.config.credentials import Credentials

Probe = Literal["kubelet", "tcp", "loopback", "forwarding", "component-logs", "ingress-metrics"]
PRODUCTS = ("slb", "nlb", "ecs", "nas", "ram", "sts", "ess", "vpc", "cs", "quotas")


def _range(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError as error:
        raise ValueError(f"expected an address range such as 203.0.113.0/24 ({error})") from None


def _base_url(value: str) -> str:
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("expected a base URL such as https://slb-vpc.cn-hangzhou.aliyuncs.com")
    if parts.username or parts.password:
        raise ValueError("a URL here can't carry a user name or a password")
    return value.rstrip("/")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


AddressRange = Annotated[str, AfterValidator(_range)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]


def _named_kind(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class Right(ConfigTable):
    """A right that an identity must have."""

    verbs: list[str] = Field(min_length=1)
    group: str = ""
    resource: str
    namespace: str = ""


class Identity(ConfigTable):
    """Somebody, and what they must be able to do."""

    user: str = ""
    groups: list[str] = []
    must: list[Right] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_somebody(self) -> "Identity":
        if not self.user and not self.groups:
            raise ValueError("expected `user`, `groups` or both")
        return self


class KubernetesAccess(ConfigTable):
    """How to reach the Kubernetes API."""

    kubeconfig: Path | None = None
    context: str = ""
    in_cluster: bool = False
    secret_metadata: bool = False
    timeout_seconds: float = Field(default=120, gt=0, le=3600)

    @model_validator(mode="after")
    def _is_one_way(self) -> "KubernetesAccess":
        if self.in_cluster and self.kubeconfig:
            raise ValueError("`in_cluster` and `kubeconfig` are given together; expected one of them")
        return self


class AlibabaAccess(ConfigTable):
    """How to reach the Alibaba Cloud API."""

    credentials: Annotated[Credentials, BeforeValidator(_named_kind)] = Credentials()
    endpoint: BaseUrl = ""
    endpoints: dict[str, BaseUrl] = {}
    allow_plain_http: bool = False
    timeout_seconds: float = Field(default=120, gt=0, le=3600)

    @model_validator(mode="after")
    def _is_encrypted(self) -> "AlibabaAccess":
        unknown = sorted(set(self.endpoints) - set(PRODUCTS))
        if unknown:
            raise ValueError(f"endpoints: no product is called {', '.join(unknown)}; known: {', '.join(PRODUCTS)}")
        for key, url in (("endpoint", self.endpoint), *((f"endpoints.{k}", v) for k, v in self.endpoints.items())):
            if url.startswith("http://") and not _is_loopback(url) and not self.allow_plain_http:
                raise ValueError(
                    f"{key}: {url} is not encrypted, which is allowed for loopback addresses only; "
                    "use https, or set allow_plain_http = true"
                )
        return self


class Cluster(ConfigTable):
    """One cluster."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    region: str = Field(pattern=r"^[a-z]{2,}(-[a-z0-9]+)+$")
    cluster_id: str = Field(pattern=r"^[a-z0-9]{8,64}$")
    client_cidrs: list[AddressRange] = []
    probes: list[Probe] = []
    identities: list[Identity] = []
    kubernetes: KubernetesAccess = KubernetesAccess()
    alibaba: AlibabaAccess = AlibabaAccess()
