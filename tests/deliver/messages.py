"""Messages made by hand, and the settings of channels, for the tests of all kinds."""

from pathlib import Path
from typing import Any

from auditor.config.channels import KINDS, ChannelBase
from auditor.config.load import parse
from auditor.deliver.message import Kind, Message
from auditor.judge.outcome import Outcome
from tests.report import samples

KEY = "01JDC0M6ZQ4Y8T/hook/batch"
LINK = "https://auditor.example.com/runs/01JDC0M6ZQ4Y8T"


def message(kind: Kind = Kind.BATCH, outcome: Outcome | None = None, **more: Any) -> Message:
    """Make a message about what a run found: one finding for kinds about one, else all that count."""
    about = outcome or samples.outcome()
    findings, resolved = about.counting, about.resolved
    match kind:
        case Kind.FINDING:
            findings, resolved = findings[:1], ()
        case Kind.RESOLVED:
            findings, resolved = (), resolved[:1]
        case Kind.TEST:
            findings, resolved = (), ()
    given: dict[str, Any] = {"key": KEY, "findings": findings, "resolved": resolved, "link": LINK}
    return Message(kind=kind, outcome=about, **(given | more))


def settings(kind: str, **keys: Any) -> Any:
    """Return the settings of a channel as they come out of a configuration."""
    made: ChannelBase = KINDS[kind].model_validate({"name": "hook", "kind": kind, **keys})
    return made


def configured(toml: str) -> Any:
    """Return the settings of the first channel of a configuration."""
    return parse(toml.encode(), Path("/nowhere/auditor.toml")).channels[0]
