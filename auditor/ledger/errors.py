"""The errors of this room, apart from all that is slow to import."""


class LedgerError(Exception):
    """The ledger can't be used, or has not what was asked for. The message says what, and what to do."""


class NoLedger(LedgerError):  # noqa: N818 - read as a sentence
    """There is none yet, and none is to be made."""


class Outdated(LedgerError):  # noqa: N818 - read as a sentence
    """What is to be sent again is not so any more."""
