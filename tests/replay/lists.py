"""Long lists of digests: docs/spec/policy.md, "Lists of digests". They stay in their file.

    known = LongList(open("known.txt", "rb"))
    known.digest             "8234..."
    "ab12..." in known       one read of one block, which has to be what it was
"""

import bisect
import hashlib
import re

# A longer file is a list of digests in ascending order.
IN_MEMORY = 16 << 20
LINE = 65
BLOCK = 504 * LINE
ONE = re.compile(rb"[0-9a-f]{64}\n")


class LongList:
    """A file of ascending lines that was read once."""

    def __init__(self, file):
        self.file = file
        self.firsts = []
        self.blocks = []
        self.fault = None
        whole = hashlib.sha256()
        last = b""
        number = 0
        while block := file.read(BLOCK):
            whole.update(block)
            self.firsts.append(block[:64])
            self.blocks.append(hashlib.sha256(block).digest())
            if len(block) < BLOCK and not block.endswith(b"\n"):
                block += b"\n"
            for place in range(0, len(block), LINE):
                line = block[place : place + LINE]
                number += 1
                if self.fault is None and not (ONE.fullmatch(line) and last < line):
                    self.fault = f"line {number}"
                last = line
        self.digest = whole.hexdigest()

    def __contains__(self, digest):
        wanted = digest.encode("ascii")
        at = bisect.bisect_right(self.firsts, wanted) - 1
        if at < 0:
            return False
        self.file.seek(at * BLOCK)
        block = self.file.read(BLOCK)
        if hashlib.sha256(block).digest() != self.blocks[at]:
            raise OSError("a list is no longer the file that was read")
        return wanted in block.split(b"\n")


def content(path):
    """A file of a bundle: its bytes, or where it is too long for that, its list."""
    file = path.open("rb")
    data = file.read(IN_MEMORY + 1)
    if len(data) <= IN_MEMORY:
        file.close()
        return data
    file.seek(0)
    return LongList(file)


def digest(data):
    """SHA-256 of such a file, in digits."""
    return data.digest if isinstance(data, LongList) else hashlib.sha256(data).hexdigest()
