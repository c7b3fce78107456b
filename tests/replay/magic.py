"""Which extensions are usual for a type: the table of docs/spec/magic.md, "Extensions and text layers".

    mismatch("pe", "jpg")       True: `.jpg` is in the table, and not in the row of `pe`

Types are recorded facts here; nothing is looked at.
"""

import re

from names import SPEC


def read_table(path):
    """Type: its extensions, and its text layer."""
    section = path.read_text("utf-8").split("## Extensions and text layers\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| ([a-z0-9 -]+) \| (full|none|unread) \|$", section, re.MULTILINE)
    return {name: (set() if usual == "-" else set(usual.split()), layer) for name, usual, layer in rows}


TYPES = read_table(SPEC / "magic.md")
KNOWN = set().union(*(usual for usual, _ in TYPES.values()))
# Types with a full text layer share their rows.
TEXTUAL = set().union(*(usual for usual, layer in TYPES.values() if layer == "full"))


def mismatch(name, extension):
    """Whether the extension (as names compare; None if there is none) belongs to other types alone."""
    if extension is None or name == "empty":
        return False
    extension = extension.translate(ASCII_LOWER)
    usual, layer = TYPES.get(name, (set(), "unread"))
    return extension in KNOWN and extension not in usual and not (layer == "full" and extension in TEXTUAL)


ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
