"""The one place that knows the classic SDK core: its requests, its transport, and what has to be tamed in both.

Nothing of the SDK is imported before the first request is built or the first channel is opened.
"""

import importlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlencode

from auditor.collect.alibaba.transport import Answer, Patience, Transport, Trust

VERSIONS = {
    "alb": "v20200616",
    "cms": "v20190101",
    "cs": "v20151215",
    "ecs": "v20140526",
    "ess": "v20140828",
    "nas": "v20170626",
    "nlb": "v20220430",
    "quotas": "v20200510",
    "ram": "v20150501",
    "slb": "v20140515",
    "sts": "v20150401",
    "vpc": "v20160428",
}
"""The products that are asked, and the API version that the classic SDK speaks with each."""

CS_VERSION = "2015-12-15"
BARE_LIST = "items"
"""The key under which an answer that is a bare JSON array is handed on."""
_LOGGERS = ("aliyunsdkcore", "credentials", "alibabacloud-tea")
_taming = threading.Lock()
_tamed = threading.Event()


@dataclass(frozen=True)
class Request:
    """One API operation and its parameters: a recipe, since an SDK request must not be sent twice.

    Attributes:
        product: the product, in lower case (``ecs``).
        action: the operation (``DescribeDisks``); with the product it is mostly the RAM action too.
        params: by the name of the SDK's setter, which differs from the name on the wire for some lists; by the
            name on the wire for an operation that the classic SDK has no class for.
        path: for an operation of CS that the classic SDK has no class for: the path, with ``[Name]`` places for
            parameters. The other parameters go into the query.
        version: for an operation of another product that the classic SDK has no class for: the date of its API.
        granted_by: the RAM action, where it is not called as the operation is (``QueryMetricList``).
        bare_list: whether the answer is a JSON array, and no object: it is handed on as the list ``BARE_LIST``.
    """

    product: str
    action: str
    params: Mapping[str, Any] = field(default_factory=dict)
    path: str = ""
    version: str = ""
    granted_by: str = ""
    bare_list: bool = False

    @property
    def permission(self) -> str:
        """The RAM action that it needs."""
        return f"{self.product}:{self.granted_by or self.action}"

    def having(self, **params: Any) -> "Request":
        """Return the same operation with further parameters."""
        return replace(self, params={**self.params, **params})

    def build(self) -> Any:
        """Return a fresh SDK request: signing changes a request, so each attempt and each page needs its own."""
        tame()
        if self.path:
            return self._build_by_path()
        return self._build_by_version() if self.version else self._build_by_class()

    def _build_by_class(self) -> Any:
        name = f"{self.action}Request"
        module = importlib.import_module(f"aliyunsdk{self.product}.request.{VERSIONS[self.product]}.{name}")
        request = getattr(module, name)()
        for key, value in self.params.items():
            getattr(request, f"set_{key}")(value)
        return request

    def _build_by_path(self) -> Any:
        from aliyunsdkcore.request import CommonRequest  # noqa: PLC0415 - the SDK is imported when it is used

        request = CommonRequest(version=CS_VERSION, action_name=self.action, uri_pattern=self.path, product="CS")
        request.set_method("GET")
        for key, value in self.params.items():
            if f"[{key}]" in self.path:
                request.add_path_param(key, value)
            else:
                request.add_query_param(key, value)
        return request

    def _build_by_version(self) -> Any:
        from aliyunsdkcore.request import CommonRequest  # noqa: PLC0415 - the SDK is imported when it is used

        request = CommonRequest(version=self.version, action_name=self.action, product=self.product.capitalize())
        request.set_method("POST")
        for key, value in self.params.items():
            request.add_query_param(key, value)
        return request


@dataclass(frozen=True)
class Snapshot:
    """The parts of a credential that belong together, read at one moment."""

    access_key_id: str = field(repr=False)
    access_key_secret: str = field(repr=False)
    security_token: str = field(default="", repr=False)


class Source(Protocol):
    """Where snapshots come from. Safe for threads."""

    def __call__(self) -> Snapshot:
        """Return valid credentials. Raises CallFailed if none can be had."""

    def forget(self, refused: Snapshot) -> bool:
        """Let a snapshot go that the cloud refused; tell whether another may come in its place."""


@dataclass(frozen=True)
class Fixed:
    """Credentials that stay as they are."""

    snapshot: Snapshot

    def __call__(self) -> Snapshot:
        """Return them."""
        return self.snapshot

    def forget(self, refused: Snapshot) -> bool:  # noqa: ARG002 - there is but one
        """Tell that no other will come."""
        return False


