"""Replaces names and addresses in texts: the same everywhere under one key, and not to be guessed without it.

Names are replaced word by word. So what is put together from names (``<pod>-<volume>``, ``k8s/80/web/shop/<cluster>``)
is still put together from their replacements, and a text can be searched for them. Addresses are mapped bit by bit
such that two of them share as long a prefix after as before: what a CIDR block contained, it contains.
"""

import hashlib
import ipaddress
import re
from base64 import b32encode
from collections.abc import Iterable
from functools import lru_cache

from auditor.facts.vocabulary import DOMAINS, KEY_HOSTS, KEYS, PLACES, WORDS

_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_TOKEN = re.compile(
    rf"""
      (?P<qualified>\b(?:[\w-]+\.)*(?:{"|".join(map(re.escape, DOMAINS))})(?:/[\w.-]+)?\b)
    | (?P<zone>\b(?:cn|ap|us|eu|me|na|sa)-(?:{"|".join(PLACES)})(?:-finance|-gov)?(?:-\d)?[a-z]?(?:-[a-z])?\b)
    | (?P<type>\b(?:ecs|slb|ack)\.[a-z0-9-]{{1,16}}\.(?:nano|tiny|micro|small|medium|\d*x?large|elastic)\b)
    | (?P<ipv4>(?<![^\W_])(?<!v\d\.)(?<!v\d\d\.){_IPV4}(?![^\W_]))
    | (?P<dashed>(?<![^\W_])\d{{1,3}}(?:-\d{{1,3}}){{3}}(?![^\W_]))
    | (?P<ipv6>(?<![\w:.])(?=[0-9A-Fa-f:.]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:.]*[0-9A-Fa-f:](?![\w]))
    | (?P<uuid>\b[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}\b)
    | (?P<word>[^\W_]+)
    """,
    re.VERBOSE,
)
_WORD = re.compile(r"[^\W_]+")
_MASK = re.compile(r"/(\d{1,3})(?!\d)")
_MEASURE = re.compile(r"v?\d{1,6}|\d+(?:[KMGTPE]i?|[numkhds]|ms|us|ns|x)|v\d+(?:alpha|beta)\d+|\d+xx|PL\d|\d+xlarge")
_CASES = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^A-Za-z]+")
_UID_OF_BALANCER = re.compile(r"a[0-9a-f]{31}")
"""The name that the cloud controller manager gives a load balancer: ``a`` and the UID of its Service, cut short."""
_KEPT_RANGES = tuple(
    map(
        ipaddress.ip_network,
        (
            *(
                "0.0.0.0/32",
                "10.0.0.0/8",
                "100.64.0.0/10",
                "100.100.100.200/32",
                "100.104.0.0/16",
                "127.0.0.1/32",
                "169.254.0.0/16",
            ),
            *("172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "255.255.255.255/32"),
            *("::/128", "::1/128", "2000::/3", "fc00::/7", "fe80::/10", "ff00::/8"),
        ),
    )
)
"""Ranges that mean something by themselves (private, shared, metadata, ACK): each is mapped into itself."""
_OF_ACK = ("aliyuncsmanaged", "aliyuncsdefaultrole", "aliyuncsclusterrole", "aliyuncsserverless", "aliyuncskubernetes")
"""What the names of ACK's own roles begin with, and in lower case those of the Secrets with their tokens."""
_LENGTH = 12
"""Letters and digits of a replacement: enough that two names never meet in one."""
_REMEMBERED = 200
"""Longer texts hardly come twice."""
_LONG_NUMBER = 7
"""From so many digits on a number may be an account; ports, sizes and counts have fewer."""


class Pseudonyms:
    """The replacements under one key."""

    def __init__(self, key: bytes, kept: Iterable[str] = ()) -> None:
        """Take the key, and words that are kept beside those that everybody knows."""
        self._key = hashlib.blake2b(key).digest()
        self._kept = frozenset(kept)
        self._texts: dict[str, str] = {}
        self._flip = lru_cache(maxsize=None)(self._random_bit)

    def text(self, text: str) -> str:
        """Return the text with everything replaced that may name something."""
        if len(text) > _REMEMBERED:
            return _TOKEN.sub(self._replace, text)
        if text not in self._texts:
            self._texts[text] = _TOKEN.sub(self._replace, text)
        return self._texts[text]

    def image(self, image: str) -> str:
        """Return what replaces an image. Its tag is never an address, though a version may look like one."""
        name, colon, tag = image.rpartition(":")
        if not colon or "/" in tag:
            return self.text(image)
        return f"{self.text(name)}:{_WORD.sub(lambda word: self._word(word[0]), tag)}"

    def address(self, address: str) -> str:
        """Return what replaces an address or a CIDR block. Raises ValueError for a text that is neither."""
        bare, slash, length = address.partition("/")
        parsed = ipaddress.ip_address(bare)
        width, bits = parsed.max_prefixlen, int(parsed)
        block = ipaddress.ip_network(address, strict=False) if slash else None
        # A block has zeros behind its prefix. One that was written with more is the same block.
        significant = block.prefixlen if block and int(block.network_address) == bits else width
        mapped = 0
        for place in range(width):
            bit = bits >> (width - 1 - place) & 1
            if place < significant:
                bit ^= self._flip(width, place, bits >> (width - place))
            mapped = mapped << 1 | bit
        return f"{ipaddress.ip_address(mapped) if width == 32 else ipaddress.IPv6Address(mapped)}{slash}{length}"

    def _replace(self, found: re.Match[str]) -> str:
        token = found[0]
        match found.lastgroup:
            case "ipv4" | "ipv6":
                mask = _MASK.match(found.string, found.end())
                return self._address_in_text(token, mask[0] if mask else "")
            case "dashed":
                return self._address_in_text(token.replace("-", "."), "").replace(".", "-")
            case "uuid":
                digits = self._hexadecimal(token.replace("-", ""))
                return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
            case "qualified":
                return self._qualified(token)
            case "word":
                return self._word(token)
        return token

    def _qualified(self, token: str) -> str:
        """Replace words after the domain of a key, where anybody may have put them (``node-restriction…/payments``)."""
        host, slash, name = token.partition("/")
        if not slash or token in KEYS or host in KEY_HOSTS:
            return token
        return f"{host}/{_WORD.sub(lambda word: self._word(word[0]), name)}"

    def _address_in_text(self, token: str, mask: str) -> str:
        for written in (token + mask, token):
            try:
                return self.address(written).partition("/")[0]
            except ValueError:
                continue
        return _WORD.sub(lambda word: self._word(word[0]), token)

    def _word(self, word: str) -> str:
        lower = word.lower()
        if word in self._kept or lower in WORDS or len(word) == 1 or _MEASURE.fullmatch(word):
            return word
        if lower.startswith(_OF_ACK):
            return word
        if word.isdecimal():
            return self._number(word)
        if _UID_OF_BALANCER.fullmatch(word):
            return "a" + self._hexadecimal(word[1:])
        if word.isascii() and word.isalpha() and not (word.islower() or word.isupper()):
            parts = _CASES.findall(word)
            return "".join(self._word(part) if part != word else self._hashed(part) for part in parts)
        return self._hashed(word)

    def _hashed(self, word: str) -> str:
        digest = hashlib.blake2b(word.encode(), key=self._key, digest_size=10, person=b"word").digest()
        return "x" + b32encode(digest).decode().lower()[: _LENGTH - 1]

    def _number(self, digits: str) -> str:
        if len(digits) < _LONG_NUMBER:
            return digits
        digest = hashlib.blake2b(digits.encode(), key=self._key, digest_size=7, person=b"number").digest()
        return f"9{int.from_bytes(digest):017}"

    def _hexadecimal(self, digits: str) -> str:
        """Map hexadecimal digits such that what began alike begins alike."""
        mapped = ""
        for place, digit in enumerate(digits):
            digest = hashlib.blake2b(digits[:place].encode(), key=self._key, digest_size=1, person=b"uid").digest()
            mapped += f"{int(digit, 16) ^ digest[0] & 15:x}"
        return mapped

    def _random_bit(self, width: int, place: int, prefix: int) -> int:
        """Tell whether the bit after a prefix is turned over: never on the way to a range that is kept."""
        for kept in _KEPT_RANGES:
            is_on_the_way = kept.max_prefixlen == width and place < kept.prefixlen
            if is_on_the_way and int(kept.network_address) >> (width - place) == prefix:
                return 0
        said = f"{width}/{place}/{prefix}".encode()
        return hashlib.blake2b(said, key=self._key, digest_size=1, person=b"address").digest()[0] & 1
