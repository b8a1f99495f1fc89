"""Signatures of webhooks, as the Standard Webhooks specification 1.0 prescribes (symmetric, ``v1``)."""

import base64
import binascii
from datetime import datetime

from standardwebhooks import Webhook

from auditor.deliver.channel import Misconfigured

PREFIX = "whsec_"


def signatures(channel: str, key: str, now: datetime, body: str, secret: str, previous: str) -> dict[str, str]:
    """Return the headers that identify and sign a message; without a secret they only identify it.

    Args:
        channel: its name, for errors.
        key: the same for every attempt, and without a full stop.
        now: the time of the attempt.
        body: what is sent, as it is sent.
        secret: the secret of today; empty if the channel does not sign.
        previous: the secret before it, while receivers still know no other: the message carries both signatures.

    Raises:
        Misconfigured: a secret that is none, or the previous one alone.
    """
    headers = {"webhook-id": key, "webhook-timestamp": str(int(now.timestamp()))}
    if previous and not secret:
        raise Misconfigured(
            f"channel {channel!r}: previous_signing_secret is given without signing_secret, the one that replaces it"
        )
    given = [("signing_secret", secret), ("previous_signing_secret", previous)]
    made = [_signature(channel, name, value, key, now, body) for name, value in given if value]
    return {**headers, "webhook-signature": " ".join(made)} if made else headers


def _signature(channel: str, name: str, secret: str, key: str, now: datetime, body: str) -> str:
    return Webhook(_key_of(channel, name, secret)).sign(key, now, body)


def _key_of(channel: str, name: str, secret: str) -> bytes:
    """Return the bytes of a secret. The library would drop whatever is no base64, and sign with what is left."""
    text = secret.removeprefix(PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise Misconfigured(
            f"channel {channel!r}: {name}: expected {PREFIX} and 24 to 64 random bytes in base64, such as "
            f'`echo "{PREFIX}$(openssl rand -base64 32)"` makes'
        )
    return key
