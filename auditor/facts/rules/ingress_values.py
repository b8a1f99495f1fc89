"""Values in Ingresses that the controller cannot use: annotations of the wrong form, paths that are no expressions.

Sources: the validators of ingress-nginx (``internal/ingress/annotations``), and the model builder of the ALB Ingress
controller in the cloud controller manager (``pkg/controller/ingress``).

What becomes of a wrong value: ingress-nginx refuses every request to the paths of an Ingress whose access lists or
authentication it can't read (503); of most others it takes the default, as if the annotation were not there. A path
that is no regular expression stops nginx from loading any new configuration. The ALB Ingress controller builds all
Ingresses of one ALB together, and one that it can't read stops the others.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from auditor.facts.kubernetes.ingresses import Ingress, IngressPath
from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.ingress_nginx import is_true
from auditor.facts.text import Text, t

ALB_PREFIX = "alb.ingress.kubernetes.io"


class Effect(StrEnum):
    """What a wrong value does."""

    REFUSES = "refuses"
    IGNORED = "ignored"
    STOPS = "stops"


@dataclass(frozen=True)
class BadValue:
    """A value that can't be used.

    Attributes:
        place: the annotation in full, or ``path``.
        value: as it is written.
        expected: what should stand there.
        effect: what comes of it.
        is_sure: whether the controller refuses it for certain.
    """

    place: str
    value: str
    expected: Text
    effect: Effect
    is_sure: bool = True


_INTEGER = re.compile(r"[+-]?\d+\Z")
_SIZE = re.compile(r"\d+[bkmg]?\Z", re.IGNORECASE)
_BOOLEAN = frozenset({"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"})
_URL = re.compile(r"https?://[^/\s]+", re.IGNORECASE)
_CAPTURE = re.compile(r"\$(\d+)")

_SWITCHES = (
    *("ssl-redirect", "force-ssl-redirect", "preserve-trailing-slash", "use-regex", "canary", "enable-cors"),
    *("cors-allow-credentials", "ssl-passthrough", "service-upstream", "from-to-www-redirect", "enable-access-log"),
    *("enable-rewrite-log", "enable-modsecurity", "use-port-in-redirects", "upstream-hash-by-subset"),
)
_INTEGERS = (
    *("proxy-connect-timeout", "proxy-send-timeout", "proxy-read-timeout", "proxy-buffers-number", "canary-weight"),
    *("proxy-next-upstream-timeout", "proxy-next-upstream-tries", "canary-weight-total", "limit-rate", "limit-rpm"),
    *("limit-rate-after", "limit-rps", "limit-connections", "limit-burst-multiplier", "cors-max-age"),
    *("permanent-redirect-code", "temporal-redirect-code"),
)
_SIZES = (
    *("proxy-body-size", "proxy-buffer-size", "proxy-busy-buffers-size", "proxy-max-temp-file-size"),
    "client-body-buffer-size",
)
BACKEND_PROTOCOLS = ("auto_http", "http", "https", "grpc", "grpcs", "fcgi", "ajp")
"""What ingress-nginx can speak to Pods; AJP until 1.x."""
_CHOICES = {
    "affinity": ("cookie",),
    "affinity-mode": ("balanced", "persistent"),
    "proxy-buffering": ("on", "off"),
    "proxy-http-version": ("1.0", "1.1"),
    "proxy-request-buffering": ("on", "off"),
    "satisfy": ("any", "all"),
}
ADDRESS_LISTS = ("whitelist-source-range", "allowlist-source-range", "denylist-source-range")
_URLS = ("permanent-redirect", "temporal-redirect")
_ALB_INTEGERS = ("canary-weight", "order", "healthcheck-interval-seconds", "healthcheck-timeout-seconds")
_ALB_PROTOCOLS = ("http", "https", "grpc")
_SURE_FAULTS = (
    *("missing ), unterminated subpattern", "unbalanced parenthesis", "unterminated character set"),
    *("nothing to repeat", "bad escape (end of pattern)", "min repeat greater than max repeat"),
)
"""What Python finds in expressions that PCRE refuses too. The dialects differ in much else."""
_LIKELY_FAULTS = ("multiple repeat",)


@dataclass(frozen=True)
class _Form:
    """What a value has to be like, and what comes of another one."""

    fits: Callable[[str], bool]
    expected: Text
    effect: Effect = Effect.IGNORED


def _one_of(choices: tuple[str, ...]) -> Text:
    return t("one of {choices}", choices=list(choices))


def _are_addresses(value: str) -> bool:
    try:
        AddressSet.of(*(part for part in value.split(",") if part.strip()))
    except ValueError:
        return False
    return True


def _is_switch(value: str) -> bool:
    return value in _BOOLEAN


def _is_integer(value: str) -> bool:
    return bool(_INTEGER.match(value))


def _is_size(value: str) -> bool:
    return bool(_SIZE.match(value.replace(" ", "")))


def _is_url(value: str) -> bool:
    """Tell whether a value is an address; one with a variable of nginx may become one."""
    return "$" in value or bool(_URL.match(value.strip()))


def _choice(choices: tuple[str, ...], effect: Effect = Effect.IGNORED) -> _Form:
    return _Form(lambda value: value.strip() in choices, _one_of(choices), effect)


_FORMS: dict[str, _Form] = {
    **dict.fromkeys(_SWITCHES, _Form(_is_switch, t("true or false"))),
    **dict.fromkeys(_INTEGERS, _Form(_is_integer, t("a whole number without a unit"))),
    **dict.fromkeys(_SIZES, _Form(_is_size, t("a size, such as 20m"))),
    **dict.fromkeys(_URLS, _Form(_is_url, t("an address that begins with http"))),
    **{name: _choice(choices) for name, choices in _CHOICES.items()},
    **dict.fromkeys(ADDRESS_LISTS, _Form(_are_addresses, t("address ranges with commas"), Effect.REFUSES)),
    "auth-type": _choice(("basic", "digest"), Effect.REFUSES),
    "auth-url": _Form(_is_url, t("an address that begins with http"), Effect.REFUSES),
    "backend-protocol": _Form(lambda value: value.strip().lower() in BACKEND_PROTOCOLS, _one_of(BACKEND_PROTOCOLS)),
}
"""The annotations of ingress-nginx by their names without prefix."""


def nginx_faults(ingress: Ingress, prefix: str) -> Iterator[BadValue]:
    """Yield what ingress-nginx can't use; ``prefix`` is what its annotations begin with."""
    for name, value in sorted(ingress.annotations.items()):
        if name.startswith(f"{prefix}/") and value.strip():
            form = _FORMS.get(name.removeprefix(f"{prefix}/"))
            if form and not form.fits(value):
                yield BadValue(name, value, form.expected, form.effect)
    yield from _expressions(ingress, prefix)


