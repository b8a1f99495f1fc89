"""A landscape without its names: what is handed to somebody else who is to find the same faults in it.

Every text is redacted but what the tables below call vocabulary: words of an API (statuses, kinds, protocols), which
name nothing. A new field or table is thus redacted until somebody says otherwise. What stays is what an audit judges
by: zones, sizes, numbers, times, and how everything hangs together.
"""

import copy
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import force_setattr

from auditor.facts.kubernetes.meta import SUPPRESS
from auditor.facts.landscape import ClusterIdentity, Landscape, SourceLog
from auditor.facts.older import is_collected
from auditor.facts.pseudonyms import Pseudonyms
from auditor.facts.rules.suppress_annotation import (
    LONGEST,
    MOST_CHARACTERS,
    BadNote,
    Written,
    read_annotation,
    write_annotation,
)
from auditor.facts.table import Gap, Reason, Table
from auditor.facts.text import Text, Value
from auditor.facts.vocabulary import CHECK_WORDS, PARAMETERS

_VOCABULARY = """
Addon.name ContainerLog.component HealthPoint.name InstanceType.name Metric.name Quota.name access access_modes
acl_status acl_type address_type architecture architectures business_status category charge_type
code container_runtime_version direction dns_policy effect error_code external_traffic_policy family
file_system_type fs_group_change_policy fs_group_policy fs_type gpu_spec health_check http_tokens
initial_version inner_access instance_type instance_types internal_traffic_policy internet_charge_type ip_mode
kind kube_proxy_version kubelet_version level lifecycle_state lock_reasons max_surge
max_unavailable min_available multi_zone_policy network network_type nic_type node_cidr_mask operator origin
outcome path_type pattern payment phase policy position product profile protocol proxy_mode
reason reclaim_policy region resource_type restart_policy role_type schedule scheduler session_affinity
spec spot_strategy stage state status sticky_session suspended_processes system_disk_category template_types
type user_access verbs version volume_binding_mode volume_mode when_unsatisfiable zone zones
"""
VOCABULARY = frozenset(_VOCABULARY.split())
"""Fields, or ``Struct.field``, whose texts are words of an API."""
EVERYWHERE = frozenset(
    {
        *("AccessGroupRules.file_system_type", "Addon.name", "ContainerLog.component", "Metric.name"),
        *("NodePool.spot_strategy", "Policy.type", "TypeStock.payment"),
    }
)
"""Vocabulary that stands in keys of other tables, or as the name of what is part of ACK: its words always stay."""
TEXTS = frozenset(
    {
        *("AccessReview.reason", "UnhealthyServer.reason", "ClusterEvent.reason"),
        *("Condition.type", "Condition.reason", "OwnerReference.kind", "PodStatus.reason"),
    }
)
"""Fields called like vocabulary that anybody may fill; of their words those stay that Kubernetes and ACK use."""
MEASURES = frozenset({"allocatable", "capacity", "limits", "overhead", "requests"})
"""Dictionaries of amounts. Their keys are mostly of an API, but a device that somebody adds has his name."""
VERSIONS = frozenset({"component_versions"})
"""Dictionaries whose keys and values are of an API."""
SETTINGS = frozenset({"api_endpoints", "data"})
"""Dictionaries whose keys are of an API, while values may name things."""
OF_DRIVERS = frozenset({"options", "parameters", "volume_attributes"})
"""Dictionaries of which only those keys are of an API that a driver reads, while values may name things."""
POLICIES = frozenset({"Policy.document"})
"""JSON texts of RAM policies."""
_OF_POLICIES = frozenset({"Action", "NotAction", "Effect", "Version"})
_WORD = re.compile(r"[^\W_]+")
_BLOTTED = "redacted"


