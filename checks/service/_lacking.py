"""How many entries backends still lack on load balancers, by backend.

Waiting Services and nodes can be many, and most such Services want every node alike. So what all nodes lack is said
once for all of them, and only what differs is said by backend: nothing here goes through every node of every Service.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Lacking:
    """How many entries each backend lacks for one Service: ids of instances, and addresses of Pods.

    Each of ``nodes`` lacks one on each of so many ``ports``, and each backend as many more as ``apart`` says of it,
    or fewer, where it is entered already.
    """

    nodes: frozenset[str] = frozenset()
    ports: int = 0
    apart: Mapping[str, int] = field(default_factory=dict)

    def of(self, backend: str) -> int:
        """Return how many entries a backend lacks."""
        return self._alike(backend) + self.apart.get(backend, 0)

    def with_counts(self, counts: Mapping[str, int]) -> "Lacking":
        """Return the same with other counts of some backends."""
        apart = {backend: number - self._alike(backend) for backend, number in counts.items()}
        return Lacking(self.nodes, self.ports, {backend: number for backend, number in apart.items() if number})

    def _alike(self, backend: str) -> int:
        return self.ports if backend in self.nodes else 0


class Ways:
    """What one Service lacks in each of the ways that it may be meant; at most one has all nodes as backends."""

    def __init__(self, ways: Sequence[Lacking]) -> None:
        """Take one way or several."""
        self._ways = ways
        self._with_nodes = next((way for way in ways if way.nodes), ways[0])
        named = {backend for way in ways for backend in way.apart}
        self._counts = {backend: {way.of(backend) for way in ways} for backend in named}

    def least(self) -> Lacking:
        """Return the fewest entries that each backend lacks, whichever way holds."""
        base = self._with_nodes if len(self._ways) == 1 else Lacking()
        return base.with_counts({backend: min(counts) for backend, counts in self._counts.items()})

    def most(self) -> Lacking:
        """Return the most entries that each backend lacks, whichever way holds."""
        return self._with_nodes.with_counts({backend: max(counts) for backend, counts in self._counts.items()})

    def differ(self) -> bool:
        """Tell whether some backend lacks more in one way than in another."""
        if len(self._ways) == 1:
            return False
        nodes = self._with_nodes.nodes
        # Nodes of which nothing is said apart lack something in this way, and nothing in any other.
        return sum(backend in nodes for backend in self._counts) < len(nodes) or any(
            len(counts) > 1 for counts in self._counts.values()
        )


@dataclass(frozen=True)
class Lack:
    """What one backend lacks: entries by Service, those of all together, and the most for a single Service."""

    by_service: Mapping[str, int]
    total: int
    most: int


NOTHING = Lack({}, 0, 0)


class Lacks:
    """What several Services lack together. Backends that lack the same share one answer."""

    def __init__(self, services: Iterable[tuple[str, Lacking]]) -> None:
        """Take the Services, by key, in the order in which they are to be named."""
        self._order: dict[str, int] = {}
        self._alike: dict[frozenset[str], dict[str, int]] = {}
        self._apart: dict[str, dict[str, int]] = {}
        self._made: dict[object, Lack] = {}
        for key, lacking in services:
            self._order[key] = len(self._order)
            if lacking.nodes:
                self._alike.setdefault(lacking.nodes, {})[key] = lacking.ports
            for backend, number in lacking.apart.items():
                self._apart.setdefault(backend, {})[key] = number

    def of(self, backend: str) -> Lack:
        """Return what one backend lacks."""
        alike = tuple(number for number, nodes in enumerate(self._alike) if backend in nodes)
        apart = self._apart.get(backend, {})
        if not alike and not apart:
            return NOTHING
        same = (alike, tuple(apart.items()))
        if same not in self._made:
            self._made[same] = self._sum(alike, apart)
        return self._made[same]

    def _sum(self, alike: Sequence[int], apart: Mapping[str, int]) -> Lack:
        counts = dict(apart)
        shared = list(self._alike.values())
        for number in alike:
            for key, ports in shared[number].items():
                counts[key] = counts.get(key, 0) + ports
        named = {key: counts[key] for key in sorted(counts, key=self._order.__getitem__) if counts[key]}
        return Lack(named, sum(named.values()), max(named.values(), default=0))
