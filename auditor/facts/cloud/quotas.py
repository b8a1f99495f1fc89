"""Quota Center: the live limits."""

import msgspec


class Quota(msgspec.Struct, frozen=True):
    """A limit of one product in one region; the code may be one of two naming schemes."""

    product: str
    code: str
    name: str = ""
    region: str = ""
    limit: float | None = None
    usage: float | None = None

    @property
    def key(self) -> str:
        """``product/code/region``."""
        return f"{self.product}/{self.code}/{self.region}"
