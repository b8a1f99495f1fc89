"""What keeps a Pod off the new nodes of a node pool."""

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from auditor.facts.cloud.cs import NodePool
from auditor.facts.table import Reason
from auditor.facts.text import Text


class Stage(IntEnum):
    """The questions that a pool is asked, in this order. The further a pool comes, the more it is meant for the Pod."""

    LABELS = 1
    ZONE = 2
    SIZE = 3
    ADDRESSES = 4


@dataclass(frozen=True)
class Obstacle:
    """Why a new node of a pool would not take a Pod.

    Attributes:
        stage: the question at which it fails.
        text: why, with the values read.
        is_certain: False where it rests on an estimate.
        is_assumed: whether the estimate is a rule of thumb, so that the pool may turn out to do after all.
    """

    stage: Stage
    text: Text
    is_certain: bool = True
    is_assumed: bool = False


@dataclass(frozen=True)
class PoolFit:
    """What is known of a Pod and a pool, up to some stage.

    Attributes:
        pool: the pool.
        obstacle: the first that is known; None if there is none as far as that is known.
        unknown: the stages before it of which nothing is known, with the reasons.
    """

    pool: NodePool
    obstacle: Obstacle | None = None
    unknown: tuple[tuple[Stage, tuple[Reason, ...]], ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether it is known that nothing keeps the Pod off."""
        return self.obstacle is None and not self.unknown

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why not everything is known."""
        return tuple(reason for _, reasons in self.unknown for reason in reasons)


@dataclass(frozen=True)
class RuledOut:
    """Why no pool can take a Pod. Pods that ask the same share it, so that it is put into words once."""

    fits: tuple[PoolFit, ...]
    stage: Stage

    @cached_property
    def furthest_first(self) -> list[PoolFit]:
        """The pools, those that come furthest first."""
        return sorted(self.fits, key=lambda fit: (-(fit.obstacle.stage if fit.obstacle else 0), fit.pool.ref.path))

    @cached_property
    def described(self) -> list[str]:
        """Each pool with what keeps the Pod off it."""
        return [f"{fit.pool.ref.path}: {fit.obstacle.text}" for fit in self.furthest_first if fit.obstacle]

    @cached_property
    def nearest(self) -> list[PoolFit]:
        """The pools that come furthest."""
        return [fit for fit in self.furthest_first if fit.obstacle and fit.obstacle.stage is self.stage]

    @cached_property
    def is_certain(self) -> bool:
        """Whether none of it rests on an estimate."""
        return all(fit.obstacle is not None and fit.obstacle.is_certain for fit in self.fits)