class SnapshotSigner:
    """Signs with one snapshot per signature, so that a renewal can't mix old and new parts."""

    def __init__(self, source: Source) -> None:
        """Take where snapshots come from."""
        self._source = source
        self._own = threading.local()

    @property
    def last(self) -> Snapshot | None:
        """What this thread signed with last."""
        last: Snapshot | None = getattr(self._own, "last", None)
        return last

    def forget_last(self) -> bool:
        """Let go what this thread signed with last, since it was refused; tell whether another may come."""
        return self.last is not None and self._source.forget(self.last)

    def sign(self, region_id: str, request: Any) -> tuple[dict[str, str], str]:
        """Return the signed headers and the signed URL of a request."""
        snapshot = self._own.last = self._source()
        if snapshot.security_token:
            if request.get_style() == "RPC":
                request.add_query_param("SecurityToken", snapshot.security_token)
            else:
                request.add_header("x-acs-security-token", snapshot.security_token)
        key, secret = snapshot.access_key_id, snapshot.access_key_secret
        return request.get_signed_header(region_id, key, secret), request.get_url(region_id, key, secret)


class AnonymousSigner:
    """Signs nothing: ``AssumeRoleWithOIDC`` is authorised by the token that it carries."""

    last: Snapshot | None = None

    def forget_last(self) -> bool:
        """Tell that there is nothing to renew."""
        return False

    def sign(self, region_id: str, request: Any) -> tuple[dict[str, str], str]:
        """Return the headers and the URL of a request, without a signature."""
        query = dict(request.get_query_params())
        query.update(Action=request.get_action_name(), Version=request.get_version(), Format="JSON", RegionId=region_id)
        return request.get_signed_header(), f"/?{urlencode(query)}"


class Channel:
    """The way to one product: a session of the SDK's, a base URL, and a signer. May be shared by threads."""

    def __init__(
        self,
        region: str,
        base_url: str,
        signer: SnapshotSigner | AnonymousSigner,
        pool_size: int,
        trust: Trust | None = None,
    ) -> None:
        """Open the channel; nothing is sent."""
        tame()
        from aliyunsdkcore.client import AcsClient  # noqa: PLC0415 - the SDK is imported when it is used

        self.signer = signer
        self._base_url = base_url
        # The key pair is never used, the signer signs. Given here, it keeps the SDK from taking one from the
        # environment (ALIYUN_ACCESS_KEY_ID), which it prefers to every other credential.
        self._acs = AcsClient(
            ak="unused",
            secret="unused",  # noqa: S106 - said above
            region_id=region,
            auto_retry=False,
        )
        self._transport = Transport(base_url, pool_size, trust)

    @property
    def endpoint(self) -> str:
        """The base URL that is called."""
        return self._base_url

    def send(self, request: Request, patience: Patience) -> Answer:
        """Send one request once and return the answer, of whatever status.

        Raises the transport's OSError, or what the source of credentials raises.

        The SDK's own ``do_action_with_exception`` is passed by: it logs whole URLs, overlooks the lower-case
        errors of CS, stumbles over some answers itself, and reads an answer for as long and as far as it goes.
        """
        built = request.build()
        built.set_accept_format("JSON")
        built.set_protocol_type("https")
        built.add_header("Accept-Encoding", "identity")
        made = self._acs._make_http_response(  # noqa: SLF001 - see above
            self._base_url, built, patience.part, patience.connect, self.signer
        )
        url = self._base_url + made.get_url()
        return self._transport.send(made.get_method(), url, made.get_headers(), made.get_body(), patience)

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
        self._acs.session.close()


def tame() -> None:
    """Make the SDK core safe to use: https by default, server names in TLS, and silent loggers. Idempotent."""
    with _taming:
        if _tamed.is_set():
            return
        import aliyunsdkcore.client  # noqa: F401, PLC0415 - brings the loggers that are silenced below
        from aliyunsdkcore import request as core_request  # noqa: PLC0415
        from aliyunsdkcore.vendored.requests.packages.urllib3.util import ssl_  # noqa: PLC0415

        core_request.set_default_protocol_type("https")
        # Its test for SNI asks for a function that Python 3.12 removed; every Python that is supported has SNI.
        ssl_.HAS_SNI = True
        silence_loggers()
        _tamed.set()


def silence_loggers() -> None:
    """Silence the loggers of the SDK and the credentials package: they print keys, tokens and signed URLs.

    Some set their own level and handler at import, so this is to be called after each import. They are switched off
    altogether, so that a level that is set later, for all loggers of a process, does not make them speak again.
    """
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _LOGGERS]
    for name in {*names, *_LOGGERS}:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.CRITICAL)
        logger.disabled = True
