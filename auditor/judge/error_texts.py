"""Reading an error text: which symptom it leads to, and the objects and rights that it names."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache

from auditor.facts.landscape import WantedRight
from auditor.facts.text import Text
from auditor.judge.error_patterns import FORBIDDEN, PATTERNS, ErrorPattern
from auditor.judge.symptoms import SYMPTOMS, Symptom

ADDRESS = "address"
"""The kind of what is named by its IP address only."""
LONGEST = 64 * 1024
"""Characters of a text that are read; an error is said at once."""
SYMPTOMS_LED_TO = 3
"""A paste of several errors leads to no more symptoms than these."""
_SERVICE_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True)
class NamedObject:
    """An object that somebody names: its kind, if that is known, its name or cloud id, and its namespace, if told."""

    name: str
    kind: str = ""
    namespace: str = ""

    @property
    def path(self) -> str:
        """``namespace/name``, or the name."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True)
class Denial:
    """Who was denied what. ``right`` is None for a path such as ``/livez``, which no access review here asks for."""

    user: str
    right: WantedRight | None
    path: str = ""


@dataclass(frozen=True)
class Reading:
    """What an error text says.

    Attributes:
        patterns: those that match, the leading one first.
        symptoms: where they lead, the likeliest first.
        objects: what is named.
        denial: who was denied what, if it says so.
    """

    patterns: tuple[ErrorPattern, ...]
    symptoms: tuple[Symptom, ...]
    objects: tuple[NamedObject, ...] = ()
    denial: Denial | None = None


@dataclass(frozen=True)
class _Finder:
    """How one kind of object is named: groups ``name``, and ``namespace`` or ``kind`` where they are told."""

    kind: str
    expression: str
    flags: int = field(default=0)


_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_NAMESPACE = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_BEFORE = r"(?<![\w.-])"
_AFTER = r"(?![\w-])"

_CLOUD_IDS = {
    "Disk": r"d-[a-z0-9]{10,24}",
    "Instance": r"i-[a-z0-9]{10,24}",
    "LoadBalancer": r"(?:lb|nlb|alb)-[a-z0-9]{8,24}",
    "ServerGroup": r"(?:rsp|sgp)-[a-z0-9-]{8,24}",
    "SecurityGroup": r"sg-[a-z0-9]{10,24}",
    "VSwitch": r"vsw-[a-z0-9]{10,24}",
    "ScalingGroup": r"asg-[a-z0-9]{10,24}",
}

_KINDS = {
    "pod": "Pod",
    "po": "Pod",
    "persistentvolumeclaim": "PersistentVolumeClaim",
    "pvc": "PersistentVolumeClaim",
    "persistentvolume": "PersistentVolume",
    "pv": "PersistentVolume",
    "service": "Service",
    "svc": "Service",
    "node": "Node",
    "no": "Node",
    "ingress": "Ingress",
    "ing": "Ingress",
    "deployment": "Deployment",
    "deploy": "Deployment",
    "daemonset": "DaemonSet",
    "ds": "DaemonSet",
    "statefulset": "StatefulSet",
    "sts": "StatefulSet",
    "storageclass": "StorageClass",
    "sc": "StorageClass",
    "configmap": "ConfigMap",
    "cm": "ConfigMap",
    "lease": "Lease",
    "user": "User",
    "serviceaccount": "ServiceAccount",
    "sa": "ServiceAccount",
    "disk": "Disk",
    "instance": "Instance",
    "loadbalancer": "LoadBalancer",
    "securitygroup": "SecurityGroup",
    "networkacl": "NetworkAcl",
    "scalinggroup": "ScalingGroup",
    "ramrole": "RamRole",
    "filesystem": "FileSystem",
    "cluster": "Cluster",
}
"""The kinds that findings are about, by the words for them: those of ``kubectl``, and those of the cloud."""
WITHOUT_NAMESPACE = ("Node", "PersistentVolume", "StorageClass")
"""Those whose word in front of ``/NAME`` is taken for the kind: no namespace is called so."""

