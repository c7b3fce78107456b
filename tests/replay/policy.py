"""The scoping policy: docs/spec/policy.md, from the files of a bundle to rules over atoms.

    policy = Policy({"policy.toml": b"...", "known.txt": b"..."})
    policy.id                "sha256:8234..."
    policy.atoms             [Atom("listed", "hash_in"), Atom("listed", "kind"), ...]
    policy.rules[0]          Rule(id="I-1", effect="include", any=[0], all=[], unless=[], to=None)

Every field and reference that the page does not have is refused: a policy that is only half understood is not replayed.
What is for people alone (texts without invisible characters, the checksums of recipients, the rendering, the lints) is
not checked here.
"""

import collections
import datetime
import hashlib
import re
import tomllib
import unicodedata

from globs import Glob
from lists import LongList, digest
from names import normalised, folded

SCHEMA = "scope-policy/1"
ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
FILE = re.compile(r"[a-z0-9._-]{1,100}")
DIGEST = re.compile(r"[0-9a-f]{64}")
RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))")
OFFSET = re.compile(r"([+-])(\d\d):(\d\d)")
HOURS = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d) [+-]\d\d:\d\d")
MEDIUM_IDS = ("serial", "wwn", "gpt", "md_uuid", "vg_uuid", "mbr_signature", "fsuuid", "asset_tag", "image_sha256")
MEDIUM_FORMS = {"md_uuid": re.compile(r"[0-9a-f]{8}(?::[0-9a-f]{8}){3}"), "mbr_signature": re.compile(r"(?!0{8})[0-9a-f]{8}"),
                "vg_uuid": re.compile(r"[A-Za-z0-9!#]{6}(?:-[A-Za-z0-9!#]{4}){5}-[A-Za-z0-9!#]{6}"), "image_sha256": DIGEST}
LOOKS = ("metadata", "type", "hash", "content")
KINDS = ("file", "directory", "symlink", "fifo", "socket", "char-device", "block-device", "stream", "deleted", "recovered",
         "member", "other")
FORMS = ("zip", "gzip", "tar")
STAMPS = ("modified", "accessed", "changed", "created")
# The fields of a selector in schema order, and the look that each waits for.
FIELDS = {
    "path": "metadata", "name": "metadata", "ext": "metadata", "kind": "metadata", "type": "type", "type_mismatch": "type",
    "size": "metadata", "time": "metadata", "owner": "metadata", "hash_in": "hash", "encrypted": "type",
    "keywords": "content", "mail": "content", "artifact": "metadata", "volume": "metadata",
}
# The compartment that `target.unread_volumes = "preserve"` makes, after those of the file.
UNREAD_VOLUMES = "unread-volumes"

Atom = collections.namedtuple("Atom", "selector field value")
Rule = collections.namedtuple("Rule", "id effect any all unless to")
Custodian = collections.namedtuple("Custodian", "uid sid")
Time = collections.namedtuple("Time", "of start until mode")
Keywords = collections.namedtuple("Keywords", "list terms at_least")
Mail = collections.namedtuple("Mail", "selector messages")


class PolicyError(ValueError):
    """Why a policy is not one, and in which field."""


