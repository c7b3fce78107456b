#!/usr/bin/env python3
"""Recomputes a package's commitments with nothing but Python's standard library.

    recompute.py PACKAGE LEDGER.jsonl... [MANIFEST.manifest.jsonl...]

Given are the decrypted, unzipped ledger parts, in order, and the manifests out
of the decrypted captured and held parts, in files so named.

Written from docs/spec/ (record, inventory, policy, custody-log), not from the
Rust code, so that the two can disagree. Recomputed are: every inventory line
from its ledger record, and again from
each opening that a manifest carries; the counts and the RFC 6962 root; the policy id and the
digest of the rendering; the custody log's chain and tree, and the signed
checkpoint over it (by `openssl`). One line is printed per check, and the exit
code is 1 if any failed.
"""

import base64
import collections
import hashlib
import hmac
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

FAILED = []


def main(package, files):
    acquisition = strict(read(package / "meta/acquisition.json"))
    manifests = [path for path in files if path.name.endswith(".manifest.jsonl")]
    inventory(package, acquisition, [path for path in files if path not in manifests])
    openings(package, manifests)
    policy(package, acquisition)
    custody_log(package, acquisition)
    sys.exit(1 if FAILED else 0)


# ---------------------------------------------------------------- inventory


def inventory(package, acquisition, ledgers):
    published = read(package / "meta/inventory.txt")
    lines = published.decode("ascii").splitlines()
    check("inventory: every line ends in LF and has the form `<outcome-class> <64 hex>`",
          published == "".join(line + "\n" for line in lines).encode()
          and all(re.fullmatch(r"(captured|left|(held|listed):[a-z0-9_-]+|listed) [0-9a-f]{64}", line) for line in lines))
    check("inventory: lines are sorted bytewise, none twice", lines == sorted(set(lines)))

    records = [record for ledger in ledgers for record in ledger_records(ledger, acquisition)]
    recomputed = [line for line, _ in records]
    missing = collections.Counter(recomputed) - collections.Counter(lines)
    unrecorded = collections.Counter(lines) - collections.Counter(recomputed)
    check(f"inventory: each of {len(records)} ledger records gives its line", not missing, f"{sum(missing.values())} differ")
    if acquisition["record_left"] == "facts":
        check("inventory: no line without a record", not unrecorded, f"{sum(unrecorded.values())} lines")
    else:
        check("inventory: lines without a record are of items left",
              all(line.startswith("left ") for line in unrecorded), f"{sum(unrecorded.values())} lines")
    ids = [record["id"] for _, record in records]
    locators = [record["locator"] for _, record in records]
    check("ledger: no id and no locator twice", len(set(ids)) == len(ids) and len(set(locators)) == len(locators))

    stated = acquisition["inventory"]
    check("inventory: number of lines as stated", stated["lines"] == len(lines), f"{len(lines)}")
    counts = collections.Counter(line.split(" ")[0] for line in lines)
    check("inventory: counts per outcome as stated",
          {k: v for k, v in stated["counts"].items() if v} == dict(counts), f"{dict(sorted(counts.items()))}")
    root = digest_text(tree_root([line.encode() for line in lines]))
    check("inventory: RFC 6962 root as stated", stated["root"] == root, root)


def ledger_records(path, acquisition):
    """The inventory line and the record of each row of one ledger part."""
    rows = [strict(line) for line in read(path).split(b"\n")[:-1]]
    head, rows, last = rows[0], rows[1:-1], rows[-1]
    check(f"ledger {path.name}: first row binds it to this package",
          head["format"] == "ambit/ledger/1" and all(head[k] == acquisition[k] for k in ("origin", "package", "policy", "run_key"))
          and head["medium"] == acquisition["medium"]["label"])
    check(f"ledger {path.name}: last row is the signature", list(last) == ["signature"])
    key = base64.b64decode(head["k"], validate=True)
    for row in rows:
        decision = strict(row["decision"])
        if decision["policy"] != acquisition["policy"]:
            check(f"ledger {path.name}: a record names the policy", False, decision["policy"])
        yield inventory_line(key, base64.b64decode(row["id"], validate=True), row, decision["outcome"]), row


