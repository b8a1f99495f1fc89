"""What goes over the wire: the parameters of a call, and the errors that answer it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """An answer other than 2xx.

    Attributes:
        code: the error code.
        message: the sentence that goes with it.
        status: the HTTP status.
        details: further keys of the body.
        by_gateway: whether the gateway answers, and not the product: its keys are upper-case for every product.
    """

    def __init__(
        self, code: str, message: str, status: int = 400, details: Json | None = None, *, by_gateway: bool = False
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.details = details or {}
        self.by_gateway = by_gateway


def not_found(code: str, message: str) -> ApiError:
    """Return the error for an object that is not there, with status 404."""
    return ApiError(code, message, 404)


def invalid(name: str) -> ApiError:
    """Return the error for a parameter whose value is not accepted."""
    return ApiError("InvalidParameter", f"The specified parameter {name} is not valid.")


def missing(name: str) -> ApiError:
    """Return the error for a required parameter that was not sent."""
    return ApiError(
        f"Missing{name}" if name == "AccessKeyId" else "MissingParameter", f"{name} is mandatory for this action."
    )


GRANTED_BY = {"cms:DescribeMetricLast": "cms:QueryMetricLast", "cms:DescribeMetricList": "cms:QueryMetricList"}
"""The RAM actions that are not called as their operations are."""


@dataclass(frozen=True)
class Call:
    """One call that reached the fake, with the parameters of query, form body and path."""

    product: str
    action: str
    params: dict[str, str]

    @property
    def name(self) -> str:
        """``product:action``, the form of a RAM action."""
        return f"{self.product}:{self.action}"

    @property
    def permission(self) -> str:
        """The RAM action that the call needs."""
        return GRANTED_BY.get(self.name, self.name)


class Parameters:
    """The parameters of one call: strings, as they were sent.

    Attributes:
        values: by name.
        page_limit: pages hold at most so many items, whatever the caller asks for; None for no such limit.
    """

    def __init__(self, values: dict[str, str], page_limit: int | None = None) -> None:
        self.values = values
        self.page_limit = page_limit

    def __contains__(self, name: str) -> bool:
        return self.values.get(name, "") != ""

    def text(self, name: str, default: str = "") -> str:
        """Return a parameter, or the default where it was not sent or is empty."""
        return self.values.get(name) or default

    def required(self, name: str) -> str:
        """Return a parameter; raises ``MissingParameter`` where it was not sent."""
        if name not in self:
            raise missing(name)
        return self.values[name]

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        """Return a whole number; raises ``InvalidParameter`` where it is none, or outside of the range."""
        text = self.text(name, str(default))
        if not text.isdigit() or not lowest <= int(text) <= highest:
            raise invalid(name)
        return int(text)

    def flag(self, name: str) -> bool:
        """Return whether a switch is on; Python's ``True`` is sent as it is."""
        return self.text(name).lower() == "true"

    def json_list(self, name: str, most: int) -> list[str] | None:
        """Return a list that is sent as a JSON array string, None where it was not sent."""
        if name not in self:
            return None
        try:
            items = json.loads(self.values[name])
        except ValueError:
            raise invalid(name) from None
        if not isinstance(items, list) or len(items) > most or not all(isinstance(item, str) for item in items):
            raise invalid(name)
        return items

    def comma_list(self, name: str, most: int) -> list[str] | None:
        """Return a list that is sent with commas between its items, None where it was not sent."""
        if name not in self:
            return None
        items = [item.strip() for item in self.values[name].split(",")]
        if len(items) > most:
            raise invalid(name)
        return items

    def repeated(self, name: str, most: int) -> list[str] | None:
        """Return a list that is sent as ``Name.1``, ``Name.2`` …, None where nothing was sent."""
        items = [value for _, value in self._numbered(name) if value]
        if len(items) > most:
            raise invalid(name)
        return items or None

    def pairs(self, name: str) -> dict[str, str]:
        """Return pairs that are sent as ``Name.1.Key`` and ``Name.1.Value``."""
        keys = {rest.split(".")[0]: value for rest, value in self._numbered(name) if rest.endswith(".Key")}
        values = {rest.split(".")[0]: value for rest, value in self._numbered(name) if rest.endswith(".Value")}
        return {key: values.get(number, "") for number, key in keys.items()}

    def _numbered(self, name: str) -> Iterator[tuple[str, str]]:
        prefix = f"{name}."
        found = [(key.removeprefix(prefix), value) for key, value in self.values.items() if key.startswith(prefix)]
        numbered = [(rest, value) for rest, value in found if rest.split(".")[0].isdigit()]
        yield from sorted(numbered, key=lambda pair: int(pair[0].split(".")[0]))
