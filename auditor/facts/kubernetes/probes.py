"""What the opt-in probes saw."""

import msgspec


class KubeletLogRead(msgspec.Struct, rename="camel", frozen=True):
    """One line of log, read through the API server from a Pod on a node: does the way to the kubelet work?

    ``error`` is empty when the line came; otherwise it is what the API server said.
    """

    node: str
    pod: str
    error: str = ""
    status: int = 200

    @property
    def key(self) -> str:
        """The name of the node."""
        return self.node