_FINDERS = (
    _Finder("Pod", rf"/(?:containerLogs|exec|attach|portForward)/(?P<namespace>{_NAMESPACE})/(?P<name>{_NAME})"),
    # A line of `kubectl get events -A`: the namespace, the age, the type, the reason, the object.
    _Finder(
        "",
        rf"^(?P<namespace>{_NAMESPACE})\s+\S+\s+(?:Warning|Normal)\s+\w+\s+(?P<kind>[a-z]+)/(?P<name>{_NAME})",
        re.MULTILINE,
    ),
    _Finder("", rf"(?:Warning|Normal)\s+\w+\s+(?P<kind>[a-z]+)/(?P<name>{_NAME})"),
    # An event as client-go logs it.
    _Finder("", rf'Kind:"(?P<kind>\w+)", Namespace:"(?P<namespace>{_NAMESPACE})?", Name:"(?P<name>{_NAME})"'),
    _Finder("Pod", rf'\b[Pp]ods?[ =][\'"]?(?P<namespace>{_NAMESPACE})/(?P<name>{_NAME})'),
    _Finder("Pod", rf"\bused by pod\(s\) (?P<name>{_NAME})"),
    _Finder("Pod", rf'\b[Pp]ods? [\'"](?P<name>{_NAME})[\'"](?! is forbidden)'),
    _Finder(
        "PersistentVolumeClaim",
        rf'\b(?:PVC|[Cc]laim|persistentvolumeclaim) [\'"]?(?P<namespace>{_NAMESPACE})/(?P<name>{_NAME})',
    ),
    _Finder("PersistentVolumeClaim", rf'\b(?:PVC|[Cc]laim|persistentvolumeclaim) [\'"](?P<name>{_NAME})[\'"]'),
    _Finder("PersistentVolume", rf'\bvolume [\'"](?P<name>{_NAME})[\'"]'),
    _Finder("PersistentVolume", rf"{_BEFORE}(?P<name>pvc-[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}){_AFTER}"),
    _Finder("Node", rf'\b[Nn]ode [\'"](?P<name>{_NAME})[\'"]'),
    # ACK names nodes by region and address, or by region and instance.
    _Finder("Node", rf"{_BEFORE}(?P<name>[a-z]{{2}}-[a-z]+(?:-\d)?\.(?:\d{{1,3}}\.){{3}}\d{{1,3}}){_AFTER}"),
    _Finder("Node", rf"{_BEFORE}(?P<name>[a-z]{{2}}-[a-z]+(?:-\d)?\.i-[a-z0-9]{{10,24}}){_AFTER}"),
    _Finder("Service", rf'\b[Ss]ervice[ =]\[?[\'"]?(?P<namespace>{_NAMESPACE})/(?P<name>{_NAME})'),
    _Finder(ADDRESS, r"dial tcp \[?(?P<name>(?:\d{1,3}\.){3}\d{1,3}|[0-9a-f:]+:[0-9a-f:]+)\]?:\d+"),
    _Finder(ADDRESS, r'upstream: "\w+://(?P<name>(?:\d{1,3}\.){3}\d{1,3}):\d+'),
    _Finder("FileSystem", rf"{_BEFORE}(?P<name>[0-9a-f]{{6,24}})-[a-z0-9.-]+\.nas\.aliyuncs\.com"),
    *(_Finder(kind, rf"{_BEFORE}(?P<name>{expression}){_AFTER}") for kind, expression in _CLOUD_IDS.items()),
)


class BadObject(ValueError):  # noqa: N818 - read as a sentence
    """What is given as an object can't be one. Says what is expected."""


def read_error(text: str) -> Reading | None:
    """Read an error text. Returns None where no known words are in it: nothing is guessed."""
    text = text[:LONGEST].replace('\\"', '"')  # a structured log quotes the quotes
    matching = [pattern for pattern in PATTERNS if _compiled(pattern.expression).search(text)]
    patterns = [pattern for pattern in matching if not pattern.is_general] or matching[:1]
    if not patterns:
        return None
    names = dict.fromkeys(name for pattern in patterns for name in pattern.symptoms)
    symptoms = tuple(SYMPTOMS[name] for name in list(names)[:SYMPTOMS_LED_TO])
    denial = _denial(text)
    who = [_user(denial.user)] if denial and denial.user else []
    return Reading(tuple(patterns), symptoms, _distinct([*who, *_named(text)]), denial)


