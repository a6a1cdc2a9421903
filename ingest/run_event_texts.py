"""A file of run events → the texts of single events: JSON lines, one array, or objects in a row."""

import json
from collections.abc import Iterator

from ingest.errors import FileRejected
from ingest.files import InputFile, blocks

MAX_DOCUMENT_BYTES = 1 << 28


def event_texts(file: InputFile) -> Iterator[tuple[int, str | bytes]]:
    """(line, text) of each event; bytes where the line is not UTF-8. Raises FileRejected."""
    stream = blocks(file)
    start = b""
    while not start.strip(b"\xef\xbb\xbf \t\r\n"):
        block = next(stream, None)
        if block is None:
            return
        start += block
    start = start.removeprefix(b"\xef\xbb\xbf")
    is_document = False
    if not file.name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson")):
        first_line, newline, _ = start.lstrip().partition(b"\n")
        is_document = first_line[:1] == b"[" or (bool(newline) and not _is_json(first_line))
    if is_document:
        yield from _document(file, start, stream)
        return
    row = 1
    pending = [start]
    for block in stream:
        if b"\n" in block:
            lines = b"".join(pending).split(b"\n")
            pending = [lines.pop(), block]
            for line in lines:
                if line.strip():
                    yield row, _decoded(line)
                row += 1
        else:
            pending.append(block)
    for line in b"".join(pending).split(b"\n"):
        if line.strip():
            yield row, _decoded(line)
        row += 1


def _decoded(line: bytes) -> str | bytes:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _document(
    file: InputFile, start: bytes, stream: Iterator[bytes]
) -> Iterator[tuple[int, str | bytes]]:
    """The events of one JSON array, or of objects that stand one after the other."""
    parts, size = [start], len(start)
    for block in stream:
        parts.append(block)
        size += len(block)
        if size > MAX_DOCUMENT_BYTES:
            raise FileRejected(
                file.name,
                "field_too_long",
                f"one JSON document of more than {MAX_DOCUMENT_BYTES >> 20} MiB; write JSON lines "
                "(one event per line), which may be of any length",
            )
    try:
        text = b"".join(parts).decode()
    except UnicodeDecodeError as error:
        raise FileRejected(
            file.name, "not_utf8", f"the JSON document is not UTF-8 ({error}); write it as UTF-8"
        ) from error
    decoder = json.JSONDecoder()
    at, row = 0, 1
    is_array = text.lstrip()[:1] == "["
    separators = " \t\r\n," if is_array else " \t\r\n"
    is_open = False
    while True:
        begin = at
        while begin < len(text) and text[begin] in separators:
            begin += 1
        if is_array and not is_open and text[begin : begin + 1] == "[":
            begin, is_open = begin + 1, True
            while begin < len(text) and text[begin] in separators:
                begin += 1
        row += text.count("\n", at, begin)
        if begin >= len(text) or (is_open and text[begin] == "]"):
            break
        try:
            _, end = decoder.raw_decode(text, begin)
        except (ValueError, RecursionError):
            if not is_array:
                at = text.find("\n", begin) if "\n" in text[begin:] else len(text)
                yield row, text[begin:at]
                continue
            # Nothing tells where the next event begins: the rest is one rejected row.
            yield row, text[begin:]
            return
        yield row, text[begin:end]
        row += text.count("\n", begin, end)
        at = end
    rest = text[begin + 1 :].strip() if is_open else ""
    if is_open and begin >= len(text):
        raise FileRejected(
            file.name, "not_json", "the JSON array is not closed; the file was cut: fetch it again"
        )
    if rest:
        yield row, rest
