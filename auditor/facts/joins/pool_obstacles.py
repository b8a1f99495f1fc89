"""What keeps a Pod off the new nodes of a node pool."""

from dataclasses import dataclass
from enum import IntEnum

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