def parse_object(given: str) -> NamedObject:
    """Read what somebody names an object by.

    That is ``NAMESPACE/NAME``, or a name or id alone where there is no namespace; each may have a kind in front, as
    in ``pod/shop/web-0``, or ``node/`` and ``pv/`` before what has no namespace.

    Raises:
        BadObject: it is none of these, or no finding is ever about an object of that kind.
    """
    parts = given.split("/")
    if not 1 <= len(parts) <= 3 or not all(parts):
        raise BadObject(f"{given!r}: expected NAMESPACE/NAME, NAME, or KIND/NAMESPACE/NAME")
    kind = kind_of(parts[0])
    if len(parts) == 3:
        if kind is None:
            raise BadObject(
                f"{given!r}: there is no kind {parts[0]!r}; known: {', '.join(sorted(set(_KINDS.values())))}"
            )
        return NamedObject(parts[2], kind, parts[1])
    if len(parts) == 1:
        return NamedObject(given)
    if kind in WITHOUT_NAMESPACE:
        return NamedObject(parts[1], kind or "")
    return NamedObject(parts[1], "", parts[0])


def kind_of(word: str) -> str | None:
    """Return the kind that a word stands for, such as ``pods``; None if it stands for none that is known."""
    lower = word.lower()
    return _KINDS.get(lower) or _KINDS.get(lower.removesuffix("s")) or _KINDS.get(lower.removesuffix("es"))


def nearest(text: str, count: int = 3) -> list[Symptom]:
    """Return the symptoms that share most words with a text, the nearest first: a hint, and no reading of it."""
    words = _words(text)
    scored = [(len(words & _words_of(symptom)), symptom) for symptom in SYMPTOMS.values()]
    found = sorted((entry for entry in scored if entry[0]), key=lambda entry: -entry[0])
    return [symptom for _, symptom in found[:count]]


def _denial(text: str) -> Denial | None:
    match = _compiled(FORBIDDEN.expression).search(text)
    if match is None:
        return None
    if match["resource"] is None:
        return Denial(match["user"], None, match["path"])
    return Denial(
        match["user"], WantedRight([match["verb"]], match["resource"], match["group"], match["namespace"] or "")
    )


def _user(user: str) -> NamedObject:
    if user.startswith(_SERVICE_ACCOUNT):
        namespace, _, name = user.removeprefix(_SERVICE_ACCOUNT).partition(":")
        return NamedObject(name, "ServiceAccount", namespace)
    return NamedObject(user, "User")


def _named(text: str) -> Iterable[NamedObject]:
    for finder in _FINDERS:
        for match in _compiled(finder.expression, finder.flags).finditer(text):
            told = match.groupdict()
            kind = finder.kind or kind_of(told.get("kind") or "")
            if kind:
                yield NamedObject(match["name"], kind, told.get("namespace") or "")


def _distinct(objects: Iterable[NamedObject]) -> tuple[NamedObject, ...]:
    """Return each object once, with its namespace where it is told anywhere."""
    found: dict[tuple[str, str], NamedObject] = {}
    for one in objects:
        key = (one.kind, one.name)
        if key not in found or (one.namespace and not found[key].namespace):
            found[key] = one
    return tuple(found.values())


@cache
def _compiled(expression: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile(expression, flags)


_COMMON = frozenset(
    {
        *(
            "and",
            "are",
            "but",
            "can",
            "could",
            "does",
            "error",
            "failed",
            "fails",
            "for",
            "from",
            "has",
            "have",
            "into",
        ),
        *("its", "kind", "name", "not", "said", "server", "that", "the", "thi", "this", "was", "were", "with"),
    }
)
"""Words that say nothing of what the text is about."""


def _words(text: str | Text) -> set[str]:
    return {word.removesuffix("s") for word in re.findall(r"[a-z0-9]{3,}", str(text).lower())} - _COMMON


def _words_of(symptom: Symptom) -> set[str]:
    words = _words(symptom.id.replace("-", " ")) | _words(symptom.title)
    return words.union(*(_words(row.title) for row in symptom.rows))
