"""Decoders of JSON, made one at a time.

msgspec (0.22) keeps what it knows of a type before it knows all of it: if another thread makes a decoder of that type,
or of one with a part in common, at this moment, the process ends with a segmentation fault. Decoding itself is safe.
"""

from threading import Lock
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_BUILDING = Lock()
"""Held while a decoder is made, with all types within its own."""


def decoder_of(kind: type[T] | Any) -> msgspec.json.Decoder[T]:
    """Make a decoder of JSON to this type. Modules that may be first imported by any thread make theirs by it, too."""
    with _BUILDING:
        return msgspec.json.Decoder(kind)
