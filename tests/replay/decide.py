"""The decision: docs/spec/policy.md, "The value of an atom" and "Evaluation".

    decided = decide(policy, facts, facts.looks)
    decided.outcome, decided.tier, decided.rules, decided.looks      "held:neutral", "held", ["H-1"], ["metadata"]
    decided.trits                                                    ["TFU"]

Values are numbers, so that AND is the least and OR the greatest of them.
"""

import collections

import magic
from names import folded, symbols
from policy import FIELDS, LOOKS, UNREAD_VOLUMES

F, U, T = 0, 1, 2
LETTERS = "FUT"
# The conditions that are of a name.
DOCUMENTS = ("ooxml", "odf", "epub")
OF_THE_NAME = ("path", "artifact", "name", "ext", "type_mismatch")

Decision = collections.namedtuple("Decision", "outcome tier rules looks trits")


class NeedsLook(Exception):
    """The decision asks for a look that was not taken."""

    def __init__(self, look):
        super().__init__(look)
        self.look = look


def decide(policy, facts, available):
    """The decision from the facts of the looks that it asks for; NeedsLook where one is not `available`."""
    table = Table(policy, facts)
    found = by_target(policy, facts.kind)
    if found is not None:
        return Decision(*found, [], ["metadata"], table.trits())
    looks = ["metadata"]
    while True:
        tiers = Tiers(policy, table)
        found = tiers.outcome()
        if found is None:
            look = tiers.next_look(looks)
            if look is not None:
                if look not in available:
                    raise NeedsLook(look)
                looks.append(look)
                table.take(look)
                continue
            withheld = tiers.values["withhold"] == T
            found = ("left" if policy.unknown is None or withheld else f"held:{policy.unknown}"), "undetermined"
        outcome, tier = found
        opened = None if tiers.barred() else opening(policy, facts, looks, tier)
        if opened in looks_in_order(("type", "content")):
            if opened not in available:
                raise NeedsLook(opened)
            looks[:] = looks_in_order([*looks, opened])
            table.take(opened)
            continue
        if opened in ("unknown", "open"):
            withheld = tiers.values["withhold"] == T
            outcome = "left" if policy.unknown is None or withheld else f"held:{policy.unknown}"
            tier = "undetermined"
        elif opened == "singly":
            outcome, tier = "left", "out-of-scope"
        # Last: slack asks for the looks of its file.
        outcome, tier = of_remnant(policy, facts.kind, outcome, tier)
        return Decision(outcome, tier, tiers.determining(tier, outcome.partition(":")[2]), looks, table.trits())


def looks_in_order(looks):
    return [look for look in LOOKS if look in looks]


def opening(policy, facts, looks, tier):
    """What opening a container has to say: a look that is needed, `open`, `unknown`, `singly`, or None."""
    kind = facts.slack["of"] if facts.kind == "slack" and facts.slack is not None else facts.kind
    if not policy.containers or kind not in ("file", "stream", "member") or tier not in ("included", "undetermined"):
        return None
    if "type" not in looks:
        return "type"
    if facts.type is None or facts.failed("type"):
        return "unknown"
    form = opened_as(policy, facts)
    if form is None:
        return None
    if form not in DOCUMENTS and facts.member is not None and facts.member["depth"] >= policy.max_depth:
        return "unknown"
    if "content" not in looks:
        return "content"
    held = facts.container
    if held is None:
        return "unknown" if facts.failed("content") else "open"
    if held["barred"] > 0:
        return "singly"
    if held["trouble"] is not None:
        return "unknown"
    return None if form in DOCUMENTS or held["captured"] == held["members"] and tier == "included" else "singly"


def by_beginning(policy, name):
    """The form of what a file is opened as that begins as this type."""
    if "zip" in policy.containers and name == "jar":
        return "zip"
    return name if name in policy.containers or "zip" in policy.containers and name in DOCUMENTS else None


def opened_as(policy, facts):
    """The form of what a file of its type is opened as, or None."""
    form = by_beginning(policy, facts.type["name"])
    ends = "zip" in policy.containers and facts.type.get("end", {}).get("zip", False)
    return "zip" if form is None and ends else form


def asks_for_end(policy, facts):
    """Whether the end of the file is to be examined with its type."""
    kind = facts.slack["of"] if facts.kind == "slack" and facts.slack is not None else facts.kind
    return kind in ("file", "stream", "member") and "zip" in policy.containers and by_beginning(policy, facts.type["name"]) is None


