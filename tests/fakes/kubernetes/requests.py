"""What a request asks for, in the terms of the API: verb, resource, namespace, name."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

_PATH = re.compile(
    r"^(?P<prefix>/api/v1|/apis/(?P<group>[^/]+)/[^/]+)"
    r"(?:/namespaces/(?P<namespace>[^/]+)(?=/))?"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<subresource>[^/]+)(?:(?<=/proxy)/.*)?)?)?$"
)

HEALTH = ("/healthz", "/livez", "/readyz")


@dataclass(frozen=True)
class Request:
    """A request that was seen. ``verb`` is Kubernetes' own (``list``, ``get``); empty for what is no resource."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False, default_factory=dict)
    verb: str = ""
    resource: str = ""
    """``<resource>[/<subresource>][.<group>]``"""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    collection: str = ""
    """The path of the list in all namespaces."""
    target: str = field(repr=False, default="")
    """Path and query as they came: a parameter may be there several times."""

    @property
    def permission(self) -> str:
        """``list pods`` or ``get /livez``: what has to be granted; empty for what everybody may read."""
        if self.path in HEALTH:
            return f"get {self.path}"
        return f"{self.verb} {self.resource}" if self.resource else ""


def parse(method: str, target: str, headers: dict[str, str]) -> Request:
    """Read a request line."""
    url = urlsplit(target)
    path, query = unquote(url.path), dict(parse_qsl(url.query, keep_blank_values=True))
    match = _PATH.match(path)
    if not match:
        return Request(method, path, query, headers)
    resource = match["resource"] + (f"/{match['subresource']}" if match["subresource"] else "")
    verb = {"GET": "get" if match["name"] else "list", "POST": "create", "DELETE": "delete"}.get(method, "update")
    return Request(
        method,
        path,
        query,
        headers,
        verb,
        resource + (f".{match['group']}" if match["group"] else ""),
        match["namespace"] or "",
        match["name"] or "",
        match["subresource"] or "",
        f"{match['prefix']}/{match['resource']}",
        target,
    )
