"""The entry point ``auditor``: puts the commands together and turns every known error into one clear message."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from auditor import __version__
from auditor.cli import checks, collect, config, permissions, run
from auditor.cli.exits import Exit, Failure, fail

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
app.command("permissions")(permissions.permissions)
app.add_typer(config.app, name="config")


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
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except typer.TyperException as error:
        show = getattr(error, "show", None)  # usage errors show the usage too
        show() if show else fail(error.format_message())
        return Exit.UNUSABLE
    except Failure as error:
        fail(str(error))
        return error.code
    except (KeyboardInterrupt, typer.Abort):
        fail("interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone (`auditor checks | head`): that is no error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as error:
        if os.environ.get("AUDITOR_DEBUG"):
            raise
        fail(
            f"this is a fault of the auditor itself: {type(error).__name__}: {error}\n"
            "Please report it with what AUDITOR_DEBUG=1 shows in addition; look through it for secrets first."
        )
        return Exit.UNUSABLE
    return code if isinstance(code, int) else Exit.OK


if __name__ == "__main__":
    main()
