"""Texts from outside, made safe for a terminal, which would act on some characters instead of showing them."""

import re

# ASCII and Latin-1 control characters, marks that change the text direction, line ends, lone surrogates.
_ACTING = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
_IN_TEXT = re.compile(f"[\x00-\x1f{_ACTING}]")
_IN_JSON = re.compile(f"[{_ACTING}]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """The text as one line in which every such character is escaped, as \\x1b or \\u202e."""
    return _IN_TEXT.sub(_escape, text)


def printable_json(text: str) -> str:
    """Equivalent JSON, with the characters escaped that a terminal would act on, even if JSON allows them."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")
