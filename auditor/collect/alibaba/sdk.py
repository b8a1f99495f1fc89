"""The one place that knows the classic SDK core: its requests, its transport, and what has to be tamed in both.

Nothing of the SDK is imported before the first request is built or the first channel is opened.
"""

import importlib
import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from auditor.collect.errors import ConfigError
from auditor.facts.text import Text, t
from auditor.loopback import is_loopback

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

METADATA_SERVICE = "100.100.100.200"
"""Where an ECS instance is told its role's credentials; the address is the same on each."""
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


class SnapshotSigner:
    """Signs with one snapshot per signature, so that a renewal can't mix old and new parts."""

    def __init__(self, source: Callable[[], Snapshot]) -> None:
        """Take where snapshots come from."""
        self._source = source
        self.last: Snapshot | None = None

    def sign(self, region_id: str, request: Any) -> tuple[dict[str, str], str]:
        """Return the signed headers and the signed URL of a request."""
        snapshot = self.last = self._source()
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

    def sign(self, region_id: str, request: Any) -> tuple[dict[str, str], str]:
        """Return the headers and the URL of a request, without a signature."""
        query = dict(request.get_query_params())
        query.update(Action=request.get_action_name(), Version=request.get_version(), Format="JSON", RegionId=region_id)
        return request.get_signed_header(), f"/?{urlencode(query)}"


@dataclass(frozen=True)
class Answer:
    """What came back: the HTTP status, the body and the ``Date`` header, whatever they are."""

    status: int
    body: bytes
    date: str = ""


@dataclass(frozen=True)
class Trust:
    """Whose certificates are trusted: those of the public authorities, and those in a file beside them."""

    ca_file: Path | None = None

    def __post_init__(self) -> None:
        """Raise ConfigError if the file can't be read, or is none of certificates."""
        if self.ca_file is not None:
            self.context()

    def context(self) -> ssl.SSLContext:
        """Return a new context that trusts the certificates in the file; the public ones are added by the SDK."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The SDK's urllib3 compares the names by itself, also for addresses, which it does not hand to the context.
        context.check_hostname = False
        try:
            context.load_verify_locations(self.ca_file)
        except ssl.SSLError:
            raise _bad_authority(self.ca_file, t("it holds no certificate in PEM")) from None
        except OSError as error:
            raise _bad_authority(self.ca_file, error.strerror or type(error).__name__) from None
        return context


def _bad_authority(path: Path | None, why: str | Text) -> ConfigError:
    return ConfigError(t("ca_file: {file} can't be used: {why}; expected certificates in PEM", file=str(path), why=why))


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
            pool_size=pool_size,
        )
        self._acs.proxy = proxies_for(base_url)
        if trust and trust.ca_file:
            self._acs.session.mount("https://", _adapter(trust.context(), pool_size))
        self._acs.session.trust_env = False  # else a .netrc entry would replace the signature

    @property
    def endpoint(self) -> str:
        """The base URL that is called."""
        return self._base_url

    def send(self, request: Request, connect_timeout: float, read_timeout: float) -> Answer:
        """Send one request once and return the answer, of whatever status.

        Timeouts are in seconds. Raises the transport's OSError, or what the source of credentials raises.

        The SDK's own ``do_action_with_exception`` is passed by: it logs whole URLs, overlooks the lower-case
        errors of CS, and stumbles over some answers itself.
        """
        built = request.build()
        built.set_accept_format("JSON")
        built.set_protocol_type("https")
        built.add_header("Accept-Encoding", "identity")
        http = self._acs._make_http_response(  # noqa: SLF001 - see above
            self._base_url, built, read_timeout, connect_timeout, self.signer
        )
        status, headers, body = http.get_response_object()
        return Answer(status, body, headers.get("Date", ""))

    def close(self) -> None:
        """Close the connections."""
        self._acs.session.close()


def _adapter(context: ssl.SSLContext, pool_size: int) -> Any:
    """Return an adapter of the SDK's HTTP library that verifies by a context."""
    from aliyunsdkcore.vendored.requests.adapters import HTTPAdapter  # noqa: PLC0415

    class Adapter(HTTPAdapter):  # type: ignore[misc]  # its base has no types
        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            super().init_poolmanager(*arguments, **options, ssl_context=context)

        def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
            return super().proxy_manager_for(proxy, **options, ssl_context=context)

    return Adapter(pool_maxsize=pool_size)


def proxies_for(base_url: str) -> dict[str, str | None]:
    """Return the proxies for a URL, by ``HTTPS_PROXY``, ``HTTP_PROXY`` and ``NO_PROXY``.

    The SDK overlooks ``NO_PROXY``, and reads the environment again unless it is told something: hence None for
    "no proxy". A loopback address and the metadata service of the instance are never asked for through a proxy:
    they would be another machine's there.
    """
    from aliyunsdkcore.vendored.requests.utils import get_environ_proxies  # noqa: PLC0415

    is_near = is_loopback(base_url) or urlsplit(base_url).hostname == METADATA_SERVICE
    found: dict[str, str] = {} if is_near else get_environ_proxies(base_url)
    return {"http": found.get("http"), "https": found.get("https")}


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
