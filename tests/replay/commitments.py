"""Commitments, openings and trees: docs/spec/record.md, "Commitments" and "Openings"; RFC 6962.

    inventory_line(key, id, row, "captured")      "captured 49562bf2..."
"""

import hashlib
import hmac

from facts import strict
from signatures import unbase64


def inventory_line(key, item_id, row, outcome):
    """The line of a record, from its five values."""

    def commitment(field, value):
        return field_commitment(mac(key, b"ambit/salt/1\0" + item_id + b"\0" + field), field, value)

    facts = tree_root([commitment(b"fact/%d" % at, fact.encode()) for at, fact in enumerate(row["facts"])])
    return line_of(outcome, [
        commitment(b"locator", row["locator"].encode()), commitment(b"facts", facts), commitment(b"trits", row["trits"].encode()),
        commitment(b"decision", row["decision"].encode()), commitment(b"object", row["object"].encode()),
    ])


def opened_line(opening):
    """The line that an opening leads to."""

    def commitment(name, field):
        if "commitment" in field:
            return bytes.fromhex(field["commitment"])
        return field_commitment(unbase64(field["salt"]), name, field["value"].encode())

    facts = opening["facts"]
    if "leaves" in facts:
        root = tree_root([commitment(b"fact/%d" % at, leaf) for at, leaf in enumerate(facts["leaves"])])
        c_facts = field_commitment(unbase64(facts["salt"]), b"facts", root)
    else:
        c_facts = commitment(b"facts", facts)
    return line_of(strict(opening["decision"]["value"])["outcome"], [
        commitment(b"locator", opening["locator"]), c_facts, commitment(b"trits", opening["trits"]),
        commitment(b"decision", opening["decision"]), commitment(b"object", opening["object"])])


def field_commitment(salt, field, value):
    return mac(salt, b"ambit/field/1\0" + field + b"\0" + value)


def line_of(outcome, commitments):
    return f"{outcome} {hashlib.sha256(b'ambit/item/1' + bytes(1) + b''.join(commitments)).hexdigest()}"


def run_key_of(acquisition, batch):
    """The key that signs a batch: that of the last resume at or before it, or of the start."""
    keys = [acquisition["run_key"], *(entry["run_key"] for entry in acquisition.get("resumed", []) if entry["batch"] <= batch)]
    return keys[-1]


def tree_root(leaves):
    """RFC 6962, section 2.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    while len(level) > 1:  # pairs from the left; an odd last node moves up as it is
        pairs = [hashlib.sha256(b"\1" + a + b).digest() for a, b in zip(level[::2], level[1::2])]
        level = pairs + (level[-1:] if len(level) % 2 else [])
    return level[0]


def mac(key, message):
    return hmac.digest(key, message, "sha256")


def digest_text(data):
    """The digest of bytes, as everything quotes it."""
    return "sha256:" + hashlib.sha256(data).hexdigest()
