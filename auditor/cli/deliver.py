"""``auditor deliver``: try a channel, look at what is owed, and owe again what was given up."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditor.cli.exits import Exit, Failure, fail, known_errors, say
from auditor.cli.options import ConfigOption

if TYPE_CHECKING:
    from auditor.config.settings import Settings
    from auditor.deliver.message import Message
    from auditor.ledger.ledger import Ledger
    from auditor.ledger.records import Delivery

app = typer.Typer(
    help="Try a channel, and look after what is owed to the channels.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("test")
def send_test(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="The name of a channel of the configuration.")],
    config: ConfigOption = None,
) -> int:
    """Send a test message to a channel: it says that it is one, and shows the audit of an invented cluster."""
    with known_errors():
        from auditor.cli import load
        from auditor.deliver.channel import NotDelivered, open_channel

        settings = load.settings(config, needed=True)
        chosen = next((one for one in settings.channels if one.name == channel), None)
        if chosen is None:
            known = ", ".join(one.name for one in settings.channels) or "none"
            raise Failure(f"no channel is called {channel!r}; the configuration knows: {known}")
        if missing := chosen.missing():
            raise Failure(f"channels[{channel}].{missing[0]}: this key is required for a channel of kind {chosen.kind}")
        message = _test_message(settings, chosen.language or settings.report.language)
        try:
            open_channel(chosen).send(message)
        except NotDelivered as error:
            raise Failure(f"{channel}: not delivered: {error.sentence}") from None
    say(f"{channel}: delivered (key {message.key})")
    return Exit.OK


@app.command("list")
def list_deliveries(
    config: ConfigOption = None,
    channel: Annotated[str | None, typer.Option(metavar="NAME", help="Only those to this channel.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Those that arrived as well; otherwise what is owed or was given up.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="The latest so many.")] = 50,
) -> int:
    """List deliveries that are owed or were given up, the latest first."""
    from auditor.ledger.records import DeliveryState

    states = () if everything else (DeliveryState.OWED, DeliveryState.DEAD)
    with known_errors(), _ledger(config) as ledger:
        found = ledger.deliveries(channel, states, limit)
    for delivery in found:
        say(_line(delivery))
    if not found:
        say("nothing is owed, and nothing was given up" if not everything else "there are no deliveries yet")
    return Exit.OK


@app.command("retry")
def retry(
    keys: Annotated[
        list[str] | None, typer.Argument(metavar="KEY...", help="Keys that `auditor deliver list` shows.")
    ] = None,
    config: ConfigOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All that were given up.")] = False,
) -> int:
    """Owe again what was given up. The agent sends it, or `auditor run --now --deliver`."""
    from datetime import UTC, datetime

    from auditor.ledger.errors import Outdated
    from auditor.ledger.records import DeliveryState

    if bool(keys) == everything:
        raise Failure("expected keys of deliveries, or --all")
    with known_errors(), _ledger(config) as ledger:
        dead = [delivery.key for delivery in ledger.deliveries(None, (DeliveryState.DEAD,), 100_000)]
        for key in dead if everything else keys or []:
            if key not in dead:
                fail(f"{key}: no delivery with this key was given up")
                return Exit.UNUSABLE
            try:
                ledger.revive(key, datetime.now(UTC))
            except Outdated as error:
                say(str(error))
            else:
                say(f"owed again: {key}")
    return Exit.OK


def _ledger(config: Path | None) -> "Ledger":
    from auditor.cli import load
    from auditor.ledger.ledger import Ledger

    return Ledger.open(load.settings(config, needed=True).ledger_url(), make=False)


def _line(delivery: "Delivery") -> str:
    when = f"{delivery.created_at:%Y-%m-%d %H:%M}Z"
    head = f"{delivery.state.value:9}  {when}  {delivery.channel}  {delivery.kind}  {delivery.key}"
    if delivery.state == "owed":
        head += f"  (due {delivery.due_at:%Y-%m-%d %H:%M}Z, tried {delivery.attempts} times)"
    return f"{head}\n           {delivery.last_error}" if delivery.last_error else head


def _test_message(settings: "Settings", language: str) -> "Message":
    import uuid

    from auditor.agent.audit import Watcher, audit
    from auditor.cli import load
    from auditor.deliver.message import Kind, Message

    outcome = audit(load.demo(), load.checks([], []), [], "now", Watcher())
    return Message(
        key=f"test/{uuid.uuid4()}",
        kind=Kind.TEST,
        outcome=outcome,
        findings=outcome.counting,
        language=language,
        link=settings.server.public_url if settings.server else "",
    )
