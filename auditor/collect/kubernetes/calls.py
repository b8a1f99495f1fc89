"""The calls that the client makes, and what becomes of one."""

from dataclasses import dataclass
from enum import StrEnum

from auditor.collect.kubernetes.failures import CallFailed

JSON = "application/json"


class Review(StrEnum):
    """The questions that may be sent by POST. The API server answers them and stores nothing."""

    SUBJECT = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    SELF = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


@dataclass(frozen=True)
class Attempt:
    """What became of a single try: the body of the answer, or the failure; and the seconds that it took."""

    seconds: float
    body: bytes = b""
    failure: CallFailed | None = None


@dataclass(frozen=True)
class Call:
    """One call, in the form in which it is sent."""

    method: str
    path: str
    query: str = ""
    permission: str = ""
    accept: str = JSON
    body: bytes = b""

    @property
    def name(self) -> str:
        """The method and the path."""
        return f"{self.method} {self.path}"