class Policy:
    """A policy that was read."""

    def __init__(self, files):
        self.id = bundle_id(files)
        self.files = files
        top = Table("policy", tomllib.loads(files["policy.toml"].decode("utf-8")))
        if top.text("schema") != SCHEMA:
            raise PolicyError("schema: not " + SCHEMA)
        for name in ("id", "title"):
            top.text(name)
        top.number("version", 1)
        top.text("supersedes", required=False, form=re.compile("sha256:" + DIGEST.pattern))
        self.authority(top.table("authority"))
        recipients = top.table("recipients")
        self.recipients = {name: recipients.texts(name, form=RECIPIENT) for name in ("case", "auditor", "court")}
        self.recipients["captured_also"] = recipients.texts("captured_also", required=False, form=RECIPIENT)
        recipients.done()
        record = top.table("record")
        self.record_left = record.one_of("left", ("facts", "counts"))
        for name in ("holder", "basis", "until"):
            record.text(name)
        record.done()
        self.target(top.table("target"))
        limits = top.table("limits", required=False)
        self.limits = {name: limits.number(name, 1, required=False) for name in ("items", "bytes")}
        limits.done()
        if self.containers and self.limits["items"] is not None:
            raise PolicyError("limits.items beside target.containers")
        self.windows = top.tables("window", window)
        self.custodians = top.tables("custodian", custodian)
        self.read_files = {"policy.toml"}
        self.lists = top.tables("list", self.list)
        if set(files) != self.read_files:
            raise PolicyError("a file of the bundle that no list names")
        self.artifacts = top.tables("artifact", artifact)
        # The look `content` leaves one fact for each of these, in this order.
        self.keyword_lists = [name for name, (kind, _) in self.lists.items() if kind == "keywords"]
        self.compartments = self.read_compartments(top)
        self.defaults(top.table("defaults"))
        self.selectors(top)
        # And one for each of these selectors.
        self.mail_selectors = [self.selector_ids[atom.selector] for atom in self.atoms if atom.field == "mail"]
        self.rules = [self.rule(table) for table in top.array("rule")]
        if len({rule.id for rule in self.rules}) != len(self.rules):
            raise PolicyError("rule: an id twice")
        top.done()

    def authority(self, table):
        for name in ("court", "docket", "instrument"):
            table.text(name)
        for name in ("legal_basis", "particulars"):
            table.texts(name)
        table.texts("conditions", required=False)
        issued, execute_by, review_by = (nanoseconds(table.text(name)) for name in ("issued", "execute_by", "review_by"))
        if not issued < execute_by or not issued < review_by:
            raise PolicyError("authority: a deadline before the order")
        hours = table.text("hours")
        if hours != "any" and not HOURS.fullmatch(hours):
            raise PolicyError("authority.hours")
        table.done()

    def target(self, table):
        self.media = []
        for medium in table.array("media"):
            label = medium.text("label")
            ids = {name: medium.text(name, required=False) for name in MEDIUM_IDS}
            ids = {name: value for name, value in ids.items() if value is not None}
            if any(not form.fullmatch(ids[name]) for name, form in MEDIUM_FORMS.items() if name in ids):
                raise PolicyError("target.media: an identity of no form")
            self.media.append((label, ids))
            medium.done()
        self.inspect = set(table.texts("inspect", choices=LOOKS))
        if "metadata" not in self.inspect:
            raise PolicyError("target.inspect: no metadata")
        table.flag("live", False)
        self.streams = table.flag("streams", True)
        self.deleted, self.deleted_to = self.granted(table, "deleted", ("never", "catalogue"))
        self.unallocated, self.slack = (self.granted(table, name, ("never",))[1] for name in ("unallocated", "slack"))
        self.unread_volumes = table.one_of("unread_volumes", ("name", "preserve"), "name")
        self.closed = [Glob(text, "path") for text in table.texts("closed", required=False)]
        table.one_of("snapshots", ("never",), "never")
        self.containers, self.max_depth = self.read_containers(table)
        table.done()

    def read_containers(self, target):
        """The forms that are opened, none where nothing is, and how many may lie in each other."""
        if "containers" not in target.left:
            return (), 0
        table = target.table("containers")
        forms, depth = table.texts("open", choices=FORMS), table.number("max_depth", 1)
        if depth > 8 or not {"type", "content"} <= self.inspect:
            raise PolicyError("target.containers")
        table.done()
        return tuple(forms), depth

    def granted(self, table, name, words):
        """One of these words, the first by default, or `hold:` and a compartment: that word, and the compartment or None."""
        text = table.text(name, required=False) or words[0]
        word, colon, to = text.partition(":")
        if word == "hold" and colon:
            return word, to
        if text not in words:
            raise PolicyError(f"target.{name}")
        return text, None

    def list(self, name, table):
        kind = table.one_of("kind", ("sha256", "keywords", "addresses"))
        table.text("label")
        table.flag("restricted", False)
        file = table.text("file", required=False, form=FILE)
        if file is None:
            items = table.texts("items")
        else:
            data = self.files.get(file, b"")
            if table.text("sha256", form=DIGEST) != digest(data):
                raise PolicyError(f"list.{name}: the file is not there, or another")
            self.read_files.add(file)
            if isinstance(data, LongList):
                table.done()
                if kind != "sha256" or data.fault is not None:
                    raise PolicyError(f"list.{name}: no ascending list of digests: {data.fault}")
                return kind, data
            items = data.decode("utf-8").removesuffix("\n").split("\n")
        if len(set(items)) != len(items) or "" in items or any(kind == "sha256" and not DIGEST.fullmatch(item) for item in items):
            raise PolicyError(f"list.{name}: items")
        if kind == "addresses" and any(not is_address(item) for item in items):
            raise PolicyError(f"list.{name}: an address")
        table.done()
        return kind, items

    def read_compartments(self, top):
        """The compartments and their recipients, in order."""
        compartments = {}
        for table in top.array("compartment", required=False):
            name = table.text("id", form=ID)
            if name in compartments or name == UNREAD_VOLUMES:
                raise PolicyError("compartment.id: taken")
            for field in ("label", "release"):
                table.text(field)
            compartments[name] = table.texts("recipients", form=RECIPIENT)
            table.done()
        for name in (self.deleted_to, self.unallocated, self.slack):
            if name is not None and name not in compartments:
                raise PolicyError(f"target: no compartment {name}")
        if self.unread_volumes == "preserve":
            compartments[UNREAD_VOLUMES] = self.recipients["court"]
        return compartments

    def defaults(self, table):
        unknown = table.text("unknown")
        self.unknown = None if unknown == "left" else self.compartment(unknown.removeprefix("hold:"))
        if self.unknown is not None and not unknown.startswith("hold:"):
            raise PolicyError("defaults.unknown")
        self.path_case = table.one_of("path_case", ("as-volume", "sensitive", "insensitive"))
        zoneless = table.text("zoneless_times", required=False, form=OFFSET)
        self.zoneless = None if zoneless is None else offset_seconds(*OFFSET.fullmatch(zoneless).groups()) * 10**9
        self.not_searchable = table.one_of("not_searchable", ("unknown", "no-hit"), "unknown")
        table.done()

    def compartment(self, name):
        if name not in self.compartments:
            raise PolicyError(f"no compartment {name}")
        return name

    def selectors(self, top):
        """Selectors by id bytewise, and their atoms: fields in schema order."""
        given = top.tables("selector", self.selector)
        self.selector_ids = sorted(given, key=str.encode)
        self.atoms = []
        self.selector_atoms = []
        for number, name in enumerate(self.selector_ids):
            own = range(len(self.atoms), len(self.atoms) + len(given[name]))
            self.atoms += [Atom(number, field, given[name][field]) for field in FIELDS if field in given[name]]
            self.selector_atoms.append(list(own))

    def selector(self, name, table):
        table.text("label")
        self.reading = name
        values = {field: getattr(self, "read_" + field)(table, field) for field in FIELDS if field in table.left}
        if not values:
            raise PolicyError(f"selector.{name}: no condition")
        table.done()
        return values

    def read_path(self, table, field):
        return [Glob(text, "path") for text in table.texts(field)]

    def read_artifact(self, table, field):
        return [glob for name in table.texts(field) for glob in self.reference(self.artifacts, "artifact", name)]

    def read_name(self, table, field):
        return [Glob(text, "name") for text in table.texts(field)]

    def read_ext(self, table, field):
        return {folded(normalised(text)) for text in table.texts(field, form=re.compile(r"[^./*?\[]+"))}

    def read_kind(self, table, field):
        return set(table.texts(field, choices=KINDS))

    def read_type(self, table, field):
        return set(table.texts(field))

    read_volume = read_type

    def read_type_mismatch(self, table, field):
        return table.flag(field)

    read_encrypted = read_type_mismatch

    def read_size(self, table, field):
        table = table.table(field)
        low, high = (table.number(name, 0, required=False) for name in ("min", "max"))
        table.done()
        if low is None and high is None:
            raise PolicyError("size: neither min nor max")
        return (low or 0, float("inf") if high is None else high)

    def read_time(self, table, field):
        table = table.table(field)
        of = set(table.texts("of", choices=STAMPS))
        start, until = self.reference(self.windows, "window", table.text("within"))
        mode = table.one_of("mode", ("any", "all"), "any")
        table.done()
        return Time(of, start, until, mode)

    def read_owner(self, table, field):
        return [self.reference(self.custodians, "custodian", name) for name in table.texts(field)]

    def read_hash_in(self, table, field):
        found = [self.listed(name, "sha256") for name in table.texts(field)]
        return [items if isinstance(items, LongList) else set(items) for items in found]

    def read_keywords(self, table, field):
        table = table.table(field)
        name = table.text("list")
        terms = len(self.listed(name, "keywords"))
        at_least = table.number("at_least", 1, required=False)
        table.done()
        return Keywords(name, terms, 1 if at_least is None else at_least)

    def read_mail(self, table, field):
        table = table.table(field)
        party = table.texts("party", required=False)
        role = table.texts("role", required=False, choices=("from", "to", "cc", "bcc"))
        within = table.text("within", required=False)
        if bool(party) != bool(role) or not party and within is None:
            raise PolicyError("mail: a party without a role, a role without a party, or nothing asked for")
        for name in party:
            self.listed(name, "addresses")
        if within is not None:
            self.reference(self.windows, "window", within)
        messages = table.one_of("messages", ("any", "all"))
        table.done()
        return Mail(self.reading, messages)

    def listed(self, name, kind):
        found, items = self.reference(self.lists, "list", name)
        if found != kind:
            raise PolicyError(f"list.{name}: of another kind")
        return items

    def reference(self, table, what, name):
        if name not in table:
            raise PolicyError(f"no {what} {name}")
        return table[name]

    def rule(self, table):
        name = table.text("id", form=RULE_ID)
        effect = table.one_of("effect", ("include", "exclude", "withhold", "hold"))
        for field in ("text", "basis"):
            table.text(field)
        fields = [table.texts(field, required=False) for field in ("any", "all", "unless")]
        any_of, all_of, unless = ([self.reference(self.numbers(), "selector", name) for name in given] for given in fields)
        if not any_of and not all_of:
            raise PolicyError(f"rule {name}: neither any nor all")
        to = self.compartment(table.text("to")) if effect == "hold" else None
        if effect in ("hold", "withhold"):
            table.text("ground", required=False)
        table.done()
        return Rule(name, effect, any_of, all_of, unless, to)

    def numbers(self):
        return {name: number for number, name in enumerate(self.selector_ids)}