def may_be_opened(policy, facts):
    """Whether its type says, or does not tell, that it is a container of a form that is opened, not too deep: its members are asked for content."""
    kind = facts.slack["of"] if facts.kind == "slack" and facts.slack is not None else facts.kind
    if not policy.containers or kind not in ("file", "stream", "member"):
        return False
    if facts.member is not None and facts.member["depth"] >= policy.max_depth:
        return False
    known = "type" in facts.looks and facts.type is not None and not facts.failed("type")
    return not known or opened_as(policy, facts) in policy.containers


def opens(policy, facts):
    """Whether the fact `container` is to be there: by all other facts, the item is a container that is opened."""
    if not policy.containers or by_target(policy, facts.kind) is not None:
        return False
    table = Table(policy, facts)
    for look in facts.looks[1:]:
        table.take(look)
    tiers = Tiers(policy, table)
    if tiers.barred():
        return False
    found = tiers.outcome() or ("left", "undetermined")
    held, facts.container = facts.container, None
    opened = opening(policy, facts, facts.looks, found[1])
    facts.container = held
    return opened == "open"


def is_barred(policy, facts):
    """Whether the archive that holds the item may go whole to nobody."""
    if facts.container is not None and facts.container["barred"] > 0:
        return True
    table = Table(policy, facts)
    for look in facts.looks[1:]:
        table.take(look)
    return Tiers(policy, table).kept_apart()


def by_target(policy, kind):
    """Outcome and tier of what `[target]` alone decides, or None where the rules do."""
    held = None
    if kind == "volume":
        held = UNREAD_VOLUMES if policy.unread_volumes == "preserve" else None
    elif kind == "unallocated":
        held = policy.unallocated
    elif not (kind == "slack" and policy.slack is None or kind == "recovered" and policy.deleted_to is None):
        return None
    return ("left", "out-of-scope") if held is None else (f"held:{held}", "held")


def of_remnant(policy, kind, outcome, tier):
    """What the rules capture of slack and of deleted entries is for the compartment that `[target]` names."""
    to = policy.slack if kind == "slack" else policy.deleted_to if kind in ("deleted", "recovered") else None
    if to is not None and outcome == "captured":
        return f"held:{to}", "held"
    if kind == "slack" and outcome.partition(":")[0] == "listed":
        return "left", "out-of-scope"
    return outcome, tier


def visible(policy, facts, looks):
    """The places of the names that the case team may see: each includes by itself, and nothing excludes it."""
    table = Table(policy, facts)
    for look in looks[1:]:
        table.take(look)
    tiers = Tiers(policy, table)
    shown = []
    for place in range(len(table.names)):
        values = [(rule.effect, by_row[place]) for rule, by_row in zip(policy.rules, tiers.by_row)]
        if ("include", T) in values and not {("exclude", T), ("exclude", U)} & set(values):
            shown.append(place)
    return shown


class Table:
    """The atoms' values for each name, from the facts of the looks taken so far."""

    def __init__(self, policy, facts):
        self.policy = policy
        self.facts = facts
        self.missing = facts.missing_names()
        fold = folds(policy, facts)
        self.names = [Name(raw, fold) for raw in facts.names]
        # One row per name, or one; then one for a name that was not found.
        self.recorded = max(1, len(self.names))
        self.rows = [[U] * len(policy.atoms) for _ in range(self.recorded + self.missing)]
        for number, atom in enumerate(policy.atoms):
            if self.cannot_have(atom.field):
                self.set_all(number, F)
        self.take("metadata")

    def cannot_have(self, field):
        """Whether an item of this kind has no such fact, and the atom is F."""
        if field == "size":
            return not self.facts.has_content() and self.facts.kind != "deleted"
        return FIELDS[field] != "metadata" and not self.facts.has_content()

    def set_all(self, number, value):
        for row in self.rows:
            row[number] = value

    def take(self, look):
        """Adds the facts of one more look."""
        for number, atom in enumerate(self.policy.atoms):
            if FIELDS[atom.field] != look or self.cannot_have(atom.field):
                continue
            if atom.field in OF_THE_NAME:
                for row, name in zip(self.rows, self.names):
                    value = NAMED[atom.field](atom.value, self.facts, name)
                    row[number] = U if value == F and self.missing else value
            else:
                value = WHOLE[atom.field](atom.value, self.facts, self.policy)
                if value == T and look == "content" and may_be_opened(self.policy, self.facts):
                    value = U
                self.set_all(number, value)

    def trits(self):
        return ["".join([LETTERS[value] for value in row]) for row in self.rows[: self.recorded]]