def openings(package, manifests):
    """What a holder can check without the ledger: each row of a manifest opens one line, and no line is opened twice."""
    lines = read(package / "meta/inventory.txt").decode("ascii").splitlines()
    opened = []
    for path in manifests:
        rows = [next(iter(strict(row).values())) for row in read(path).split(b"\n")[1:-1]]
        found = [opened_line(row["opening"]) for row in rows if "opening" in row]
        opened += found
        check(f"openings {path.name}: each is of a line of the inventory", all(line in lines for line in found), f"{len(found)}")
        check(f"openings {path.name}: control numbers agree with the decisions",
              all(row["control"] == strict(row["opening"]["decision"]["value"])["control"] for row in rows if "opening" in row))
    check("openings: no line is opened twice", len(set(opened)) == len(opened), f"{len(opened)} opened")
    shown = [line for line in lines if not line.startswith("left ")]
    check("openings: every line that is not of an item left is opened to somebody", sorted(opened) == shown, f"{len(shown)}")


def opened_line(opening):
    """The inventory line that an opening leads to."""

    def commitment(name, field):
        if "commitment" in field:
            return bytes.fromhex(field["commitment"])
        return field_commitment(base64.b64decode(field["salt"], validate=True), name, field["value"].encode())

    facts = opening["facts"]
    if "leaves" in facts:
        root = tree_root([commitment(b"fact/%d" % i, leaf) for i, leaf in enumerate(facts["leaves"])])
        c_facts = field_commitment(base64.b64decode(facts["salt"], validate=True), b"facts", root)
    else:
        c_facts = commitment(b"facts", facts)
    return line_of(strict(opening["decision"]["value"])["outcome"], [
        commitment(b"locator", opening["locator"]), c_facts, commitment(b"trits", opening["trits"]),
        commitment(b"decision", opening["decision"]), commitment(b"object", opening["object"])])


def inventory_line(key, item_id, row, outcome):
    """docs/spec/inventory.md: one line from one record."""

    def commitment(field, value):
        return field_commitment(mac(key, b"ambit/salt/1\0" + item_id + b"\0" + field), field, value)

    facts = row["facts"]
    if facts == "-":
        facts_value = b"-"
    else:
        facts_value = tree_root([commitment(b"fact/%d" % i, fact.encode()) for i, fact in enumerate(facts)])
    return line_of(outcome, [
        commitment(b"locator", row["locator"].encode()),
        commitment(b"facts", facts_value),
        commitment(b"trits", row["trits"].encode()),
        commitment(b"decision", row["decision"].encode()),
        commitment(b"object", row["object"].encode()),
    ])


def field_commitment(salt, field, value):
    return mac(salt, b"ambit/field/1\0" + field + b"\0" + value)


def line_of(outcome, commitments):
    return f"{outcome} {hashlib.sha256(b'ambit/item/1' + bytes(1) + b''.join(commitments)).hexdigest()}"


# ------------------------------------------------------------------- policy


def policy(package, acquisition):
    folder = package / "meta/policy"
    bundle = {path.name: read(path) for path in sorted(folder.iterdir())
              if path.name != "rendering.md" and not path.name.startswith("approval.txt")}
    text = "scope-policy/1\n" + "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n"
                                        for name, data in sorted(bundle.items(), key=lambda item: item[0].encode()))
    policy_id = digest_text(hashlib.sha256(text.encode()).digest())
    check("policy: id recomputed from the files in meta/policy", policy_id == acquisition["policy"], policy_id)

    approval = folder / "approval.txt"
    if not approval.exists():
        check("policy: approval.txt is present", False)
        return
    lines = read(approval).decode("ascii").splitlines()
    check("policy: approval.txt begins with its format", lines[0] == "ambit/approval/v1")
    fields = collections.defaultdict(list)
    for line in lines[1:]:
        word, _, value = line.partition(" ")
        fields[word].append(value)
    rendering = digest_text(hashlib.sha256(read(folder / "rendering.md")).digest())
    check("policy: approval.txt names this log, medium and policy",
          fields["origin"] == [acquisition["origin"]] and fields["medium"] == [acquisition["medium"]["label"]]
          and fields["policy"] == [policy_id])
    check("policy: approval.txt quotes the digest of rendering.md", fields["rendering"] == [rendering], rendering)


# -------------------------------------------------------------- custody log