# "Invisible" in policy.md.
INVISIBLE = (
    (0xAD, 0xAD), (0x34F, 0x34F), (0x600, 0x605), (0x61C, 0x61C), (0x6DD, 0x6DD), (0x70F, 0x70F),
    (0x890, 0x890), (0x891, 0x891), (0x8E2, 0x8E2), (0x115F, 0x115F), (0x1160, 0x1160), (0x17B4, 0x17B4),
    (0x17B5, 0x17B5), (0x180B, 0x180F), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0x2800, 0x2800), (0xE000, 0xF8FF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB),
    (0x110BD, 0x110BD), (0x110CD, 0x110CD), (0x13430, 0x1345F), (0x1BCA0, 0x1BCA3), (0x1D159, 0x1D159), (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF), (0xF0000, 0x10FFFF),
)


def is_invisible(char):
    return any(first <= ord(char) <= last for first, last in INVISIBLE)


def is_address(item):
    """`local@domain` or `@domain`. What compares alike must not stand twice either; that is not checked here."""
    local, at, domain = item.rpartition("@")
    barred = any(char in '<>()[],;:\\"*' or char.isspace() or unicodedata.category(char) == "Cc" or is_invisible(char) for char in item)
    return bool(at) and "@" not in local and all(domain.split(".")) and not barred and len(item.encode()) <= 320