def folds(policy, facts):
    """Whether names compare without case."""
    rule = facts.case_rule if policy.path_case == "as-volume" else policy.path_case
    return rule == "insensitive"


class Name:
    """A name as it is compared."""

    __slots__ = ("fold", "path", "last", "ext")

    def __init__(self, raw, fold):
        plain = symbols(raw)
        self.fold = fold
        self.path = folded(plain) if fold else plain
        self.last = self.path.rpartition("/")[2]
        self.ext = extension(self.last)


def extension(segment):
    """What follows the last `.`; None where that is the first symbol, or nothing follows."""
    before, dot, after = segment.rpartition(".")
    return after if dot and before and after else None


def truth(holds):
    return T if holds else F


# ------------------------------------------------------- atoms of the name


def path_value(wanted, facts, name):
    return truth(any(glob.matches(name.path, name.fold) for glob in wanted))


def name_value(wanted, facts, name):
    return truth(any(glob.matches(name.last, name.fold) for glob in wanted))


def ext_value(wanted, facts, name):
    return truth(name.ext is not None and folded(name.ext) in wanted)


def type_mismatch_value(wanted, facts, name):
    if facts.type is None or facts.failed("type"):
        return U
    return truth(magic.mismatch(facts.type["name"], name.ext) == wanted)


NAMED = {"path": path_value, "artifact": path_value, "name": name_value, "ext": ext_value, "type_mismatch": type_mismatch_value}

# ------------------------------------------------------- atoms of the item


def kind_value(wanted, facts, policy):
    kind = facts.slack["of"] if facts.kind == "slack" else facts.kind
    # A member is a file, too.
    return truth(kind in wanted or kind == "member" and "file" in wanted)


def type_value(wanted, facts, policy):
    return U if facts.type is None or facts.failed("type") else truth(facts.type["name"] in wanted)


def size_value(wanted, facts, policy):
    return U if facts.size is None else truth(wanted[0] <= facts.size <= wanted[1])


def time_value(wanted, facts, policy):
    values = []
    for of in wanted.of:
        stamps = [stamp for stamp in facts.time if stamp[0] == of]
        values += [stamp_value(wanted, policy, ns, zone) for _, ns, zone in stamps] or [U]
    if not values:
        return F
    return max(values) if wanted.mode == "any" else min(values)


def stamp_value(wanted, policy, ns, zone):
    if zone != "recorded" and policy.zoneless is None:
        return U
    if zone == "none":
        ns -= policy.zoneless
    return truth(wanted.start <= ns < wanted.until)


def owner_value(wanted, facts, policy):
    value = F
    for custodian in wanted:
        own = [(facts.uid, custodian.uid), (facts.sid, custodian.sid)]
        compared = [number in listed for number, listed in own if number is not None and listed]
        value = max(value, T if any(compared) else F if compared else U)
    return value


def hash_value(wanted, facts, policy):
    if facts.hash is None or facts.failed("hash"):
        return U
    digest = facts.hash["sha256"].removeprefix("sha256:")
    return truth(any(digest in items for items in wanted))


def encrypted_value(wanted, facts, policy):
    if facts.type is None or facts.failed("type") or facts.type["encrypted"] is None:
        return U
    return truth(facts.type["encrypted"] == wanted)


def keywords_value(wanted, facts, policy):
    found = [fact for fact in facts.keywords if fact["list"] == wanted.list]
    hits = [hit for fact in found[:1] for hit in fact["hits"] + fact.get("text", {"hits": []})["hits"]]
    if len({hit["term"] for hit in hits if hit["count"] > 0 and hit["term"] < wanted.terms}) >= wanted.at_least:
        return T
    if not found or facts.failed("content"):
        return U
    layer = found[0]["layer"]
    if layer == "full" or layer == "none" and policy.not_searchable == "no-hit":
        return F
    return U


def mail_value(wanted, facts, policy):
    found = [fact for fact in facts.mail if fact["selector"] == wanted.selector]
    if not found:
        return U
    fact = found[0]
    misses = fact["messages"] - fact["fits"] - fact["open"]
    if wanted.messages == "any" and fact["fits"]:
        return T
    if wanted.messages == "all" and misses > 0:
        return F
    if facts.failed("content") or fact["layer"] == "unread" or fact["open"]:
        return F if fact["layer"] == "none" and not facts.failed("content") else U
    return truth(wanted.messages == "all" and fact["messages"] > 0)