class Redactor:
    """Redacts the parts of one landscape."""

    def __init__(self, key: bytes, landscape: Landscape) -> None:
        """Take the key, without which no name can be guessed, and the landscape, for the vocabulary in it."""
        rows = (row for table in landscape.tables.values() if not table.is_unavailable for row in table.known_rows())
        self._names = Pseudonyms(key, kept={word for row in rows for word in _words_of_apis(row)})

    def text(self, text: str) -> str:
        """Return what stands for a name, an address or any text in the redacted landscape."""
        return self._names.text(text)

    def landscape(self, landscape: Landscape) -> Landscape:
        """Return the redacted landscape."""
        return Landscape(
            self._cluster(landscape.cluster),
            landscape.observed_at,
            {name: self._table(name, table) for name, table in landscape.tables.items()},
            tuple(self._log(log) for log in landscape.collection),
        )

    def _cluster(self, cluster: ClusterIdentity) -> ClusterIdentity:
        redacted: ClusterIdentity = self._struct(cluster)
        return redacted

    def _table(self, name: str, table: Table[Any]) -> Table[Any]:
        rows = [] if table.is_unavailable else [(row.key, self._struct(row)) for row in table.known_rows()]
        keys = {key: row.key for key, row in rows}
        return Table(
            name,
            [row for _, row in rows],
            gaps=[self._gap(gap, keys) for gap in table.gaps],
            asked=None if table.asked is None else [keys.get(key) or self.text(key) for key in table.asked],
            unavailable=table.is_unavailable,
        )

    def _gap(self, gap: Gap, keys: dict[str, str]) -> Gap:
        hidden = None if gap.keys is None else frozenset(keys.get(key) or self.text(key) for key in gap.keys)
        return Gap(self._reason(gap.reason), hidden)

    def _reason(self, reason: Reason) -> Reason:
        return Reason(reason.source, reason.kind, self._said(reason.message), reason.missing)

    def _said(self, text: Text) -> Text:
        return Text(text.key, {name: self._value_of_text(value) for name, value in text.values.items()})

    def _value_of_text(self, value: Value | Text) -> Value | Text:
        if isinstance(value, Text):
            return self._said(value)
        if isinstance(value, list):
            return [self.text(member) for member in value]
        return self.text(value) if isinstance(value, str) else value

    def _log(self, log: SourceLog) -> SourceLog:
        return msgspec.structs.replace(log, reasons=tuple(self._reason(reason) for reason in log.reasons))

    def _struct(self, struct: Any) -> Any:
        made = copy.copy(struct)
        for name in _fields(type(struct)):
            force_setattr(made, name, self._value(getattr(struct, name), name, type(struct).__name__))
        return made

    def _value(self, value: Any, name: str, owner: str) -> Any:
        match value:
            case str() if f"{owner}.{name}" in POLICIES:
                return self._policy(value)
            case str() if name == "suppress" and owner == "OwnAnnotations":
                return self._suppression(value)
            case str() if name == "image":
                return self._names.image(value)
            case str():
                return value if _is_vocabulary(name, owner) else self.text(value)
            case list() | tuple():
                return type(value)(self._value(member, name, owner) for member in value)
            case dict() if name in VERSIONS:
                return value
            case dict() if name in MEASURES:
                return {self.text(key): each for key, each in value.items()}
            case dict() if name == "annotations" and SUPPRESS in value:
                others = {key: each for key, each in value.items() if key != SUPPRESS}
                return {SUPPRESS: self._suppression(value[SUPPRESS]), **self._value(others, name, owner)}
            case dict():
                return {self._key(key, name): self._value(each, name, owner) for key, each in value.items()}
            case msgspec.Struct():
                return self._struct(value)
        return value

    def _key(self, key: str, name: str) -> str:
        is_of_api = name in SETTINGS or (name in OF_DRIVERS and key.lower() in PARAMETERS)
        return key if is_of_api else self.text(key)

    def _suppression(self, text: str) -> str:
        """Redact what somebody wrote to suppress findings, such that it still suppresses them."""
        entries = read_annotation(text)
        hidden = [self._note(entry) for entry in entries]
        if len(write_annotation(hidden)) > MOST_CHARACTERS:
            hidden = [self._note(entry, is_short=True) for entry in entries]
        return write_annotation(hidden)

    def _note(self, entry: Written | BadNote, *, is_short: bool = False) -> Written | str:
        """Redact one suppression. Of one that can't be used only why is kept, in the auditor's own words."""
        if isinstance(entry, BadNote):
            return entry.text.key
        check = _WORD.sub(lambda word: word[0] if word[0] in CHECK_WORDS else self.text(word[0]), entry.check)
        reason, owner = (_BLOTTED, _BLOTTED) if is_short else (self.text(entry.reason), self.text(entry.owner))
        return Written(check, reason[: LONGEST["reason"]], owner[: LONGEST["owner"]], entry.expires)

    def _policy(self, document: str) -> str:
        try:
            read = msgspec.json.decode(document)
        except (msgspec.DecodeError, RecursionError):
            return self.text(document)
        return msgspec.json.encode(self._statements(read)).decode()

    def _statements(self, part: Any) -> Any:
        if isinstance(part, dict):
            return {key: value if key in _OF_POLICIES else self._statements(value) for key, value in part.items()}
        if isinstance(part, list):
            return [self._statements(member) for member in part]
        return self.text(part) if isinstance(part, str) else part


def redact(landscape: Landscape, key: bytes) -> Landscape:
    """Return the landscape with its names, addresses and texts replaced, the same ones everywhere by the same.

    An audit of it finds the same faults, on objects of other names.
    Words that Kubernetes, ACK and their messages use themselves stay, and so does a name that is made of them alone.
    """
    return Redactor(key, landscape).landscape(landscape)


def _is_vocabulary(name: str, owner: str) -> bool:
    full = f"{owner}.{name}"
    return full in VOCABULARY or (name in VOCABULARY and full not in TEXTS)


def _fields(struct_type: type[Any]) -> list[str]:
    return [name for name in struct_type.__struct_fields__ if is_collected(struct_type, name)]


def _words_of_apis(struct: Any) -> Iterator[str]:
    """Say the words that stay wherever they stand, as in keys of rows and in messages."""
    owner = type(struct).__name__
    for name in _fields(type(struct)):
        value = getattr(struct, name)
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, msgspec.Struct):
                yield from _words_of_apis(part)
            elif isinstance(part, str) and f"{owner}.{name}" in EVERYWHERE:
                yield from _WORD.findall(part)