class Table:
    """A table of TOML, whose fields are taken one by one; what is left at the end is an error."""

    def __init__(self, place, values):
        if not isinstance(values, dict):
            raise PolicyError(f"{place}: not a table")
        self.place = place
        self.left = dict(values)

    def done(self):
        if self.left:
            raise PolicyError(f"{self.place}: unknown field {min(self.left)}")

    def take(self, name, required, is_value):
        if name not in self.left and not required:
            return None
        value = self.left.pop(name, None)
        if not is_value(value):
            raise PolicyError(f"{self.place}.{name}")
        return value

    def text(self, name, required=True, form=re.compile(r"[^\0-\x1f]+")):
        return self.take(name, required, lambda value: isinstance(value, str) and form.fullmatch(value))

    def texts(self, name, required=True, form=re.compile(r"[^\0]+"), choices=None):
        def is_list(value):
            return (isinstance(value, list) and value and all(isinstance(each, str) and form.fullmatch(each) for each in value)
                    and len(set(value)) == len(value) and (choices is None or set(value) <= set(choices)))

        return self.take(name, required, is_list) or []

    def number(self, name, least, required=True):
        return self.take(name, required, lambda value: type(value) is int and least <= value < 2**53)

    def numbers(self, name):
        return self.take(name, False, lambda value: isinstance(value, list) and value and all(type(each) is int for each in value)) or []

    def flag(self, name, default=None):
        value = self.take(name, default is None, lambda value: isinstance(value, bool))
        return default if value is None else value

    def one_of(self, name, choices, default=None):
        value = self.take(name, default is None, lambda value: value in choices)
        return default if value is None else value

    def table(self, name, required=True):
        if name not in self.left and not required:
            return Table(name, {})
        return Table(name, self.left.pop(name, None))

    def tables(self, name, read):
        """The entries of `[name.X]`, each read by `read(id, table)`, in the order of the file."""
        entries = Table(name, self.left.pop(name, {})).left
        if not all(ID.fullmatch(entry) for entry in entries):
            raise PolicyError(f"{name}: an id")
        return {entry: read(entry, Table(f"{name}.{entry}", table)) for entry, table in entries.items()}

    def array(self, name, required=True):
        entries = self.left.pop(name, None if required else [])
        if not isinstance(entries, list) or required and not entries:
            raise PolicyError(name)
        return [Table(name, entry) for entry in entries]


