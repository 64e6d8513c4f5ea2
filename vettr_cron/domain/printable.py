"""Texts from outside as a terminal may show them: there are characters that it would act on instead."""

import re

# Controls of ASCII and of Latin-1, marks that change the direction of what follows, line ends, halves of a pair.
_ACTING = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_IN_TEXT = re.compile(f"[\x00-\x1f{_ACTING}]")
_IN_JSON = re.compile(f"[{_ACTING}]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """The text as one line in which every such character is written out, as \\x1b or \\u202e."""
    return _IN_TEXT.sub(_escape, text)


def printable_json(text: str) -> str:
    """JSON that means the same; what it lets stand unescaped and a terminal would act on is escaped too."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
