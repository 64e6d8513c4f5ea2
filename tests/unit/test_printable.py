"""What of a text from outside a terminal would act on is written out, and nothing else."""

import json

from hypothesis import given
from hypothesis import strategies as st

from vettr_cron.domain.printable import printable, printable_json

ACTING = [
    *(chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))),
    *"\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ud800\udfff",
]


def test_what_acts_is_written_out() -> None:
    assert printable("\x1b[31m\n\t\r\x9b\u202e\ud800") == "\\x1b[31m\\n\\t\\r\\x9b\\u202e\\ud800"
    for character in ACTING:
        assert printable(f"a{character}b").isprintable()
        shown = printable_json(json.dumps(f"a{character}b", ensure_ascii=False))
        assert shown.isprintable()
        assert json.loads(shown) == f"a{character}b"


def test_letters_of_every_language_stay() -> None:
    text = "Société Générale, Müller & Söhne, 秘密, שלום, हिन्दी, 👩\u200d🔬"
    assert printable(text) == printable_json(text) == text


@given(st.text())
def test_a_text_that_was_written_out_stays_so(text: str) -> None:
    assert printable(printable(text)) == printable(text)


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_means_the_same(value: object) -> None:
    assert json.loads(printable_json(json.dumps(value, indent=2, ensure_ascii=False))) == value
