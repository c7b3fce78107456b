"""glob/1: patterns over whole paths and over names, as docs/spec/glob.md has them.

    glob = Glob("/var/**/*.l[ou]g", "path")
    glob.matches(symbols(b"/var/log/a.log"), fold=False)      True

A glob is compiled to a regular expression over symbols. Python's `re` backtracks, and could take exponential time over
`**/*a**/*a...`; so a segment is matched with the last `*` as the one place to return to, as the page says, and so are the
segments of a path with the last `**`.
"""

import functools
import re
import unicodedata

import names

# Longest glob in bytes of UTF-8.
LONGEST = 1024


class GlobError(ValueError):
    """A text that is not a glob, and where: an offset in bytes of its UTF-8."""

    def __init__(self, offset, why):
        super().__init__(f"byte {offset}: {why}")
        self.offset = offset


class Glob:
    """A path glob or a name glob, for both ways of comparing."""

    def __init__(self, text, form):
        self.form = form
        self.segments = read(text, form)
        self.compiled = {}

    def matches(self, text, fold):
        """Whether it matches a whole path or name, given in symbols that are folded already where `fold` says so."""
        if fold not in self.compiled:
            self.compiled[fold] = [segment and Segment(segment, fold) for segment in self.segments]
        segments = self.compiled[fold]
        if self.form == "name":
            return segments[0].matches(text)
        return matches_path(segments, text)


def split(path):
    """The segments of a path; the root has none."""
    return path.split("/")[1:] if path != "/" else []


def matches_path(segments, path):
    """Segments against segments; None stands for `**`."""
    given = split(path)
    at = pattern = 0
    back = None
    while at < len(given):
        if pattern < len(segments) and segments[pattern] is None:
            pattern += 1
            back = (pattern, at)
        elif pattern < len(segments) and segments[pattern].matches(given[at]):
            pattern += 1
            at += 1
        elif back is not None:
            pattern, at = back[0], back[1] + 1
            back = (pattern, at)
        else:
            return False
    return all(segment is None for segment in segments[pattern:])


class Segment:
    """One segment: pieces without `*`, each a regular expression, with any number of symbols between them."""

    def __init__(self, tokens, fold):
        pieces = [""]
        for kind, value in tokens:
            if kind == "*":
                pieces.append("")
            elif kind == "?":
                pieces[-1] += "[^/]"
            elif kind == "literal":
                text = names.normalised(value)
                pieces[-1] += re.escape(names.folded(text) if fold else text)
            else:
                pieces[-1] += class_pattern(value, fold)
        compiled = [re.compile(piece, re.DOTALL) for piece in pieces]
        self.whole = compiled[0] if len(compiled) == 1 else None
        self.first, self.middle, self.last = compiled[0], compiled[1:-1], re.compile(f"(?:{pieces[-1]})\\Z", re.DOTALL)

    def matches(self, text):
        if self.whole is not None:
            return self.whole.fullmatch(text) is not None
        found = self.first.match(text)
        for piece in self.middle:
            if found is None:
                return False
            found = piece.search(text, found.end())
        # No piece can take more symbols or fewer in another place: the earliest one leaves most for the next.
        return found is not None and self.last.search(text, found.end()) is not None


def class_pattern(value, fold):
    """A class: its ranges, and whether they are negated. A negated class never matches `/`."""
    negated, ranges = value
    if fold:
        ranges = [part for low, high in ranges for part in folded_range(low, high)]
    body = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in ranges)
    return f"[^/{body}]" if negated else f"[{body}]"


def folded_range(low, high):
    """What the symbols of a range fold to, as ranges: those that are not listed, and the targets of those that are."""
    parts = []
    for source in sorted(point for point in names.FOLD if low <= point <= high):
        parts.append((low, source - 1))
        parts.append((names.FOLD[source], names.FOLD[source]))
        low = source + 1
    parts.append((low, high))
    return [(low, high) for low, high in parts if low <= high]


def read(text, form):
    """For each segment its tokens, None for `**`; GlobError at the first fault."""
    if not text or len(text.encode()) > LONGEST:
        raise GlobError(0, "empty, or too long")
    if form == "name":
        if "/" in text:
            raise GlobError(offset(text, text.index("/")), "/ in a name glob")
        if text in (".", ".."):
            raise GlobError(0, ". or ..")
        return [Reader(text, 0).tokens()]
    if text[0] != "/":
        raise GlobError(0, "does not begin with /")
    if text == "/":
        return []
    segments, at = [], 1
    for part in text[1:].split("/"):
        where = offset(text, at)
        if part in ("", ".", ".."):
            raise GlobError(where, "an empty segment, . or ..")
        if part == "**" and segments and segments[-1] is None:
            raise GlobError(where, "** after **")
        segments.append(None if part == "**" else Reader(part, where).tokens())
        at += len(part) + 1
    return segments


def offset(text, at):
    """The offset in bytes of a character."""
    return len(text[:at].encode())


