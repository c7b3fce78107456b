"""Names as raw bytes, escaped bytes and symbols: docs/spec/record.md ("Escaped") and docs/spec/fold.md (fold/1).

    unescape("/caf%C3%A9")            b"/caf\\xc3\\xa9"
    symbols(b"CafE\\xcc\\x81\\xff")      "Caf\\u00c9\\udcff"

A text of Python is a row of symbols: what `surrogateescape` makes of a byte that is not UTF-8, U+DC00 + byte, is what
fold/1 asks for.
"""

import pathlib
import re
import unicodedata

SPEC = pathlib.Path(__file__).resolve().parents[2] / "docs/spec"


def unescape(text):
    """The raw bytes of an escaped name; ValueError if it is not the one spelling of them."""
    if not isinstance(text, str) or not re.fullmatch(r"(?:[ -$&-~]|%[0-9A-F]{2})*", text):
        raise ValueError("not escaped")
    raw = re.sub(rb"%(..)", lambda found: bytes([int(found[1], 16)]), text.encode("ascii"))
    if escape(raw) != text:
        raise ValueError("not the one spelling of these bytes")
    return raw


def escape(raw):
    """Bytes as they stand in records: printable ASCII but `%` as it is, any other byte as `%XX`."""
    return "".join(chr(byte) if 32 <= byte < 127 and byte != 37 else f"%{byte:02X}" for byte in raw)


def symbols(raw):
    """Steps 1 and 2 of fold/1: decoded, and each run between undecodable bytes in NFC."""
    if raw.isascii():
        return raw.decode("ascii")
    return normalised(raw.decode("utf-8", "surrogateescape"))


def normalised(text):
    """Step 2 alone."""
    if text.isascii():
        return text
    runs = re.split("([\udc80-\udcff]+)", text)
    return "".join(run if at % 2 else unicodedata.normalize("NFC", run) for at, run in enumerate(runs))


def folded(text):
    """Step 3: each symbol as the table lists it, once."""
    return text.translate(FOLD)


def read_table(path):
    """The mapping of docs/spec/fold-1.txt."""
    lines = [line.split() for line in path.read_text("ascii").splitlines() if line and not line.startswith("#")]
    table = {int(point, 16): int(target, 16) for point, target in lines}
    if len(table) != 1454 or any(target in table for target in table.values()):
        raise ValueError(f"{path}: not the table of fold/1")
    return table


FOLD = read_table(SPEC / "fold-1.txt")