def window(name, table):
    start, until = nanoseconds(table.text("from")), nanoseconds(table.text("until"))
    table.done()
    if start >= until:
        raise PolicyError(f"window.{name}: empty")
    return start, until


def custodian(name, table):
    table.text("label")
    uid, sid = set(table.numbers("uid")), set(table.texts("sid", required=False))
    table.done()
    if not uid and not sid:
        raise PolicyError(f"custodian.{name}: no id")
    return Custodian(uid, sid)


def artifact(name, table):
    """The globs of an artifact: what decides. Where they were taken from is for people."""
    for field in ("label", "catalogue", "definition", "file"):
        table.text(field)
    table.text("sha256", form=DIGEST)
    globs = [Glob(text, "path") for text in table.texts("path")]
    table.done()
    return globs


def bundle_id(files):
    """The policy id: SHA-256 over the digests of all files of the bundle."""
    if "policy.toml" not in files or not all(FILE.fullmatch(name) and name.strip(".") for name in files):
        raise PolicyError("bundle: no policy.toml, or a name that is not of the grammar")
    lines = [f"{digest(files[name])}  {name}\n" for name in sorted(files, key=str.encode)]
    return "sha256:" + hashlib.sha256((SCHEMA + "\n" + "".join(lines)).encode()).hexdigest()


def offset_seconds(sign, hours, minutes):
    if int(hours) > 23 or int(minutes) > 59:
        raise PolicyError("an offset")
    seconds = int(hours) * 3600 + int(minutes) * 60
    return -seconds if sign == "-" else seconds


def nanoseconds(text):
    """A time of RFC 3339, with `T`, `Z` or a known offset and no leap second, in nanoseconds since 1970 UTC."""
    found = TIME.fullmatch(text)
    if not found or text.endswith("-00:00"):
        raise PolicyError(f"not a time: {text}")
    *date, fraction, sign, hours, minutes = found.groups()
    try:
        naive = datetime.datetime(*(int(part) for part in date))
    except ValueError as error:
        raise PolicyError(f"not a time: {text}") from error
    seconds = (naive - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1)
    if sign is not None:
        seconds -= offset_seconds(sign, hours, minutes)
    return seconds * 10**9 + int((fraction or "").ljust(9, "0"))