class Reader:
    """Reads one segment from left to right; its first fault is an error at an offset."""

    def __init__(self, text, base):
        self.text = text
        self.base = base
        self.at = 0

    def fail(self, why, at=None):
        raise GlobError(self.base + offset(self.text, self.at if at is None else at), why)

    def peek(self, ahead=0):
        return self.text[self.at + ahead : self.at + ahead + 1]

    def tokens(self):
        tokens = []
        begins = None  # where a row of escaped bytes begins
        while True:
            here = self.at
            token = self.token(tokens) if self.peek() else None
            in_row = token is not None and token[0] == "literal" and is_byte(token[1])
            if begins is not None and not in_row:
                self.are_no_text(tokens[-1][1], begins)
                begins = None
            if token is None:
                return tokens
            if in_row and begins is None:
                begins = here
            if token[0] == "literal" and tokens and tokens[-1][0] == "literal":
                tokens[-1] = ("literal", tokens[-1][1] + token[1])
            else:
                tokens.append(token)

    def are_no_text(self, literals, begins):
        """Escaped bytes in a row must have no character of UTF-8 in them."""
        row = re.search("[\udc80-\udcff]*$", literals)[0]
        if row.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape") != row:
            self.fail("bytes that are a character", begins)

    def token(self, before):
        here = self.at
        symbol = self.peek()
        if symbol == "*" and self.peek(1) == "*":
            self.fail("** beside something else")
        if symbol in ("*", "?"):
            self.at += 1
            return (symbol, None)
        if symbol == "[":
            return ("class", self.bracket())
        if symbol in ("{", "}"):
            self.fail("an unescaped brace")
        symbol = self.symbol()
        if before and before[-1][0] != "literal" and combines(symbol):
            self.fail("a combining character after a wildcard or class", here)
        return ("literal", symbol)

    def symbol(self):
        """A character or an escape, outside a class or in one."""
        symbol = self.peek()
        if symbol == "\0":
            self.fail("NUL")
        if symbol != "\\":
            self.at += 1
            return symbol
        escaped = self.peek(1)
        if escaped and escaped in "\\*?[":
            self.at += 2
            return escaped
        if escaped != "x":
            self.fail("\\ before anything else")
        digits = self.text[self.at + 2 : self.at + 4]
        if not re.fullmatch("[0-9A-Fa-f]{2}", digits):
            self.fail("\\x without two digits")
        byte = int(digits, 16)
        if byte < 0x80:
            self.fail("\\x below 80")
        self.at += 4
        return chr(0xDC00 + byte)

    def bracket(self):
        """What stands in a class, up to its end."""
        opening = self.at
        self.at += 1
        negated = self.peek() == "!"
        self.at += negated
        if self.peek() == "^":
            self.fail("^ first in a class")
        ranges = []
        first = True
        while True:
            here = self.at
            symbol = self.peek()
            if symbol == "":
                self.fail("an unclosed class", opening)
            if symbol == "]" and not first:
                self.at += 1
                break
            if symbol == "-" and not first and self.peek(1) != "]":
                if self.peek(1) == "":
                    self.fail("an unclosed class", opening)
                self.fail("- elsewhere than first or last")
            low = self.member()
            if self.peek() == "-" and self.peek(1) not in ("]", ""):
                if symbol == "-":
                    self.fail("- elsewhere than first or last", here)
                self.at += 1
                if self.peek() == "-":
                    self.fail("- cannot end a range")
                high = self.member()
                if is_byte(low) != is_byte(high):
                    self.fail("a range between a character and a byte", here)
                if high < low:
                    self.fail("a range whose end comes before its beginning", here)
                if ord(low) <= ord("/") <= ord(high):
                    self.fail("/ within a range", here)
                ranges.append((ord(low), ord(high)))
            else:
                ranges.append((ord(low), ord(low)))
            first = False
        return negated, ranges

    def member(self):
        here = self.at
        symbol = self.peek()
        if symbol == "[":
            self.fail("an unescaped [ in a class")
        symbol = self.symbol()
        if combines(symbol):
            self.fail("a combining character in a class", here)
        if not is_byte(symbol) and unicodedata.normalize("NFC", symbol) != symbol:
            self.fail("a character that is not in NFC in a class", here)
        return symbol


def is_byte(symbol):
    return "\udc80" <= symbol <= "\udcff"


def combines(symbol):
    """Whether it can combine with what stands before it: a combining class, or NFC_Quick_Check = Maybe."""
    return not symbol.isascii() and not is_byte(symbol) and (unicodedata.combining(symbol) != 0 or symbol in quick_check_maybe())


@functools.cache
def quick_check_maybe():
    """The characters that are the second of a canonical pair which NFC composes, and Hangul vowels and finals."""
    maybe = {chr(point) for point in [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]}
    for point in range(0x110000):
        pair = unicodedata.decomposition(chr(point)).split()
        if len(pair) == 2 and not pair[0].startswith("<"):
            if unicodedata.normalize("NFC", "".join(chr(int(half, 16)) for half in pair)) == chr(point):
                maybe.add(chr(int(pair[1], 16)))
    return maybe
