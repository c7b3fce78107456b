"""What else a package states: its policy, its recipients, its openings and its custody log.

Follows docs/spec/package.md, record.md ("Replay", steps 6 and 8; "Openings") and custody-log.md. Differences are named by
the kinds of findings of a replay, or by the id of the check in docs/spec/verification.md that they belong to.
"""

import base64
import collections
import hashlib
import tomllib

import lists
from commitments import digest_text, opened_line, run_key_of, tree_root
from decide import visible
from facts import FactError, read_facts, strict
from policy import bundle_id
from signatures import public_key, verifies


def bundle(folder):
    """The bundle in a package's `meta/policy`: all but the rendering, the approval and its signatures."""
    paths = [path for path in sorted(folder.iterdir()) if path.name != "rendering.md" and not path.name.startswith("approval.txt")]
    return {path.name: lists.content(path) for path in paths}


def approved(folder):
    """The bundle in somebody's own folder: policy.toml, and what it names."""
    text = (folder / "policy.toml").read_bytes()
    tables = tomllib.loads(text.decode("utf-8")).get("list", {}).values()
    return {"policy.toml": text} | {entry["file"]: lists.content(folder / entry["file"]) for entry in tables if "file" in entry}


def policy(folder, policy, acquisition, findings):
    """The package's own copy, the statement and the approval name the policy that is replayed."""
    own = bundle_id(bundle(folder))
    for what, stated in [("meta/policy", own), ("meta/acquisition.json", acquisition["policy"])]:
        if stated != policy.id:
            findings.add("policy", what, f"stated {stated}; computed {policy.id}")
    if acquisition["record_left"] != policy.record_left:
        findings.add("policy", "record_left", f"stated {acquisition['record_left']}; the policy has {policy.record_left}")
    approval = folder / "approval.txt"
    if not approval.exists():
        findings.add("approval", "approval.txt", "is not there")
        return
    lines = approval.read_bytes().decode("ascii", "replace").split("\n")
    fields = collections.defaultdict(list)
    for line in lines[1:-1]:
        word, _, value = line.partition(" ")
        fields[word].append(value)
    rendering = digest_text((folder / "rendering.md").read_bytes())
    for word, computed in [("origin", acquisition["origin"]), ("medium", acquisition["medium"]["label"]), ("policy", policy.id),
                           ("rendering", rendering)]:
        if fields[word] != [computed] or lines[0] != "ambit/approval/v1":
            findings.add("policy" if word == "policy" else "approval", f"approval.txt {word}", f"stated {' '.join(fields[word])}; computed {computed}")


def recipients(policy, acquisition, findings):
    """Each set's recipients are those of the policy."""
    ours = policy.recipients
    wanted = {"captured": [*ours["case"], *ours["captured_also"]], "ledger": [*ours["auditor"], *ours["court"]]}
    wanted |= {f"held:{name}": keys for name, keys in policy.compartments.items()}
    for entry in acquisition["sets"]:
        if sorted(set(entry["recipients"])) != sorted(set(wanted.get(entry["set"], []))):
            findings.add("recipients", entry["set"], "the stated recipients are not those of the policy")


def openings(manifests, lines, policy, acquisition, findings):
    """What holders see: each row opens one line of the inventory, and no line is opened twice."""
    opened = []
    for name, data in manifests:
        try:
            head, *rows = [strict(line) for line in data.split(b"\n")[:-1]]
            bound = all(head[field] == acquisition[field] for field in ("origin", "package", "policy"))
            if head["format"] != "ambit/part/1" or not bound or head["run_key"] != run_key_of(acquisition, head["batch"]):
                findings.add("objects", name, "the first row is not that of a part of this package")
            for row in (next(iter(row.values())) for row in rows):
                if "opening" not in row:
                    continue
                opened.append(opened_line(row["opening"]))
                if row["control"] != strict(row["opening"]["decision"]["value"])["control"]:
                    findings.add("objects", row["control"], "the opened decision has another control number")
                if opened[-1] not in lines:
                    findings.add("objects", row["control"], "the opening is not that of a line of the inventory")
                if head["set"] == "captured" and not may_be_shown(policy, row["opening"]):
                    findings.add("objects", row["control"], "a name is shown that the case team may not see")
        except (FactError, ValueError, KeyError, TypeError, AttributeError):
            findings.add("objects", name, "not a manifest")
    if len(set(opened)) != len(opened):
        findings.add("objects", "manifests", "a line is opened twice")
    return set(opened)


def may_be_shown(policy, opening):
    """docs/spec/part.md, step 11: by the open names alone, each of them may be seen."""
    facts = read_facts([leaf["value"] for leaf in opening["facts"]["leaves"] if "value" in leaf])
    if facts.links is not None:
        facts.links = len(facts.names)
    return len(visible(policy, facts, facts.looks)) == len(facts.names)


def shown_to_somebody(opened, lines, findings):
    """With all manifests at hand: every line of an item that was not left is opened."""
    for line in lines:
        if not line.startswith("left ") and line not in opened:
            findings.add("objects", line, "no manifest opens this line")