def custody_log(package, acquisition):
    folder = package / "custody"
    names = sorted(path.name for path in folder.iterdir())
    check("log: entries are numbered from 000000 without a gap", names == [f"{i:06}" for i in range(len(names))], f"{len(names)} entries")
    entries = []
    for index, name in enumerate(names):
        entry = folder / name
        event = strict(read(entry / "event.json"))
        previous = digest_text(hashlib.sha256(entries[-1]).digest()) if entries else None
        tree = {"size": index, "root": digest_text(tree_root(entries))} if entries else None
        expected = "".join([
            "ambit/custody-entry/v1\n",
            f"origin {acquisition['origin']}\n",
            f"index {index}\n",
            f"previous {previous or '-'}\n",
            f"event {digest_text(hashlib.sha256(read(entry / 'event.json')).digest())}\n",
            *(f"signature {sig.name.removesuffix('.sig')} {digest_text(hashlib.sha256(read(sig)).digest())}\n"
              for sig in sorted(entry.glob("*.sig"), key=lambda path: path.name.removesuffix(".sig"))),
        ])
        entries.append(read(entry / "entry.txt"))
        check(f"log {name}: entry.txt recomputed from event and signatures", entries[-1] == expected.encode(), event["action"]["kind"])
        check(f"log {name}: the event commits to all entries before it",
              event["origin"] == acquisition["origin"] and event["index"] == index
              and event["prev_entry"] == previous and event["prev_tree"] == tree)
        if (entry / "checkpoint").exists():
            checkpoint(entry / "checkpoint", acquisition["origin"], index + 1, tree_root(entries))
    stated = acquisition["log"]
    check("log: the acquisition statement quotes this log's tree",
          stated["size"] <= len(entries) and digest_text(tree_root(entries[:stated["size"]])) == stated["root"], f"size {stated['size']}")
    check("log: the last entry has a checkpoint", (folder / names[-1] / "checkpoint").exists())


def checkpoint(path, origin, size, root):
    """A C2SP tlog-checkpoint: three lines of text, an empty one, and signature lines."""
    note, _, signatures = read(path).partition(b"\n\n")
    note += b"\n"
    expected = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    check(f"checkpoint of size {size}: text recomputed from the entries", note == expected.encode())
    key = log_key(path)
    key_id = hashlib.sha256(origin.encode() + b"\n\x01" + key).digest()[:4]
    signed = False
    for line in signatures.decode().splitlines():
        dash, name, blob = line.split(" ")
        blob = base64.b64decode(blob, validate=True)
        if dash == "\u2014" and name == origin and blob[:4] == key_id:
            signed = signed or ed25519_verifies(key, note, blob[4:])
    check(f"checkpoint of size {size}: signed by the log key, says openssl", signed)


def log_key(path):
    """The 32 bytes of the log key, from AMBIT_LOG_KEY (an OpenSSH public key line), since keys never come from the package."""
    line = os.environ.get("AMBIT_LOG_KEY", "")
    if not line.startswith("ssh-ed25519 "):
        sys.exit(f"{path}: set AMBIT_LOG_KEY to the log's public key")
    return base64.b64decode(line.split()[1], validate=True)[-32:]


def ed25519_verifies(key, message, signature):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "key").write_bytes(bytes.fromhex("302a300506032b6570032100") + key)  # RFC 8410
        (folder / "message").write_bytes(message)
        (folder / "signature").write_bytes(signature)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", folder / "key",
                               "-rawin", "-in", folder / "message", "-sigfile", folder / "signature"], capture_output=True)
        return done.returncode == 0


# ------------------------------------------------------------ building blocks


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
    return hmac.new(key, message, hashlib.sha256).digest()


def digest_text(digest):
    return "sha256:" + digest.hex()


def strict(text):
    """JSON without duplicate keys and without floating point."""

    def pairs(items):
        keys = [key for key, _ in items]
        if len(set(keys)) != len(keys):
            raise ValueError("duplicate key")
        return dict(items)

    def no_float(text):
        raise ValueError(f"floating point: {text}")

    return json.loads(text, object_pairs_hook=pairs, parse_float=no_float, parse_constant=no_float)


def read(path):
    return pathlib.Path(path).read_bytes()


def check(what, holds, detail=""):
    print(f"{'ok' if holds else 'FAILED'}  {what}{f' ({detail})' if detail else ''}")
    if not holds:
        FAILED.append(what)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), [pathlib.Path(path) for path in sys.argv[2:]])
