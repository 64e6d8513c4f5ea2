"""One CSV file as typed rows: encoding, line structure, header and fields are checked while the rows are streamed."""

import codecs
import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from vettr_cron.datasets.importable import NOT_IMPORTABLE, ImportableColumn, ImportableTable
from vettr_cron.datasets.refusal import Problem, Report
from vettr_cron.datasets.values import NotAllowed, shown
from vettr_cron.models.types import Row

LONGEST_LINE = 4 * 1024 * 1024
"""In bytes; a file with a longer line is not CSV, and the line would be read into memory whole."""

_LINES = 500  # that are parsed at once
_SAVE_AS_CSV = "save it as CSV, in UTF-8"
_OTHER_FORMATS = {
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"BZh": "compressed with bzip2; unpack it first",
    b"\xfd7zXZ\x00": "compressed with xz; unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed with zstd; unpack it first",
    b"PK\x03\x04": f"a zip archive or an Excel workbook (xlsx); unpack it, or {_SAVE_AS_CSV}",
    b"\xd0\xcf\x11\xe0": f"an Excel workbook (xls); {_SAVE_AS_CSV}",
    b"\xff\xfe\x00\x00": f"in UTF-32; {_SAVE_AS_CSV}",
    b"\xff\xfe": f"in UTF-16; {_SAVE_AS_CSV}",
    b"\xfe\xff": f"in UTF-16; {_SAVE_AS_CSV}",
}
"""What a file is that begins with these bytes."""
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}

_IN_PLAIN_WORDS = {
    "unexpected end of data": "a quotation mark is opened and never closed",
    "new-line character seen": "a carriage return without a line feed (lines end with a line feed, or with both)",
    "field larger than": f"a field has more than {csv.field_size_limit()} characters, or its quotation mark never ends",
    "',' expected after": "a quoted field goes on after its closing quotation mark (double the marks inside a field)",
}


class Record(NamedTuple):
    """A row without mistakes, and the line where it begins."""

    line: int
    row: Row


class _Unreadable(Exception):
    """The file cannot be read from this line on, or not at all."""

    def __init__(self, line: int | None, text: str) -> None:
        super().__init__(text)
        self.line = line


def records(
    path: Path, table: ImportableTable, report: Report, progress: Callable[[int], None] = lambda _: None
) -> Iterator[Record]:
    """The file's rows in their order, each with all columns of the header; mistakes go to `report` instead.

    `progress` is told every now and then how many bytes more were read.
    """
    try:
        with path.open("rb") as file:
            _refuse_other_formats(file)
            lines = _lines_of_fields(_with_progress(_decoded(file), file, progress))
            header = next(lines, None)
            if header is None:
                raise _Unreadable(1, f"the file is empty (a header is needed, such as {_required(table)})")
            columns = _columns(header, table, report)
            if columns:
                yield from _typed(lines, columns, path.name, report)
    except OSError as error:
        report(Problem(file=path.name, text=f"cannot be read ({error.strerror})"))
    except _Unreadable as error:
        report(Problem(file=path.name, line=error.line, text=str(error)))


def _refuse_other_formats(file: BinaryIO) -> None:
    start = file.read(40)
    file.seek(0)
    format_ = next((name for mark, name in _OTHER_FORMATS.items() if start.startswith(mark)), None)
    # Without a byte order mark, every other byte of a header is zero.
    if format_ is None and len(start) > 1 and not (any(start[::2]) and any(start[1::2])):
        format_ = _OTHER_FORMATS[codecs.BOM_UTF16_LE]
    if format_ is not None:
        raise _Unreadable(None, format_)


class _Fields(NamedTuple):
    line: int
    fields: list[str]