def volume_value(wanted, facts, policy):
    return truth(facts.volume in wanted)


WHOLE = {
    "kind": kind_value, "type": type_value, "size": size_value, "time": time_value, "owner": owner_value, "hash_in": hash_value,
    "encrypted": encrypted_value, "keywords": keywords_value, "mail": mail_value, "volume": volume_value,
}

# -------------------------------------------------------------- evaluation


class Tiers:
    """Rules and tiers over the rows of a table."""

    def __init__(self, policy, table):
        self.policy = policy
        self.rows = table.rows
        # For each row the selectors' values; for each rule its value per row, and over all.
        self.selectors = [[min([row[atom] for atom in atoms]) for atoms in policy.selector_atoms] for row in table.rows]
        self.by_row = [[rule_value(rule, selectors) for selectors in self.selectors] for rule in policy.rules]
        self.whole = [max(values) for values in self.by_row]
        self.values = collections.defaultdict(int)
        for rule, value in zip(policy.rules, self.whole):
            tier = ("hold", rule.to) if rule.effect == "hold" else rule.effect
            self.values[tier] = max(self.values[tier], value)

    def outcome(self):
        """Outcome and tier, or None where they hinge on something unknown."""
        excluded, included, withheld = (self.values[effect] for effect in ("exclude", "include", "withhold"))
        if excluded == T:
            return "left", "excluded"
        if included == F:
            return "left", "out-of-scope"
        if U in (excluded, included, withheld):
            return None
        for compartment in self.policy.compartments:
            held = self.values[("hold", compartment)]
            if held == T:
                return (f"listed:{compartment}", "withheld-and-held") if withheld == T else (f"held:{compartment}", "held")
            if held == U:
                return None
        return ("listed", "withheld") if withheld == T else ("captured", "included")

    def barred(self):
        """Whether a rule excludes, withholds or holds the item, whatever else is unknown."""
        holds = [("hold", compartment) for compartment in self.policy.compartments]
        return T in [self.values[tier] for tier in ["exclude", "withhold", *holds]]

    def kept_apart(self):
        """Whether a rule keeps the item from whoever has what is captured, and what is unknown."""
        if T in (self.values["exclude"], self.values["withhold"]):
            return True
        held = [compartment for compartment in self.policy.compartments if self.values[("hold", compartment)] == T]
        return bool(held) and held[0] != self.policy.unknown

    def next_look(self, taken):
        """The first look that is allowed, not taken, and for which a live atom waits."""
        waiting = {FIELDS[self.policy.atoms[atom].field] for atom in self.live_atoms()}
        if self.policy.containers and "content" in waiting:
            # What content means depends on whether it is that of a container that is opened.
            waiting.add("type")
        for look in ("type", "hash", "content"):
            if look in self.policy.inspect and look not in taken and look in waiting:
                return look
        return None

    def live_atoms(self):
        tiers = {"exclude", "include", "withhold"}
        for compartment in self.policy.compartments:
            if self.values[("hold", compartment)] == T:
                break
            tiers.add(("hold", compartment))
        for rule, by_row, whole in zip(self.policy.rules, self.by_row, self.whole):
            tier = ("hold", rule.to) if rule.effect == "hold" else rule.effect
            if whole != U or tier not in tiers or self.values[tier] != U:
                continue
            for row, selectors, value in zip(self.rows, self.selectors, by_row):
                if value != U:
                    continue
                for selector in [*rule.any, *rule.all, *rule.unless]:
                    if selectors[selector] == U:
                        yield from (atom for atom in self.policy.selector_atoms[selector] if row[atom] == U)

    def determining(self, tier, compartment):
        """The satisfied rules of the winning tier, in the policy's order."""
        effects = {"excluded": ["exclude"], "held": ["hold"], "withheld": ["withhold"], "withheld-and-held": ["withhold", "hold"],
                   "included": ["include"]}.get(tier, [])
        return [rule.id for rule, value in zip(self.policy.rules, self.whole)
                if value == T and rule.effect in effects and (rule.effect != "hold" or rule.to == compartment)]


def rule_value(rule, selectors):
    value = min([selectors[selector] for selector in rule.all], default=T)
    if rule.any:
        value = min(value, max([selectors[selector] for selector in rule.any]))
    if rule.unless:
        value = min(value, T - max([selectors[selector] for selector in rule.unless]))
    return value