def alb_faults(ingress: Ingress) -> Iterator[BadValue]:
    """Yield what the ALB Ingress controller can't use."""
    for name, value in sorted(ingress.annotations.items()):
        if name.startswith(f"{ALB_PREFIX}/") and value.strip():
            yield from _alb_annotation(name.removeprefix(f"{ALB_PREFIX}/"), name, value)
    if is_true(ingress.annotations.get(f"{ALB_PREFIX}/use-regex")):
        return
    for path in _paths(ingress):
        if path.path_type in ("Prefix", "Exact") and re.search(r"[*?]", path.path):
            expected = t("a path of type {type} without * and ?", type=path.path_type)
            yield BadValue("path", path.path, expected, Effect.STOPS)


def expression_fault(expression: str) -> tuple[str, bool] | None:
    """Return what is wrong with a regular expression of nginx, and whether that is certain; None if nothing is."""
    for flavour in ("(?<", "(?'"):
        expression = re.sub(re.escape(flavour) + r"(?=[A-Za-z_])", "(?P<", expression)
    expression = re.sub(r"\(\?[a-z]+\)", "", expression)
    try:
        re.compile(expression)
    except re.error as error:
        if error.msg.startswith(_SURE_FAULTS):
            return error.msg, True
        return (error.msg, False) if error.msg.startswith(_LIKELY_FAULTS) else None
    return None


def _expressions(ingress: Ingress, prefix: str) -> Iterator[BadValue]:
    target = ingress.annotations.get(f"{prefix}/rewrite-target", "")
    if not target and not is_true(ingress.annotations.get(f"{prefix}/use-regex")):
        return  # the paths are taken as they stand
    paths = [path.path for path in _paths(ingress)]
    is_whole = True
    for path in dict.fromkeys(paths):
        if fault := expression_fault(path):
            is_whole = False
            what, is_sure = fault
            expected = t("a regular expression ({fault})", fault=what)
            yield BadValue("path", path, expected, Effect.STOPS, is_sure=is_sure)
    wanted = max((int(number) for number in _CAPTURE.findall(target)), default=0)
    if wanted and is_whole and all(_groups(path) < wanted for path in paths):
        expected = t("no more than the groups in brackets that the paths have: {paths}", paths=paths)
        yield BadValue(f"{prefix}/rewrite-target", target, expected, Effect.IGNORED)


def _groups(path: str) -> int:
    """Return how many groups a path captures; many where that can't be told."""
    try:
        return re.compile(path).groups
    except re.error:
        return 99


def _alb_annotation(short: str, name: str, value: str) -> Iterator[BadValue]:
    if short == "listen-ports" and not _are_listen_ports(value):
        expected = t("a list such as {example}", example='[{"HTTP": 80}, {"HTTPS": 443}]')
        yield BadValue(name, value, expected, Effect.STOPS)
    elif short in _ALB_INTEGERS and not _INTEGER.match(value):
        yield BadValue(name, value, t("a whole number without a unit"), Effect.STOPS)
    elif short == "backend-protocol" and value.strip().lower() not in _ALB_PROTOCOLS:
        yield BadValue(name, value, _one_of(_ALB_PROTOCOLS), Effect.STOPS)
    elif short.startswith(("conditions.", "actions.")) and _json(value) is None:
        yield BadValue(name, value, t("a text in JSON"), Effect.STOPS)


def listen_ports(value: str) -> list[tuple[str, int]] | None:
    """Return the protocols and ports of the annotation ``listen-ports``; None if it can't be read."""
    entries = _json(value)
    if not isinstance(entries, list) or not entries:
        return None
    pairs = [pair for entry in entries if isinstance(entry, dict) for pair in entry.items()]
    fine = all(
        protocol in ("HTTP", "HTTPS", "QUIC") and isinstance(port, int) and 0 < port < 65536 for protocol, port in pairs
    )
    return pairs if fine and len(pairs) >= len(entries) else None


def _are_listen_ports(value: str) -> bool:
    return listen_ports(value) is not None


def _json(value: str) -> object:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _paths(ingress: Ingress) -> Iterator[IngressPath]:
    for rule in ingress.spec.rules or ():
        yield from rule.http.paths if rule.http else ()
