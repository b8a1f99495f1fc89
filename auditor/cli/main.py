"""The entry point ``auditor``: puts the commands together and turns every known error into one clear message."""

import io
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from auditor import __version__
from auditor.cli import checks, collect, config, deliver, diagnose, diff, doctor, history, permissions, report, run
from auditor.cli.exits import Exit, Failure, complain, fail, mute, standard_output
from auditor.own_fault import own_fault

app = typer.Typer(
    name="auditor",
    help="Audits an Alibaba Cloud ACK cluster from both sides at once: the Kubernetes API and the cloud API. "
    "It only reads.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("collect")(collect.collect)
app.add_typer(checks.app, name="checks")
app.command("diagnose")(diagnose.diagnose)
app.command("permissions")(permissions.permissions)
app.command("doctor")(doctor.doctor)
app.command("history")(history.history)
app.command("diff")(diff.diff)
app.command("report")(report.report)
app.add_typer(config.app, name="config")
app.add_typer(deliver.app, name="deliver")


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"auditor {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Audits an Alibaba Cloud ACK cluster from both sides at once. It only reads."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    _keep_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may lack the characters of a name
    code = _run(arguments)
    if code in (Exit.INTERRUPTED, Exit.TERMINATED):
        mute()
        os._exit(code)  # else the end of the process waits for the calls that are under way, for minutes
    sys.exit(code)


def _keep_standard_streams() -> None:
    """Open what the caller has closed, so that no report is opened under the number of a standard stream."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # The lowest number that is free is taken, which is that of the stream.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


class _Terminated(BaseException):
    """SIGTERM came. Ends a run as Ctrl-C does: nothing half-written stays behind."""


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    raise _Terminated


def _run(arguments: Sequence[str] | None) -> int:
    try:
        with standard_output():
            code = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except typer.TyperException as error:
        complain(_usage_error(error))
        return Exit.UNUSABLE
    except Failure as error:
        fail(str(error))
        return error.code
    except SystemExit:
        mute()  # Typer's way to say that nobody reads the help any more
        return Exit.OK
    except _Terminated:
        fail("terminated")
        return Exit.TERMINATED
    except (KeyboardInterrupt, typer.Abort):
        code = Exit.INTERRUPTED
    except Exception as error:
        if os.environ.get("AUDITOR_DEBUG"):
            raise
        # What the exception says is left out: it may quote a key or a token.
        fail(
            f"this is a fault of the auditor itself: {own_fault(error)}\n"
            "Please report it with what AUDITOR_DEBUG=1 shows in addition; look through it for secrets first."
        )
        return Exit.UNUSABLE
    if code == Exit.INTERRUPTED:  # Typer gives Ctrl-C back as this code
        fail("interrupted")
    return code if isinstance(code, int) else Exit.OK


def _usage_error(error: typer.TyperException) -> str:
    error.message = error.message.removeprefix("Value error, ")
    show = getattr(error, "show", None)  # those that know the command show its usage too
    if show is None:
        return f"Error: {error.format_message()}\n"
    shown = io.StringIO()
    show(file=shown)
    return shown.getvalue()


if __name__ == "__main__":
    main()
