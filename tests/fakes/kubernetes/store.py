"""The objects of the fake cluster, by the API path of their list, and the reading of lists in pages."""

import base64
import copy
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]


class Expired(Exception):  # noqa: N818
    """The continue token is too old. ``fresh`` continues from the present state; None if the server offers none."""

    def __init__(self, fresh: str | None) -> None:
        super().__init__("expired")
        self.fresh = fresh


@dataclass
class ListPage:
    items: list[Object]
    version: int
    token: str = ""
    remaining: int | None = None


@dataclass
class _Collection:
    kind: str
    api_version: str
    objects: dict[str, Object] = field(default_factory=dict)


class Store:
    """Objects by the path of their list in all namespaces, e.g. ``/api/v1/pods``.

    Objects are replaced, never changed in place, so that a list begun earlier stays as it was.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._collections: dict[str, _Collection] = {}
        self._snapshots: dict[tuple[str, int], list[tuple[str, Object]]] = {}
        self._version = 1000
        self.offers_fresh_tokens = True
        """Whether an expired token is answered with another one."""

    def declare(self, path: str, kind: str, api_version: str) -> None:
        """Make the server know a type: lists of ``kind`` (of one object) at this path."""
        self._collections[path] = _Collection(kind, api_version)

    def withdraw(self, path: str) -> None:
        """Make the server not know a type, as one of another version."""
        del self._collections[path]

    def knows(self, path: str) -> bool:
        return path in self._collections

    def paths(self) -> list[str]:
        """Return the paths of all lists."""
        return list(self._collections)

    def kind(self, path: str) -> tuple[str, str]:
        """Return the kind of the objects and their apiVersion."""
        return self._collections[path].kind, self._collections[path].api_version

    def all(self, path: str) -> list[Object]:
        """Return the objects of a list; they must not be changed."""
        return list(self._collections[path].objects.values())

    def get(self, path: str, name: str, namespace: str = "") -> Object | None:
        return self._collections[path].objects.get(_key(namespace, name))

    def add(self, path: str, *objects: Object) -> None:
        """Add copies of objects; replaces one of the same name."""
        self.take(path, copy.deepcopy(objects))

    replace = add

    def take(self, path: str, objects: Iterable[Object]) -> None:
        """Add objects that nobody else will change, as they are."""
        with self._lock:
            for thing in objects:
                meta = thing["metadata"]
                self._version += 1
                meta.setdefault("resourceVersion", str(self._version))
                self._collections[path].objects[_key(meta.get("namespace", ""), meta["name"])] = thing

    def remove(self, path: str, name: str, namespace: str = "") -> None:
        with self._lock:
            self._version += 1
            del self._collections[path].objects[_key(namespace, name)]

    def patch(self, path: str, name: str, change: Callable[[Object], object], namespace: str = "") -> None:
        """Let ``change`` alter a copy of one object in place, and store it."""
        with self._lock:
            found = self.get(path, name, namespace)
            if found is None:
                raise KeyError(f"{path} has no {_key(namespace, name)}")
            changed = copy.deepcopy(found)
            change(changed)
            self._version += 1
            changed["metadata"]["resourceVersion"] = str(self._version)
            self._collections[path].objects[_key(namespace, name)] = changed

    def clear(self, path: str) -> None:
        """Remove all objects of a list."""
        with self._lock:
            self._version += 1
            self._collections[path].objects.clear()

    def expire_tokens(self) -> None:
        """Make every continue token that was given out too old, as after five minutes."""
        with self._lock:
            self._snapshots.clear()

    def read(self, path: str, namespace: str, limit: int, token: str) -> ListPage:
        """Read one page. Raises Expired, and ValueError for a token that is none."""
        with self._lock:
            start, version = "", self._version
            entries = self._entries(path)
            if token:
                start, version = _parse(token)
                if version >= 0:
                    if (path, version) not in self._snapshots:
                        raise Expired(_token(-1, start) if self.offers_fresh_tokens else None)
                    entries = self._snapshots[path, version]
                else:
                    version = self._version
            left = [(k, o) for k, o in entries if k >= start and (not namespace or k.startswith(f"/{namespace}/"))]
            if not limit or len(left) <= limit:
                return ListPage([thing for _, thing in left], version)
            self._snapshots[path, version] = entries
            return ListPage(
                [thing for _, thing in left[:limit]], version, _token(version, left[limit][0]), len(left) - limit
            )

    def _entries(self, path: str) -> list[tuple[str, Object]]:
        return sorted((f"/{key}", thing) for key, thing in self._collections[path].objects.items())


def fill(store: Store, lists: Mapping[str, Mapping[str, Any]]) -> None:
    """Fill a store with lists as an API server answers them."""
    for path, loaded in lists.items():
        store.declare(path, str(loaded["kind"]).removesuffix("List"), str(loaded["apiVersion"]))
        store.take(path, loaded["items"])


def _key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name


def _token(version: int, start: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": start}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _parse(token: str) -> tuple[str, int]:
    loaded = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    return str(loaded["start"]), int(loaded["rv"])
