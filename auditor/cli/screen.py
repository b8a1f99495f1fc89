"""The terminal, or what stands in its place, as a summary is printed on it."""

from rich.console import Console

from auditor.cli.exits import mute


class Screen(Console):
    """Standard output. That its reader has left (``| head``) ends nothing, where Rich would end the process."""

    def on_broken_pipe(self) -> None:
        """Print nothing more."""
        self.quiet = True
        mute()
