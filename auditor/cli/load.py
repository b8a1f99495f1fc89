"""What several commands load: the configuration, the checks, a landscape file."""

from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.cli.exits import Failure

if TYPE_CHECKING:
    from auditor.config.clusters import Cluster
    from auditor.config.settings import Settings
    from auditor.facts.landscape import Landscape
    from auditor.judge.check import LoadedCheck


def settings(path: Path | None, *, needed: bool) -> "Settings":
    """Load the configuration that is named, or the default one.

    Where none is needed (``needed`` false) and none exists, the defaults hold.
    """
    from auditor.config.load import FILE_NAME, default_path, load
    from auditor.config.settings import Settings

    found = path or default_path()
    if found is not None:
        return load(found)
    if needed:
        raise Failure(
            f"there is no configuration: expected {FILE_NAME} here, or --config FILE\n"
            "`auditor config init` writes a starter; `auditor run --now --demo` shows a report without one"
        )
    return Settings()


def default_config() -> Path | None:
    """Return the configuration that is used when none is named, if it is there."""
    from auditor.config.load import default_path

    return default_path()


def formats(names: Sequence[str]) -> list[str]:
    """Return the names of formats, once each, from a list whose members may hold several with commas."""
    from auditor.report.formats import FORMATS, ensure_known

    split = [name.strip() for member in names for name in member.split(",")]
    found = list(dict.fromkeys(name for name in split if name))
    if not found:
        raise Failure(f"no format is named: expected one or more of {', '.join(FORMATS)}")
    ensure_known(found)
    return found


def checks(folders: Sequence[Path], patterns: Sequence[str]) -> "list[LoadedCheck]":
    """Load the checks that the patterns name, or all."""
    from auditor.judge.registry import load_checks

    return chosen(load_checks(folders), patterns)


def chosen(loaded: "list[LoadedCheck]", patterns: Sequence[str]) -> "list[LoadedCheck]":
    """Return those of the checks that the patterns name, or all."""
    from auditor.judge.registry import select

    return select(loaded, patterns) if patterns else loaded


def clusters(config: "Settings", names: Sequence[str]) -> "list[Cluster]":
    """Return the clusters of these names, or all of the configuration."""
    known = {cluster.name: cluster for cluster in config.clusters}
    if not known:
        raise Failure("the configuration names no cluster: expected at least one [[clusters]] table")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Failure(f"no cluster is called {unknown[0]!r}; the configuration knows: {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)] if names else list(known.values())


def landscape(path: Path) -> "Landscape":
    """Read a landscape file."""
    from auditor.facts.saved import BadLandscape, read

    try:
        return read(path)
    except OSError as error:
        raise Failure(
            f"{path}: the landscape can't be read: {error.strerror}; expected a file that `auditor collect` wrote"
        ) from None
    except BadLandscape as error:
        raise Failure(f"{path}: this landscape can't be used: {error}") from None


def ensure_writable(directory: Path, what: str, where: str) -> None:
    """Find out before a long audit, not after it, that its result can't be written. ``where`` says what names it."""
    import tempfile

    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise Failure(
            f"{directory}: {what} can't be written there: {error.strerror}; "
            f"expected a folder that this user may write to ({where})"
        ) from None


def demo() -> "Landscape":
    """Return the embedded demo landscape."""
    from auditor.facts.saved import decode

    return decode(resources.files("auditor.demo").joinpath("shop-demo.landscape").read_bytes())