def custody_log(folder, acquisition, statement, log_key, findings):
    """The chain of digests and trees, and the checkpoints, signed by the log's key where one is given."""
    origin = acquisition["origin"]
    names = sorted(path.name for path in folder.iterdir())
    if names != [f"{index:06}" for index in range(len(names))]:
        findings.add("log", "custody", "entries are not numbered from 000000 without a gap")
    entries, checkpoints, run_keys, ends = [], 0, [], []
    for index, name in enumerate(names):
        entry = folder / name
        event = strict((entry / "event.json").read_bytes())
        previous = digest_text(entries[-1]) if entries else None
        tree = {"size": index, "root": root(entries)} if entries else None
        signatures = [path for path in entry.glob("*.sig") if not path.name.startswith(ATTESTED)]
        signatures.sort(key=lambda path: path.name.removesuffix(".sig"))
        expected = "".join([
            f"ambit/custody-entry/v1\norigin {origin}\nindex {index}\nprevious {previous or '-'}\n",
            f"event {digest_text((entry / 'event.json').read_bytes())}\n",
            *(f"signature {path.name.removesuffix('.sig')} {digest_text(path.read_bytes())}\n" for path in signatures),
        ])
        entries.append((entry / "entry.txt").read_bytes())
        if entries[-1] != expected.encode():
            findings.add("log", name, "entry.txt is not what event, signatures and the entry before give")
        if (event["origin"], event["index"], event["prev_entry"], event["prev_tree"]) != (origin, index, previous, tree):
            findings.add("log", name, "the event does not commit to the entries before it")
        attested(entry, event["action"], findings)
        if event["action"]["kind"] == "acquisition.start" and event["action"]["package"] == acquisition["package"]:
            run_keys.append((1, event["action"]["run_key"]))
        if event["action"]["kind"] == "acquisition.resume" and event["action"]["package"] == acquisition["package"]:
            run_keys.append((event["action"]["batch"], event["action"]["run_key"]))
        if event["action"]["kind"] == "acquisition.end" and event["action"]["package"] == acquisition["package"]:
            ends.append((index, event["action"]["acquisition_sha256"]))
        if (entry / "checkpoint").exists():
            checkpoints += 1
            checkpoint(name, (entry / "checkpoint").read_bytes(), origin, entries, log_key, findings)
    if run_keys != [(1, acquisition["run_key"]), *((entry["batch"], entry["run_key"]) for entry in acquisition.get("resumed", []))]:
        findings.add("agreement", "run_key", "the log announces another key for this run")
    stated = acquisition["log"]
    if ends[:1] != [(stated["size"], digest_text(statement))]:
        findings.add("agreement", "acquisition.end", "does not come after the log that the statement quotes, or quotes another statement")
    if stated["size"] > len(entries) or root(entries[: stated["size"]]) != stated["root"]:
        findings.add("agreement", "log", "the statement quotes another log")
    if not names or not (folder / names[-1] / "checkpoint").exists():
        findings.add("checkpoint", "custody", "the last entry has none")
    return len(entries), checkpoints


ATTESTED = "attestation.txt."


def attested(entry, action, findings):
    """An attestation lies beside its event, which quotes it and each signature over it."""
    lies = {path.name: digest_text(path.read_bytes()) for path in entry.glob("attestation.txt*")}
    quoted = {}
    if "attestation" in action:
        quoted["attestation.txt"] = action["attestation"]
        quoted |= {f"{ATTESTED}{own['principal']}.sig": own["signature"] for own in action["signatures"]}
    if lies != quoted:
        findings.add("log", entry.name, "the attestation or a signature over it is not what the event quotes")


def interrupted(folder, acquisition):
    """Whether the log says that this run ended early."""
    events = [strict((entry / "event.json").read_bytes())["action"] for entry in sorted(folder.iterdir())]
    ends = [event for event in events if event["kind"] == "acquisition.end" and event["package"] == acquisition["package"]]
    return any(event["interrupted"] for event in ends)


def checkpoint(name, data, origin, entries, log_key, findings):
    """A C2SP tlog-checkpoint: three lines of text, an empty one, and signature lines."""
    note, _, signatures = data.partition(b"\n\n")
    note += b"\n"
    if note.decode("utf-8", "replace") != f"{origin}\n{len(entries)}\n{base64.b64encode(tree_root(entries)).decode()}\n":
        findings.add("checkpoint", name, "the text is not that of the entries so far")
    if log_key is None:
        return
    key = public_key(log_key)
    begins = hashlib.sha256(origin.encode() + b"\n\x01" + key).digest()[:4]
    lines = [line.split(" ") for line in signatures.decode("utf-8", "replace").splitlines()]
    ours = [base64.b64decode(line[2]) for line in lines if line[:2] == ["\u2014", origin] and len(line) == 3]
    if not any(blob[:4] == begins and verifies(key, note, blob[4:]) for blob in ours):
        findings.add("checkpoint", name, "not signed by the log's key")


def root(entries):
    return "sha256:" + tree_root(entries).hex()
