"""Says where the auditor itself went wrong, without what the exception says: it may quote a key or a token.

It belongs to no room: whatever catches every exception, so that one fault does not end all, rests on it.
"""

import os
import traceback
from pathlib import Path


def own_fault(error: BaseException) -> str:
    """Return the kind of an exception, and the file and line of the auditor in which it came about."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if f"{os.sep}auditor{os.sep}" in frame.filename]
    return f"{type(error).__name__} in {_place(own[-1]) if own else 'a library'}"


def _place(frame: traceback.FrameSummary) -> str:
    file = Path(frame.filename)
    return f"{file.parent.name}/{file.name}, line {frame.lineno}"
