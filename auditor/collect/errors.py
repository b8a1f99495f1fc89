"""What can be wrong before any call is made."""

from auditor.facts.text import Text


class ConfigError(Exception):
    """The local configuration does not lead to an API: found before any call, for the operator to mend.

    ``text`` names the file, the key, what was expected and what to do. It never holds a secret, nor a line of a
    file that may hold one.
    """

    def __init__(self, text: Text) -> None:
        """Take the text that is shown."""
        super().__init__(str(text))
        self.text = text
