"""The replay: docs/spec/record.md, "What must agree within a record" and "Replay".

    replay = Replay(policy, package, findings)
    for part in parts: replay.part(name, data)
    replay.finish()

A finding names an item by its control number, or by the part and the line in it; never by a name from the medium.
"""

import collections
import re

import decide
import globs
import names
from commitments import inventory_line, run_key_of, tree_root
from facts import FactError, fields, mail_is_sound, need, read_facts, strict
from magic import TYPES
from policy import LOOKS
from signatures import sshsig_holds, unbase64

LINE = re.compile(r"((?:captured|left|listed|(?:held|listed):[a-z0-9][a-z0-9_-]{0,63})) [0-9a-f]{64}")
OUTCOME = re.compile(r"captured|left|listed|(?:held|listed):[a-z0-9][a-z0-9_-]{0,63}")
CONTROL = re.compile(r"([A-Z0-9][A-Z0-9-]{0,15})-(C|L|H[1-9][0-9]*)-(\d{7}|[1-9]\d{7,18})")
RANGE = re.compile(r"(.+)/bytes:(\d{1,19})-(\d{1,19})")
LOCATOR = re.compile(r"[!-~]{1,512}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TIERS = ("excluded", "out-of-scope", "undetermined", "held", "withheld", "withheld-and-held", "included")
FIELDS = ("id", "locator", "facts", "trits", "decision", "object")


def holder_of(layer):
    """The place of what holds a layer; None for a whole disk, and for what is put together from several places."""
    place = layer["place"]
    if layer["state"] == "gap":
        return place
    if "/" in place:
        return place.rpartition("/")[0]
    return None if place.startswith(("md:", "lvm:", "disk:")) or not place else ""


def on_disk(layer, holders):
    """The disk, or the volume that was put together, and the bytes of it that a layer has; None where that is not stated."""
    at, start = layer, 0
    while (holder := holder_of(at)) is not None:
        if at["start"] is None or len(holder) >= len(at["place"]) or holder not in holders:
            return None
        start, at = start + at["start"], holders[holder]
    return at["place"], start, start + layer["length"]


class Unfinished(Exception):
    """Why there is no answer."""


class Findings:
    """Differences, in the order in which they are found."""

    def __init__(self):
        self.all = []

    def add(self, kind, item, detail):
        self.all.append({"kind": kind, "item": item, "detail": detail})


class Replay:
    """All ledger parts of a package, held against its policy, its inventory and its statement."""

    def __init__(self, policy, acquisition, inventory, interrupted, findings):
        self.policy = policy
        self.interrupted = interrupted
        self.acquisition = acquisition
        self.found = findings
        self.lines = inventory
        self.line_set = set(inventory)
        self.used = set()
        self.seen = {"id": set(), "locator": set(), "control number": set()}
        self.parts = set()
        self.records = self.decided = self.bytes = 0
        self.walks = tuple(walk["volume"] + "/" for walk in acquisition["walk"])
        self.ranges = collections.defaultdict(list)
        self.containers, self.members = {}, collections.defaultdict(list)
        self.tiers, self.rules, self.looks = (collections.Counter() for _ in range(3))
        self.files = {part["file"].removeprefix("data/").split(".")[0]: entry["set"]
                      for entry in acquisition["sets"] for part in entry["parts"]}

    # ------------------------------------------------------------- parts

    def part(self, name, data):
        """One decrypted part: its first row, its records, its signature."""
        rows = data.split(b"\n")
        if rows.pop() != b"" or len(rows) < 2:
            raise Unfinished(f"{name}: not rows that each end in LF")
        try:
            head, last = strict(rows[0]), strict(rows[-1])
            fields(head, "format", "origin", "package", "medium", "policy", "part", "batch", "k", "run_key")
            fields(last, "signature")
            key = unbase64(head["k"])
        except (FactError, ValueError, TypeError) as error:
            raise Unfinished(f"{name}: {error}") from error
        stated = self.acquisition
        ours = [(part["number"], part["batch"]) for entry in stated["sets"] if entry["set"] == "ledger" for part in entry["parts"]]
        run_key = run_key_of(stated, head["batch"])
        bound = (head["format"] == "ambit/ledger/1" and head["medium"] == stated["medium"]["label"] and len(key) == 32
                 and all(head[field] == stated[field] for field in ("origin", "package", "policy")) and head["run_key"] == run_key)
        if not bound or (head["part"], head["batch"]) not in ours or head["part"] in self.parts:
            raise Unfinished(f"{name}: the first row is not that of a ledger part of this package, or a part is given twice")
        self.parts.add(head["part"])
        signed = data[: len(data) - len(rows[-1]) - 1]
        if not sshsig_holds(last["signature"], "ambit/manifest/v1", run_key, signed):
            raise Unfinished(f"{name}: the last row is not a signature by the run key over the rows before it")
        for number, row in enumerate(rows[1:-1], 2):
            self.record(f"{name} line {number}", key, row)

    def record(self, place, key, line):
        try:
            row = strict(line)
            fields(row, *FIELDS)
            need(isinstance(row["facts"], list) and all(isinstance(text, str) for text in row["facts"]))
            need(all(isinstance(row[field], str) for field in FIELDS if field != "facts"))
            item_id = unbase64(row["id"])
            need(len(item_id) == 16)
        except (FactError, ValueError) as error:
            raise Unfinished(f"{place}: not a record: {error}") from error
        self.records += 1
        try:
            decision = read_decision(strict(row["decision"]))
        except FactError:
            self.found.add("fact", place, "the decision is not as specified")
            return
        item = decision["control"] or place
        self.ticked_off(item, row, item_id, decision, key)
        if not LOCATOR.fullmatch(row["locator"]) or row["locator"] == "-":
            self.found.add("fact", item, "the locator is not as specified")
        if decision["policy"] != self.policy.id:
            self.found.add("policy", item, f"decided under {decision['policy']}; the policy is {self.policy.id}")
        self.tiers[decision["tier"]] += 1
        self.rules.update(decision["rules"])
        self.looks.update(decision["looks"])
        if decision["outcome"] == "left" and self.policy.record_left == "counts":
            self.found.add("extra", item, "a record of an item that was left, of which the policy keeps none")
        try:
            facts = read_facts(row["facts"])
            if facts.type is not None and facts.type["name"] not in TYPES:
                raise FactError("a type that magic/1 does not have")
        except FactError as error:
            self.found.add("fact", item, str(error))
            return
        self.agrees(item, facts, decision, row["object"])
        self.walked(item, facts, decision["outcome"])
        self.contained(item, row["locator"], facts, decision["outcome"])
        self.placed(item, row["locator"], facts)
        self.decided_again(item, facts, decision, row["trits"])

    def ticked_off(self, item, row, item_id, decision, key):
        """No two records have one id, locator or control number; each has its line, and no other has it."""
        given = {"id": item_id, "locator": row["locator"], "control number": decision["control"]}
        twice = [what for what, value in given.items() if value is not None and value in self.seen[what]]
        for what, value in given.items():
            self.seen[what].add(value)
        line = inventory_line(key, item_id, row, decision["outcome"])
        if line in self.used and "id" not in twice:
            twice.append("line")
        if twice:
            self.found.add("duplicate", item, "another record has this " + " and this ".join(twice))
        if line not in self.line_set:
            self.found.add("extra", item, "its line is not in the inventory")
        self.used.add(line)

    # ------------------------------------------------- within one record

    def agrees(self, item, facts, decision, stated_object):
        """What must agree within a record, by its numbers there."""
        if facts.looks != decision["looks"]:
            self.found.add("look", item, f"facts of {said(facts.looks)}; the decision of {said(decision['looks'])}")
        if (decision["control"] is None) != (decision["outcome"] == "left"):
            self.found.add("fact", item, "a control number is given exactly where the item was not left")
        elif decision["control"] is not None and decision["control"].rpartition("-")[0] != self.series(decision["outcome"]):
            self.found.add("fact", item, f"the control number is not of the series {self.series(decision['outcome'])}")
        kept = decision["outcome"].startswith(("captured", "held"))
        if stated_object == "-":
            if kept and facts.has_content():
                self.found.add("missing", item, f"{decision['outcome']}, and no object")
        elif not kept:
            self.found.add("extra", item, f"{decision['outcome']}, and an object")
        elif not facts.has_content():
            self.found.add("fact", item, f"an object of a kind without content, {facts.kind}")
        else:
            self.object(item, facts, decision["outcome"], stated_object)
        self.looked(item, facts)

    def series(self, outcome):
        compartments = list(self.policy.compartments)
        label = label_of(self.acquisition["medium"]["label"])
        if outcome == "captured":
            return f"{label}-C"
        if outcome.startswith("held:"):
            name = outcome.removeprefix("held:")
            return f"{label}-H{compartments.index(name) + 1 if name in compartments else 0}"
        return f"{label}-L"

    def object(self, item, facts, outcome, text):
        try:
            found = read_object(strict(text))
        except FactError:
            self.found.add("fact", item, "the object is not as specified")
            return
        self.bytes += found["size"]
        if self.files.get(found["part"]) != outcome:
            self.found.add("fact", item, f"the part {found['part']} is not one of the set {outcome} of this package")
        size = facts.slack["size"] if facts.kind == "slack" and facts.slack is not None else facts.size
        if size is not None and found["size"] != size:
            self.found.add("fact", item, f"the object has {found['size']} bytes, the item {size}")
        elif facts.kind == "slack":
            return  # its fact `hash` is of the file
        elif found["read"] == "complete" and facts.hash is not None and found["sha256"] != facts.hash["sha256"]:
            self.found.add("fact", item, "the digest of the object is not that of the item")

    def looked(self, item, facts):
        """Every look left its facts or a failure, and no facts are of a look that was not taken."""
        given = {"type": facts.type is not None, "hash": facts.hash is not None, "content": bool(facts.keywords or facts.mail) or facts.container is not None}
        for look in LOOKS:
            if look not in facts.looks and (given.get(look) or facts.failed(look)):
                self.found.add("look", item, f"facts of the look {look}, which is not recorded as taken")
        if (facts.kind == "slack") != (facts.slack is not None) or facts.kind == "slack" and facts.size is None:
            self.found.add("fact", item, f"a fact slack, or none, or no size, of a kind {facts.kind}")
        if facts.kind == "unallocated" and (facts.names or facts.looks != ["metadata"]):
            self.found.add("fact", item, "unallocated space has no name, and the look metadata alone")
        if not facts.has_content():
            if any(given.values()):
                self.found.add("fact", item, f"facts of content, of a kind {facts.kind}")
            return
        if any("text" in fact and fact["layer"] == "none" for fact in facts.keywords):
            self.found.add("fact", item, "the text of a content that has none")
        if not all(mail_is_sound(fact) for fact in facts.mail):
            self.found.add("fact", item, "a fact about mail whose numbers cannot be of one file")
        for look in facts.looks[1:]:
            if look == "content":
                given[look] = ([fact["list"] for fact in facts.keywords] == self.policy.keyword_lists
                               and [fact["selector"] for fact in facts.mail] == self.policy.mail_selectors)
            if not given[look] and not facts.failed(look):
                self.found.add("fact", item, f"the look {look} was taken, and left neither its facts nor a failure")

    def walked(self, item, facts, outcome):
        """What the policy says of the walk."""
        policy = self.policy
        if facts.kind == "stream" and not policy.streams:
            self.found.add("look", item, "a stream; target.streams is false")
        if facts.kind == "deleted" and policy.deleted == "never":
            self.found.add("look", item, "a deleted entry; target.deleted is never")
        granted = {"recovered": ("deleted", policy.deleted_to), "unallocated": ("unallocated", policy.unallocated),
                   "slack": ("slack", policy.slack)}
        field, to = granted.get(facts.kind, ("", ""))
        if to is None:
            self.found.add("look", item, f"a kind {facts.kind}, which target.{field} does not grant")
        if facts.kind == "slack" and outcome.partition(":")[0] in ("left", "listed"):
            self.found.add("look", item, f"slack that is {outcome}; target.slack")
        if (facts.kind == "volume") != (self.acquisition["extent"] == "volumes"):
            self.found.add("look", item, f"a kind {facts.kind}, in a record of {self.acquisition['extent']}; target.unread_volumes")
        if (facts.kind == "member") != (facts.member is not None):
            self.found.add("fact", item, f"a fact member, or none, of a kind {facts.kind}")
        if decide.opens(policy, facts) != (facts.container is not None):
            self.found.add("look", item, "a container that was opened and was not to be, or the reverse; target.containers")
        if facts.type is not None and decide.asks_for_end(policy, facts) != ("end" in facts.type):
            self.found.add("look", item, "a type of which the end was to be examined and was not, or the reverse; target.containers")
        if facts.member is not None and not 1 <= facts.member["depth"] <= policy.max_depth:
            self.found.add("look", item, "a member deeper in containers than target.containers has them opened")
        if policy.closed:
            fold = decide.folds(policy, facts)
            for raw in facts.names:
                path = names.folded(names.symbols(raw)) if fold else names.symbols(raw)
                if any(glob.matches(folder, fold) for folder in folders(path) for glob in policy.closed):
                    self.found.add("look", item, "below a folder that target.closed closes")
                    break

    def contained(self, item, locator, facts, outcome):
        """A member is where it says; what a container says of its members is what they say."""
        if facts.kind == "slack":
            return
        if facts.container is not None:
            self.containers[locator] = facts.container
        if facts.member is not None:
            member = facts.member
            if locator != f"{member['of']}/member:{member['number']}" or member["depth"] != locator.count("/member:"):
                self.found.add("fact", item, "the locator is not that of its container, number and depth")
            inside = all(b"!/" in name for name in facts.names)
            named = not facts.names or any(name.endswith(b"!/" + member["name"]) for name in facts.names)
            if not inside or not named:
                self.found.add("fact", item, "a name that does not end with the member's")
            self.members[member["of"]].append((outcome == "captured", decide.is_barred(self.policy, facts)))

    def all_contained(self):
        every = self.policy.record_left == "facts"
        for locator in sorted(set(self.containers) | set(self.members)):
            held, there = self.containers.get(locator), self.members.get(locator, [])
            if held is None:
                amiss = every
            else:
                captured, barred = (sum(column) for column in zip(*there)) if there else (0, 0)
                amiss = held["captured"] != captured or held["barred"] < barred
                amiss = amiss or held["trouble"] is None and held["barred"] > (barred if every else held["members"]) + held["others"]
                amiss = amiss or held["members"] < len(there) or every and held["members"] != len(there)
            if amiss:
                self.found.add("missing", locator, "a container whose members are others than it says; target.containers")

    def placed(self, item, locator, facts):
        """The locator is of a volume that was walked; a range of a volume is as long as it says."""
        if not locator.startswith(self.walks):
            self.found.add("extra", item, "the locator is of no volume that was walked")
        if facts.kind == "volume":
            place, start, end = RANGE.fullmatch(locator).groups() if RANGE.fullmatch(locator) else ("", "0", "0")
            self.ranges[place].append((int(start), int(end)))
            if facts.size != int(end) - int(start):
                self.found.add("fact", item, f"a range of {int(end) - int(start)} bytes, and a size of {facts.size}")

    def whole(self):
        """Where volumes are preserved, each layer of which no file is read is there from its first byte to its last."""
        if self.acquisition["extent"] != "volumes":
            return
        layers = {layer["place"] or "medium": layer["length"] for layer in self.acquisition["layers"]
                  if layer["state"] in ("unread", "blank", "unknown") and layer["length"] is not None}
        for place in sorted(set(self.ranges) - set(layers)):
            self.found.add("extra", place, "ranges of no such layer")
        walked = {walk["volume"] for walk in self.acquisition["walk"]}
        for place, length in layers.items():
            if self.file_systems() is not None and place not in walked:
                continue  # the order covers other volumes
            ranges = sorted(self.ranges[place])
            ends = [0, *(end for _, end in ranges)]
            if [start for start, _ in ranges] != ends[:-1] or ends[-1] != length:
                self.found.add("missing", place, f"its ranges do not go from byte 0 to {length}, each once; target.unread_volumes")

    def file_systems(self):
        """The file systems by which alone the medium is known; None where the order covers all of it."""
        stated = self.acquisition
        if not stated["layers"] or any(each["what"].startswith("other medium: ") for each in stated["departures"]):
            return None
        label = stated["medium"]["label"]
        fits = self.fitting(next((ids for own, ids in self.policy.media if own == label), {}), label)
        return {fits["fsuuid"]} if set(fits) == {"fsuuid"} else None

    def fitting(self, named, label):
        """Of the identities that the policy gives for this medium, those that it shows and that no other has."""
        others = [ids for own, ids in self.policy.media if own != label]
        shown = {(each["kind"], each["value"]) for each in self.acquisition["medium"]["ids"]}
        return {kind: value for kind, value in named.items()
                if (kind, value) in shown and not any(ids.get(kind) == value for ids in others)}

    def rests_on(self):
        """The weak identity on which it rests that the medium is the policy's: a departure. None where it rests on none."""
        stated = self.acquisition
        if any(each["what"].startswith("other medium: ") for each in stated["departures"]):
            return None
        label, ids = stated["medium"]["label"], stated["medium"]["ids"]
        fits = self.fitting(next((ids for own, ids in self.policy.media if own == label), {}), label)
        sets = [kind for kind in ("md_uuid", "vg_uuid") if kind in fits]
        apart = [kind for kind in sets if not self.is_put_together(kind, fits[kind])]
        if set(fits) & {"serial", "wwn", "gpt", "image_sha256"} or len(apart) < len(sets):
            return None
        copy = "fsuuid_of_copy" if {"kind": "fsuuid_of_copy", "value": fits.get("fsuuid")} in ids else None
        weak = [*apart, *(kind for kind in ("mbr_signature",) if kind in fits)]
        if weak:
            return copy if "fsuuid" in fits else weak[0]
        return "asset_tag" if "asset_tag" in fits else copy

    def is_put_together(self, kind, value):
        """Whether some volume of an array or a group is among the layers."""
        places = [layer["place"] for layer in self.acquisition["layers"] if layer["length"]]
        if kind == "vg_uuid":
            return any(place.startswith(f"lvm:{value}:") for place in places)
        digits = re.sub("[^0-9A-Za-z]", "", value)
        return any(re.fullmatch(r"md:[^:]{36}(:.*)?", place) and re.sub("[^0-9A-Za-z]", "", place[3:39]) == digits for place in places)

    def known_by_file_system(self):
        """Where the medium is known by its `fsuuid` alone, no other volume was walked."""
        stated, named = self.acquisition, self.file_systems()
        if named is None:
            return
        for walk in stated["walk"]:
            if not named & {each["value"] for each in walk["ids"] if each["kind"] == "fsuuid"}:
                self.found.add("look", walk["volume"], "a volume whose fsuuid the policy does not name; target.media")
        for one in sorted(named):
            shown = [walk["volume"] for walk in stated["walk"] if {"kind": "fsuuid", "value": one} in walk["ids"]]
            if len(shown) > 1:
                self.found.add("look", one, f"an fsuuid that the policy names, shown by {said(shown)}; target.media")

    def founded(self):
        """Each layer lies in what holds it, and each walk is of a layer."""
        layers, walks = self.acquisition["layers"], self.acquisition["walk"]
        if not layers:
            return
        lengths = collections.defaultdict(int)
        for layer in layers:
            if layer["state"] != "gap":
                lengths[layer["place"]] = max(lengths[layer["place"]], layer["length"])
        for layer in layers:
            place, length = layer["place"], layer["length"]
            holder = holder_of(layer)
            if holder is None:
                size = self.acquisition["medium"]["size"]
                if layer["start"] is None or size is None:
                    continue
            elif holder in lengths:
                size = lengths[holder]
            else:
                self.found.add("fact", place, "no layer holds it; layers")
                continue
            if length and (layer["start"] or 0) + length > size:
                self.found.add("fact", place, f"a layer that ends behind what holds it, of {size} bytes; layers")
        volumes = self.acquisition["extent"] == "volumes"
        for walk in walks:
            volume = walk["volume"]
            place = ("" if volume == "medium" else volume) if volumes else volume.rpartition("/")[0]
            if not any(layer["place"] == place and (layer["length"] and layer["state"] in ("unread", "blank", "unknown")
                                                    if volumes else layer["state"] == "read") for layer in layers):
                self.found.add("extra", volume, "a walk of what is in no layer; layers")

    def shared(self):
        """What is preserved whole has no byte of what is read, but for what lies within that, or at its place."""
        if self.acquisition["extent"] != "volumes":
            return
        layers, holders = self.acquisition["layers"], {}
        for layer in layers:
            if layer["state"] != "gap":
                holders.setdefault(layer["place"], layer)
        placed = [(layer, on_disk(layer, holders)) for layer in layers if layer["length"]]
        read = [(layer, where) for layer, where in placed if where and layer["state"] == "read"]
        for layer, where in placed:
            if not where or layer["state"] not in ("unread", "blank", "unknown"):
                continue
            place = layer["place"]
            for other, there in read:
                holder = other["place"]
                apart = place != holder and holder and not place.startswith(holder + "/")
                if apart and where[0] == there[0] and where[1] < there[2] and there[1] < where[2]:
                    self.found.add("extra", place, f"preserved whole, and it shares bytes with {holder}, of which files are read; target.unread_volumes")
                    break

    # ------------------------------------------------------ decide again

    def decided_again(self, item, facts, decision, trits_text):
        recorded = read_trits(trits_text)
        if recorded is None:
            self.found.add("trits", item, "the trits are not as specified")
        try:
            computed = decide.decide(self.policy, facts, facts.looks)
        except decide.NeedsLook as needed:
            self.found.add("look", item, f"looked: {said(facts.looks)}; the decision needs the look {needed.look}, which was not taken")
            return
        self.decided += 1
        if recorded is not None and recorded != computed.trits:
            self.found.add("trits", item, f"recorded {said(recorded)}; computed {said(computed.trits)}")
        stated = (decision["outcome"], decision["tier"], decision["rules"])
        if stated != computed[:3]:
            self.found.add("outcome", item, f"recorded {words(*stated)}; computed {words(*computed[:3])}")
        if decision["looks"] == facts.looks != computed.looks:
            self.found.add("look", item, f"looked: {said(facts.looks)}; the decision needs {said(computed.looks)}")

    # ------------------------------------------------------------- totals

    def finish(self):
        """What is known when every part was read: lines without a record, and the counts."""
        acquisition, found = self.acquisition, self.found
        stated = [part["number"] for entry in acquisition["sets"] if entry["set"] == "ledger" for part in entry["parts"]]
        if self.parts != set(stated):
            raise Unfinished(f"ledger parts given: {sorted(self.parts)}; stated: {sorted(stated)}")
        unrecorded = [line for line in self.lines if line not in self.used]
        if acquisition["record_left"] == "counts":
            more = sum(line.startswith("left ") for line in unrecorded)
            unrecorded = [line for line in unrecorded if not line.startswith("left ")]
        else:
            more = 0
        self.known_by_file_system()
        self.founded()
        self.shared()
        if not self.interrupted:
            self.whole()
        self.all_contained()
        for line in unrecorded:
            found.add("missing", line, "the ledger has no record of this line")
        inventory = acquisition["inventory"]
        counts = collections.Counter(line.split(" ")[0] for line in self.lines)
        root = "sha256:" + tree_root([line.encode() for line in self.lines]).hex()
        for what, stated, computed in [("lines", inventory["lines"], len(self.lines)), ("root", inventory["root"], root),
                                       *both("outcome", inventory["counts"], counts)]:
            if stated != computed:
                found.add("count", what, f"stated {stated}; computed {computed}")
        for what, stated, computed in [*both("tier", acquisition["tier_counts"], self.tiers), *both("rule", acquisition["rule_counts"], self.rules),
                                       *both("look", acquisition["looks"], self.looks)]:
            if not computed <= stated <= computed + more:
                found.add("count", what, f"stated {stated}; computed {computed}" + (f", and at most {more} more" if more else ""))
        for what, computed in [("items", len(self.lines)), ("bytes", self.bytes)]:
            if self.policy.limits[what] is not None and computed > self.policy.limits[what]:
                found.add("count", "limits", f"{computed} {what}; limits.{what} is {self.policy.limits[what]}")


# ----------------------------------------------------------------- values


def read_decision(value):
    fields(value, "outcome", "tier", "rules", "looks", "control", "policy")
    need(isinstance(value["outcome"], str) and OUTCOME.fullmatch(value["outcome"]) and value["tier"] in TIERS)
    need(isinstance(value["rules"], list) and all(isinstance(rule, str) for rule in value["rules"]))
    need(isinstance(value["looks"], list) and value["looks"] == [look for look in LOOKS if look in value["looks"]])
    need(value["control"] is None or isinstance(value["control"], str) and CONTROL.fullmatch(value["control"])
         and not value["control"].endswith("-0000000"))
    need(isinstance(value["policy"], str) and DIGEST.fullmatch(value["policy"]))
    return value


def read_object(value):
    need(isinstance(value, dict))
    trouble = ["trouble"] if "trouble" in value else []
    fields(value, "sha256", "size", "part", "read", "unreadable", *trouble)
    need(not trouble or isinstance(value["trouble"], str) and re.fullmatch(r"[ -~]{1,200}", value["trouble"]))
    need(isinstance(value["sha256"], str) and DIGEST.fullmatch(value["sha256"]))
    need(type(value["size"]) is int and value["size"] >= 0 and isinstance(value["part"], str) and isinstance(value["unreadable"], list))
    end = -1
    for each in value["unreadable"]:
        need(isinstance(each, list) and len(each) == 2 and all(type(number) is int for number in each))
        need(end < each[0] < each[1] <= value["size"])
        end = each[1]
    need(value["read"] == ("partial" if value["unreadable"] else "complete"))
    return value


def read_trits(text):
    """The rows of trits; None where the value is not as specified."""
    try:
        rows = strict(text)
    except FactError:
        return None
    good = isinstance(rows, list) and rows and all(isinstance(row, str) and re.fullmatch("[TFU]+", row) for row in rows)
    return rows if good and len({len(row) for row in rows}) == 1 else None


def read_inventory(data):
    """The lines of `inventory.txt`."""
    lines = data.decode("ascii", "replace").split("\n")
    if lines.pop() != "" or not all(LINE.fullmatch(line) for line in lines) or lines != sorted(set(lines)):
        raise Unfinished("meta/inventory.txt: not lines of the grammar, sorted, none twice")
    return lines


def label_of(label):
    kept = re.sub("[^A-Z0-9-]", "", label.upper()).lstrip("-")[:16]
    return kept or "MEDIUM"


def folders(path):
    """The folders above a path, without the root."""
    segments = globs.split(path)
    return ["/" + "/".join(segments[:end]) for end in range(1, len(segments))]


def both(what, stated, computed):
    """Each word that either side has, with the number on both."""
    return [(f"{what} {word}", stated.get(word, 0), computed.get(word, 0)) for word in sorted({*stated, *computed})]


def words(outcome, tier, rules):
    return f"{outcome} ({tier}{' by ' + said(rules) if rules else ''})"


def said(texts):
    return ", ".join(texts)