def _lines_of_fields(lines: Iterator[str]) -> Iterator[_Fields]:
    """The fields of each row; blank lines are skipped, and a quoted field may span several lines."""
    reader = csv.reader(lines, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            plain = (words for start, words in _IN_PLAIN_WORDS.items() if str(error).startswith(start))
            raise _Unreadable(line, f"{next(plain, error)}; the file was read no further") from None
        if fields is None:
            return
        if fields and (len(fields) > 1 or fields[0].strip()):
            yield _Fields(line, fields)


def _with_progress(lines: Iterator[str], file: BinaryIO, progress: Callable[[int], None]) -> Iterator[str]:
    told = 0
    for number, line in enumerate(lines):
        if number % _LINES == 0:
            told, before = file.tell(), told
            progress(told - before)
        yield line
    progress(file.tell() - told)


def _decoded(file: BinaryIO) -> Iterator[str]:
    if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
        file.seek(0)
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise _Unreadable(number, f"longer than {LONGEST_LINE} bytes; the file was read no further")
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            bad = f"byte 0x{line[error.start]:02x} at position {error.start + 1}"
            raise _Unreadable(number, f"not UTF-8 ({bad}); the file was read no further") from None


def _columns(header: _Fields, table: ImportableTable, report: Report) -> list[ImportableColumn]:
    """The header's columns in its order; empty if something is wrong with the header."""
    names = [field.strip() for field in header.fields]
    known = {column.name: column for column in table.columns}
    separator = next((each for each in _SEPARATORS if set(map(str.strip, names[0].split(each))) & {*known}), None)
    if len(names) == 1 and names[0] not in known and separator is not None:
        text = f"the fields are separated by {_SEPARATORS[separator]}; commas are needed"
        report(Problem(file=table.file_name, line=header.line, text=text))
        return []
    needed = [column.name for column in table.columns if column.required]
    wrong = [
        *((shown(name), _unknown(name, known)) for name in dict.fromkeys(names) if name not in known),
        *((name, f"named {times} times") for name, times in Counter(names).items() if name in known and times > 1),
        *((name, "missing from the header") for name in needed if name not in names),
    ]
    for name, text in wrong:
        report(Problem(file=table.file_name, line=header.line, column=name, text=text))
    return [] if wrong else [known[name] for name in names]


def _unknown(name: str, known: Iterable[str]) -> str:
    reason = NOT_IMPORTABLE.get(name)
    if reason is not None:
        return f"cannot be imported: {reason}"
    return f"unknown (known are {', '.join(known)})"


def _required(table: ImportableTable) -> str:
    return ",".join(column.name for column in table.columns if column.required)


def _typed(lines: Iterator[_Fields], columns: list[ImportableColumn], file: str, report: Report) -> Iterator[Record]:
    names = [column.name for column in columns]
    for piece in _pieces(lines):
        # Nearly every line is good, so a whole column is parsed at once, and lines by themselves only if one is not.
        rows = _all_at_once(piece, columns, names)
        if rows is None:
            yield from _one_by_one(piece, columns, names, file, report)
        else:
            yield from (Record(line, row) for (line, _), row in zip(piece, rows, strict=True))


def _pieces(lines: Iterator[_Fields]) -> Iterator[list[_Fields]]:
    piece: list[_Fields] = []
    try:
        for each in lines:
            piece.append(each)
            if len(piece) == _LINES:
                yield piece
                piece = []
    except _Unreadable:
        yield piece
        raise
    yield piece


def _all_at_once(piece: list[_Fields], columns: list[ImportableColumn], names: list[str]) -> list[Row] | None:
    """The rows of lines that are all good; None if one may not be."""
    fields = [each.fields for each in piece]
    if set(map(len, fields)) != {len(names)}:
        return None
    by_column = list(zip(*fields, strict=True))
    if names[0] in map(str.strip, by_column[0]):  # perhaps a header
        return None
    try:
        values = [column.values(each) for column, each in zip(columns, by_column, strict=True)]
    except NotAllowed:
        return None
    return [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]


def _one_by_one(
    piece: list[_Fields], columns: list[ImportableColumn], names: list[str], file: str, report: Report
) -> Iterator[Record]:
    parsers = [column.value for column in columns]
    for line, fields in piece:
        if fields[0].strip() == names[0] and [field.strip() for field in fields] == names:
            report(Problem(file=file, line=line, text="the header again; only the first line may be one"))
            continue
        if len(fields) != len(names):
            text = f"{len(fields)} fields where the header has {len(names)}"
            report(Problem(file=file, line=line, text=text))
            continue
        try:
            typed = [parse(field) for parse, field in zip(parsers, fields, strict=True)]
        except NotAllowed:
            _report_fields(columns, fields, Problem(file=file, line=line, text=""), report)
        else:
            yield Record(line, dict(zip(names, typed, strict=True)))


def _report_fields(columns: list[ImportableColumn], fields: list[str], place: Problem, report: Report) -> None:
    """Report every field of the line that its column cannot hold, not only the first."""
    for column, field in zip(columns, fields, strict=True):
        try:
            column.value(field)
        except NotAllowed as error:
            report(Problem(file=place.file, line=place.line, column=column.name, text=str(error)))
