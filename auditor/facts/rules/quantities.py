"""Quantities of Kubernetes, as numbers ("Quantity" in the reference of the Kubernetes API)."""

from decimal import Decimal, InvalidOperation

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {
    "n": "1e-9",
    "u": "1e-6",
    "m": "1e-3",
    "k": "1e3",
    "M": "1e6",
    "G": "1e9",
    "T": "1e12",
    "P": "1e15",
    "E": "1e18",
}


def quantity(text: str) -> Decimal:
    """Return a quantity such as ``500m``, ``1.5Gi`` or ``1e3`` in its base unit: cores, bytes or pieces.

    Raises ValueError for a text that is no quantity.
    """
    number, factor = text.strip(), Decimal(1)
    if number[-2:] in _BINARY:
        number, factor = number[:-2], Decimal(_BINARY[number[-2:]])
    elif number[-1:] in _DECIMAL:
        number, factor = number[:-1], Decimal(_DECIMAL[number[-1:]])
    try:
        value = Decimal(number) * factor
    except InvalidOperation:
        raise ValueError(f"{text!r} is no quantity") from None
    if not value.is_finite():
        raise ValueError(f"{text!r} is no quantity")
    return value
