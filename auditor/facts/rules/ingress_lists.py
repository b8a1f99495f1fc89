"""Lists of ingress-nginx that say who may come in: as annotations, in snippets, and in the controller's ConfigMap.

Source: ingress-nginx (``internal/ingress/annotations/ipallowlist`` and ``ipdenylist``, and its template) and the module
``ngx_http_access_module`` of nginx: ``allow`` and ``deny`` are read in their order, the first that matches decides, and
what none matches comes in. An annotation replaces the key of the ConfigMap of the same name.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditor.facts.rules.addresses import AddressSet
from auditor.facts.rules.ccm_weights import Version
from auditor.facts.rules.ingress_nginx import is_true

WHITE_LISTS = ("allowlist-source-range", "whitelist-source-range")
"""The names of one and the same list, the one that counts first."""
BLACK_LISTS = ("denylist-source-range",)
BLOCKED = "block-cidrs"
SNIPPETS = ("server-snippet", "configuration-snippet")
GLOBAL_SNIPPETS = ("http-snippet", "server-snippet", "location-snippet")
FIRST_WITHOUT_SNIPPETS: Version = (1, 9)
"""The first version that leaves out snippets of Ingresses unless ``allow-snippet-annotations`` is true."""

_COMMENT = re.compile(r"(^|\s)#[^\n]*")
_WORDS = re.compile(r"[{};]|[^{};]+")
_DIRECTIVE = re.compile(r"\s*(allow|deny)\s+(\S+)\s*\Z")


@dataclass(frozen=True)
class AddressRules:
    """A list, as nginx reads it.

    Attributes:
        name: the annotation without prefix, or the key.
        entries: whether each set of addresses comes in, in order; the first that matches decides.
        admits_others: whether what none matches comes in.
        shown: the list as it is written, in short.
    """

    name: str
    entries: tuple[tuple[bool, AddressSet], ...]
    admits_others: bool
    shown: tuple[str, ...]

    def refused(self, sources: AddressSet) -> AddressSet:
        """Return those of the source addresses that do not come in."""
        refused, left = AddressSet(), sources
        for comes_in, addresses in self.entries:
            if not comes_in:
                refused |= left & addresses
            left -= addresses
        return refused if self.admits_others else refused | left

    @property
    def is_restricting(self) -> bool:
        """Whether it refuses anybody. A list without IPv6 is not asked about IPv6."""
        everybody = AddressSet.of("0.0.0.0/0")
        if any(addresses.ipv6 for _, addresses in self.entries):
            everybody = AddressSet.everything()
        return bool(self.refused(everybody))


def lists_of(values: Mapping[str, str], prefix: str = "") -> Iterator[AddressRules]:
    """Yield the lists among annotations (with their prefix and its slash) or keys. One that can't be read is none."""
    white = next((name for name in WHITE_LISTS if values.get(prefix + name, "").strip()), None)
    for name in (white, *BLACK_LISTS, *(() if prefix else (BLOCKED,))):
        text = values.get(prefix + name, "") if name else ""
        parts = tuple(part.strip() for part in text.split(",") if part.strip())
        try:
            addresses = AddressSet.of(*parts)
        except ValueError:
            continue
        if name and parts:
            yield AddressRules(name, ((name in WHITE_LISTS, addresses),), name not in WHITE_LISTS, parts)


def snippets_of(values: Mapping[str, str], names: tuple[str, ...], prefix: str = "") -> Iterator[AddressRules]:
    """Yield the lists in snippets of nginx's own language."""
    for name in names:
        rules = _read_snippet(name, values.get(prefix + name, ""))
        if rules.entries:
            yield rules


def allows_snippets(settings: Mapping[str, str], version: Version | None) -> bool | None:
    """Tell whether a controller takes snippets of Ingresses; None if neither its settings nor its version say."""
    said = settings.get("allow-snippet-annotations")
    if said is not None:
        return is_true(said)
    return None if version is None else version < FIRST_WITHOUT_SNIPPETS


def _read_snippet(name: str, text: str) -> AddressRules:
    """Read the directives that hold for all that the snippet is put into, and not in a block within it."""
    entries: list[tuple[bool, AddressSet]] = []
    shown: list[str] = []
    depth = 0
    for word in _WORDS.findall(_COMMENT.sub(" ", text)):
        if word in "{}":
            depth += 1 if word == "{" else -1
        directive = _DIRECTIVE.match(word)
        if directive is None or depth:
            continue
        try:
            addresses = AddressSet.everything() if directive[2] == "all" else AddressSet.of(directive[2])
        except ValueError:
            continue  # a variable, or a socket
        entries.append((directive[1] == "allow", addresses))
        shown.append(f"{directive[1]} {directive[2]}")
    return AddressRules(name, tuple(entries), True, tuple(shown))
