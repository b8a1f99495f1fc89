"""Bodies that an operator writes as a Jinja2 template, for receivers that want a shape of their own."""

import traceback
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound, TemplateSyntaxError
from jinja2.sandbox import SandboxedEnvironment

from auditor.deliver.channel import Misconfigured
from auditor.deliver.secrets import blotted


def rendered(channel: str, template: Path, data: dict[str, Any]) -> str:
    """Return the body that a template makes of plain data.

    The template is sandboxed, a name that does not exist is an error, and nothing is escaped by itself: a value that
    goes into JSON goes through the filter ``tojson``.

    Raises:
        Misconfigured: the template can't be read or used; names the file and the line.
    """
    environment = SandboxedEnvironment(
        loader=FileSystemLoader(template.parent),
        undefined=StrictUndefined,
        autoescape=False,
        keep_trailing_newline=True,
    )
    try:
        body = environment.get_template(template.name).render(data)
    except TemplateSyntaxError as error:
        raise _refused(channel, template, error.filename, error.lineno, error.message or "") from None
    except TemplateNotFound as error:
        raise _refused(channel, template, None, None, f"there is no such file: {error.name}") from None
    except OSError as error:
        raise _refused(channel, template, None, None, f"it can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _refused(channel, template, None, None, "expected UTF-8 text") from None
    except Exception as error:  # noqa: BLE001 - an expression of a template can raise anything
        file, line = _place(error, template)
        said = str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
        raise _refused(channel, template, file, line, said) from None
    # Halves of surrogate pairs fit in no body.
    return body.encode(errors="replace").decode()


def ensure_readable(channel: str, template: Path) -> None:
    """Raise Misconfigured if a template can't be read, or is none."""
    try:
        SandboxedEnvironment().parse(template.read_text(encoding="utf-8"))
    except TemplateSyntaxError as error:
        raise _refused(channel, template, str(template), error.lineno, error.message or "") from None
    except OSError as error:
        raise _refused(channel, template, None, None, f"it can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise _refused(channel, template, None, None, "expected UTF-8 text") from None


def _place(error: Exception, template: Path) -> tuple[str | None, int | None]:
    """Return the innermost place in a file beside the template, or the template itself, at which an error arose."""
    folder = str(template.parent)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename) == template or str(Path(frame.filename).parent) == folder:
            return frame.filename, frame.lineno
    return None, None


def _refused(channel: str, template: Path, file: str | None, line: int | None, said: str) -> Misconfigured:
    place = f"{file or template}, line {line}" if line else f"{file or template}"
    return Misconfigured(f"channel {channel!r}: template {place}: {blotted(said, ())}")
