"""uuid5 as in RFC 9562, for callers that need millions: uuid.uuid5 takes several times as long."""

from hashlib import sha1
from uuid import UUID

_CLEARED = ~((0xF000 << 64) | (0xC000 << 48))
_VERSION_5 = (0x5000 << 64) | (0x8000 << 48)
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def uuid5_of_bytes(name: bytes) -> UUID:
    """The uuid5 of a name that begins with the 16 bytes of its namespace."""
    return uuid5_of_digest(sha1(name, usedforsecurity=False).digest())


def uuid5_hex(name: bytes) -> str:
    """The same as 32 hexadecimal digits: a UUID object takes longer to make, and longer again to format."""
    digits = sha1(name, usedforsecurity=False).hexdigest()
    return f"{digits[:12]}5{digits[13:16]}{_VARIANT[digits[16]]}{digits[17:32]}"


def uuid5_of_digest(digest: bytes) -> UUID:
    """The uuid5 for a SHA-1 digest of namespace and name."""
    return UUID(int=int.from_bytes(digest[:16], "big") & _CLEARED | _VERSION_5)
