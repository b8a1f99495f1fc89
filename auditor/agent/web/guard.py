"""Who may see what: names of hosts, origins, tokens and reverse proxies."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import structlog
from starlette.requests import Request

from auditor.agent.web.sessions import LIFETIME, Attempts, Sessions, is_token
from auditor.config.server import Server
from auditor.loopback import is_loopback
from auditor.report.clean import one_line

PROBES = ("/healthz", "/readyz")
_PROGRAMS = ("/api/", "/metrics", *PROBES)
_LONGEST_USER = 100

_log = structlog.get_logger("auditor.web")


@dataclass(frozen=True)
class Visitor:
    """Who asks.

    Attributes:
        may_see: whether the data may be seen.
        user: the name that a reverse proxy says; empty where none does.
        is_signed_in: whether by a session, which can be ended.
        browser: what tells this browser from others.
        session: the cookie of the session; empty if there is none.
    """

    may_see: bool = False
    user: str = ""
    is_signed_in: bool = False
    browser: str = ""
    session: str = ""


class Guard:
    """Decides who may see the site."""

    def __init__(self, settings: Server, sessions: Sessions, attempts: Attempts) -> None:
        """Take the settings, the sessions and the attempts so far."""
        self._settings = settings
        self._sessions = sessions
        self._attempts = attempts
        self._proxies = [ipaddress.ip_network(one, strict=False) for one in settings.trusted_proxies]
        named = [urlsplit(settings.public_url).hostname or "", *settings.allowed_hosts]
        self._hosts = frozenset(name.lower() for name in named if name)
        self.is_open = settings.is_local and settings.token is None and not settings.user_header
        self.has_token = settings.token is not None
        self.cookies = Cookies(settings)

    def visitor(self, request: Request, browser: str) -> Visitor:
        """Return who asks.

        Raises:
            Slower: too many wrong tokens came from the address.
            BadConfig: the token can't be read.
        """
        if self.is_open:
            return Visitor(may_see=True, browser=browser)
        if user := self._proxied_user(request):
            return Visitor(may_see=True, user=user, browser=browser)
        token = self._settings.token.reveal() if self._settings.token else ""
        if not token:
            return Visitor(browser=browser)
        session = request.cookies.get(self.cookies.session, "")
        if session and self._sessions.holds(session, token):
            return Visitor(may_see=True, is_signed_in=True, browser=browser, session=session)
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return Visitor(may_see=self.is_right(request, given.strip(), token), browser=browser)
        return Visitor(browser=browser)

    def is_right(self, request: Request, given: str, token: str) -> bool:
        """Tell whether a token is right. Raises Slower for an address from which too many were wrong."""
        address = self.address_of(request)
        if pause := self._attempts.pause(address):
            raise Slower(pause)
        if is_token(given, token):
            self._attempts.succeeded(address)
            return True
        self._attempts.failed(address)
        _log.warning("a wrong token was given", address=address)
        return False

    def sign_in(self, request: Request, given: str) -> tuple[str, float]:
        """Return the cookie of a new session; if there is none, an empty text and for how many seconds to wait.

        Raises:
            BadConfig: the token can't be read.
        """
        token = self._settings.token.reveal() if self._settings.token else ""
        try:
            return (self._sessions.begin(token), 0.0) if token and self.is_right(request, given, token) else ("", 0.0)
        except Slower as slower:
            return "", slower.seconds

    def address_of(self, request: Request) -> str:
        """Return where a request comes from: what a trusted proxy says, else the other end of the connection."""
        peer = request.client.host if request.client else ""
        if self._is_trusted(peer):
            told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
            try:
                return str(ipaddress.ip_address(told))
            except ValueError:
                return peer
        return peer

    def _proxied_user(self, request: Request) -> str:
        """Return whom a reverse proxy has signed in. Said by anybody else, or twice, the header says nothing."""
        if not self._settings.user_header or not self._is_trusted(request.client.host if request.client else ""):
            return ""
        names = request.headers.getlist(self._settings.user_header)
        return one_line(names[0].strip())[:_LONGEST_USER] if len(names) == 1 else ""

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        # A socket for both families names an IPv4 peer as ::ffff:10.0.0.1.
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._proxies if network.version == mapped.version)

    def is_host_known(self, request: Request) -> bool:
        """Tell whether the site is asked for by a name of its own.

        On a loopback address a foreign name is that of a page that had its name lead here, to read what only this
        machine may. Elsewhere nobody sees anything without a token or a proxy, and names are looked at if any are
        configured.
        """
        if not self._settings.is_local and not self._settings.allowed_hosts:
            return True
        hosts = request.headers.getlist("host")
        if len(hosts) != 1:
            return False
        name = _host_name(hosts[0])
        return name in self._hosts or _is_loopback_name(name)

    def is_own_origin(self, request: Request) -> bool:
        """Tell whether a request comes from a page of the site itself, or from no page at all."""
        if (site := request.headers.get("sec-fetch-site")) is not None:
            return site in ("same-origin", "none")
        origin = request.headers.get("origin")
        if origin is None:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        if parts.scheme not in ("http", "https"):
            return False
        public = urlsplit(self._settings.public_url)
        is_public = bool(public.netloc) and (parts.scheme, parts.netloc.lower()) == (
            public.scheme,
            public.netloc.lower(),
        )
        return is_public or parts.netloc.lower() == request.headers.get("host", "").lower()


class Cookies:
    """The names of the cookies, and how they are written."""

    def __init__(self, settings: Server) -> None:
        """Take the settings."""
        # Cookies do not know ports: two agents on one machine would take each other's.
        self._is_secure = settings.public_url.startswith("https://")
        prefix = "__Host-" if self._is_secure else ""
        self.session = f"{prefix}auditor-{settings.port}-session"
        self.browser = f"{prefix}auditor-{settings.port}-browser"

    def written(self, name: str, value: str, seconds: float | None = None) -> str:
        """Return the value of a Set-Cookie header. Without a time the cookie ends with the browser."""
        # Lax, not Strict: who follows a link from a mail is signed in all the same. Forms have their own token.
        age = "" if seconds is None else f"; Max-Age={int(seconds)}"
        return f"{name}={value}; Path=/; HttpOnly; SameSite=Lax{age}{'; Secure' if self._is_secure else ''}"

    def begun(self, session: str) -> str:
        """Return the header that begins a session."""
        return self.written(self.session, session, LIFETIME)

    def ended(self) -> str:
        """Return the header that ends a session."""
        return self.written(self.session, "", 0)


class Slower(Exception):  # noqa: N818 - read as a sentence
    """Too many wrong tokens came from an address."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def path_of(request: Request) -> str:
    """Return the path that is asked for, as pages are found by it.

    Not ``request.url.path``: that is read from the header Host, too, in which anything may stand.
    """
    return str(request.scope["path"])


def is_for_programs(path: str) -> bool:
    """Tell whether it is programs that ask for a path."""
    return path.startswith(_PROGRAMS)


def visitor_of(request: Request) -> Visitor:
    """Return who asks."""
    visitor = request.scope["state"]["visitor"]
    if not isinstance(visitor, Visitor):
        raise TypeError("a request that did not pass the guard")
    return visitor


def body_of(request: Request) -> bytes:
    """Return the body of a request, which the guard has read."""
    return bytes(request.scope["state"]["body"])


def sign_in_for(request: Request) -> str:
    """Return where a browser can sign in, to come back to what it asked for."""
    query = request.scope["query_string"].decode("latin-1")
    wanted = f"{quote(path_of(request))}?{query}" if query else quote(path_of(request))
    return "/sign-in" if wanted == "/" else f"/sign-in?next={quote(wanted, safe='')}"


def _host_name(host: str) -> str:
    try:
        return (urlsplit(f"http://{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_loopback_name(name: str) -> bool:
    return is_loopback(f"http://[{name}]" if ":" in name else f"http://{name}")
