"""The fake cloud: a state, ways in, and faults to plant."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fakes.cloud.faults import Change, Fault, Faults, Kind, When
from tests.fakes.cloud.gateway import JSON, Gateway, encoded, error_body
from tests.fakes.cloud.in_process import intercepting
from tests.fakes.cloud.products import PRODUCTS
from tests.fakes.cloud.server import serving
from tests.fakes.cloud.state import CloudState
from tests.fakes.cloud.wire import ApiError, Call, Json


class FakeCloud:
    """A cloud account that answers as the API gateways do.

    Attributes:
        state: what the account holds; edit it freely.
        gateway: what answers, with the switches ``check_signatures`` and ``page_limit``.
    """

    def __init__(
        self, state: CloudState | None = None, *, check_signatures: bool = True, page_limit: int | None = None
    ) -> None:
        """Make a cloud out of a state, an empty one unless given.

        Args:
            state: what the account holds.
            check_signatures: answer only calls that are signed with a key of ``state.sts.keys``.
            page_limit: let pages hold at most so many items, whatever the caller asks for.
        """
        self.state = state or CloudState()
        self.gateway = Gateway(self.state, check_signatures, page_limit)

    @classmethod
    def recorded(cls, *, check_signatures: bool = True, page_limit: int | None = None) -> "FakeCloud":
        """Return a cloud that holds the recorded healthy account."""
        return cls(CloudState.recorded(), check_signatures=check_signatures, page_limit=page_limit)

    @property
    def calls(self) -> list[Call]:
        """Every call that was understood, in the order of arrival."""
        return self.gateway.calls

    @property
    def refused(self) -> list[Call]:
        """The calls that would have changed something; they were answered with an error."""
        return self.gateway.refused

    @property
    def faults(self) -> Faults:
        """The faults that are planted."""
        return self.gateway.faults

    def actions(self) -> list[str]:
        """Return the calls as ``product:Action``, in the order of arrival."""
        return [call.name for call in self.calls]

    def permissions(self) -> set[str]:
        """Return the RAM actions that the calls needed."""
        return {call.permission for call in self.calls}

    @contextlib.contextmanager
    def serve(self, port: int = 0, certificate: Path | None = None) -> Iterator[str]:
        """Serve all products over HTTP on the loopback address; the value is the base URL.

        With a PEM file that holds a certificate and its key, over HTTPS.
        """
        with serving(self.gateway.answer, self.gateway.closing, port, certificate) as base_url:
            yield base_url

    @contextlib.contextmanager
    def in_process(self) -> Iterator["FakeCloud"]:
        """Answer every host of the cloud within this process, without a socket."""
        with intercepting(self.gateway.answer):
            yield self

    def deny(self, action: str, when: When | None = None) -> Fault:
        """Refuse an action for want of a permission, in the words of its product."""
        return self.faults.add(Fault(Kind.DENY, action, when))

    def throttle(self, action: str, times: int | None = None, when: When | None = None) -> Fault:
        """Refuse an action for too many calls, so many times or for ever."""
        return self.faults.add(Fault(Kind.THROTTLE, action, when, times))

    def fail(
        self,
        action: str,
        status: int = 500,
        body: str | Json | list[Any] = "",
        *,
        times: int | None = None,
        when: When | None = None,
    ) -> Fault:
        """Answer an action with a status and a body: an object is sent as JSON, a string as it is."""
        content = encoded(body).decode()
        kind = "text/html" if content.lstrip().startswith("<") else JSON
        fault = Fault(Kind.FAIL, action, when, times, status=status, body=content, content_type=kind)
        return self.faults.add(fault)

    def fail_with(self, action: str, error: ApiError, times: int | None = None, when: When | None = None) -> Fault:
        """Answer an action with an error code, in the form of its product."""
        body = error_body(PRODUCTS[action.partition(":")[0].lower()], error)
        return self.fail(action, error.status, body, times=times, when=when)

    def delay(self, action: str, seconds: float, times: int | None = None, when: When | None = None) -> Fault:
        """Hold the answers of an action for some seconds."""
        return self.faults.add(Fault(Kind.DELAY, action, when, times, seconds=seconds))

    def cut(self, action: str, *, halfway: bool = False, times: int | None = None, when: When | None = None) -> Fault:
        """End the connection before the answer of an action, or halfway through its body."""
        return self.faults.add(Fault(Kind.CUT, action, when, times, halfway=halfway))

    def mutate(self, action: str, change: Change, times: int | None = None, when: When | None = None) -> Fault:
        """Change the answer of an action on its way: the function edits it in place, or returns another."""
        return self.faults.add(Fault(Kind.MUTATE, action, when, times, change=change))

    def heal(self) -> None:
        """Remove all faults."""
        self.faults.clear()
