"""What was found of an item: docs/spec/record.md, "Facts", read strictly.

    facts = read_facts(['{"volume":"v"}', '{"case-rule":"sensitive"}', '{"node":"n"}', '{"kind":"file"}', ...])
    facts.kind, facts.names, facts.looks        "file", [b"/a"], ["metadata"]
"""

import functools
import json
import re

import names
from policy import LOOKS, STAMPS

KINDS = ("file", "directory", "symlink", "fifo", "socket", "char-device", "block-device", "stream", "deleted", "volume",
         "unallocated", "slack", "recovered", "member", "other")
# The kinds that have content.
CONTENT = ("file", "stream", "volume", "unallocated", "slack", "recovered", "member")
LARGEST = 2**53 - 1
CAUSES = ("address", "begin", "date", "header", "no-date", "no-from", "no-zone", "not-read", "too-long", "twice")
SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,38}")
REASON = re.compile(r"[ -~]{0,200}")


class FactError(ValueError):
    """Facts that are not as the page has them."""


class Facts:
    """Fields of one value hold None where the fact is absent; the others are lists."""

    __slots__ = ("volume", "case_rule", "node", "kind", "names", "links", "size", "allocated", "slack", "member", "time", "uid", "gid",
                 "sid", "mode", "link_target", "attribute", "type", "hash", "keywords", "mail", "container", "failure", "looks")

    def has_content(self):
        return self.kind in CONTENT

    def missing_names(self):
        """Whether the file system counts more names than were found."""
        return self.links is not None and self.links > len(self.names) and self.kind != "directory"

    def failed(self, look):
        return any(failure["look"] == look for failure in self.failure)


def read_facts(lines):
    """The facts of a record; FactError where one is not as specified, is missing, doubled or out of order."""
    facts = Facts()
    facts.names, facts.time, facts.attribute, facts.keywords, facts.mail, facts.failure = [], [], [], [], [], []
    for field in ("volume", "case_rule", "node", "kind", "links", "size", "allocated", "slack", "member", "uid", "gid", "sid", "mode", "link_target",
                  "type", "hash", "container", "looks"):
        setattr(facts, field, None)
    last = -1
    for line in lines:
        name, value = read_fact(line)
        place, many, _ = ORDER[name]
        if place < last or place == last and not many:
            raise FactError("facts out of order, or twice")
        last = place
        if name == "name":
            if facts.names and facts.names[-1] >= value:
                raise FactError("names out of order, or twice")
            facts.names.append(value)
        elif many:
            getattr(facts, name).append(value)
        else:
            setattr(facts, name.replace("-", "_"), value)
    if None in (facts.volume, facts.case_rule, facts.node, facts.kind, facts.looks):
        raise FactError("a fact that is always there is not")
    return facts


@functools.lru_cache(1 << 14)
def read_fact(line):
    """Name and value of one fact. Most facts of a medium are like many others, so they are kept."""
    value = strict(line)
    if not isinstance(value, dict) or len(value) != 1:
        raise FactError("not an object with one field")
    (name, value), = value.items()
    if name not in ORDER:
        raise FactError("an unknown fact")
    return name, ORDER[name][2](value)


def strict(text):
    """Strict JSON: no key twice, no fraction or exponent, integers within 2^53 - 1."""
    try:
        return DECODER.decode(text if isinstance(text, str) else text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FactError(f"not strict JSON: {error}") from error


def pairs(items):
    found = dict(items)
    if len(found) != len(items):
        raise FactError("a key twice")
    return found


def integer(digits):
    if len(digits) > 17 or not -LARGEST <= int(digits) <= LARGEST or digits == "-0":
        raise FactError("an integer beyond 2^53 - 1")
    return int(digits)


def never(digits):
    raise FactError("a number with a fraction or exponent")


DECODER = json.JSONDecoder(object_pairs_hook=pairs, parse_float=never, parse_constant=never, parse_int=integer)


def need(holds):
    if not holds:
        raise FactError("a value that is not as specified")


def number(value):
    need(type(value) is int and 0 <= value <= LARGEST)
    return value


def text(value):
    need(isinstance(value, str))
    return value


def one_of(*choices):
    def check(value):
        need(value in choices and isinstance(value, str))
        return value

    return check


def fields(value, *names):
    need(isinstance(value, dict) and set(value) == set(names))


def raw(value):
    try:
        return names.unescape(value)
    except ValueError as error:
        raise FactError("a name that is not escaped as it should be") from error


def path(value):
    value = raw(value)
    need(value.startswith(b"/"))
    return value


def stamp(value):
    fields(value, "of", "from", "ns", "zone")
    need(value["of"] in STAMPS and value["zone"] in ("recorded", "assumed", "none"))
    text(value["from"])
    need(DECIMAL.fullmatch(text(value["ns"])))
    return value["of"], int(value["ns"]), value["zone"]


def attribute(value):
    fields(value, "name", "size", "value")
    raw(value["name"])
    number(value["size"])
    need(len(raw(value["value"])) <= 4096)
    return value


def type_fact(value):
    need(isinstance(value, dict))
    fields({name: own for name, own in value.items() if name != "end"}, "name", "encrypted", "examined")
    if "end" in value:
        fields(value["end"], "zip", "examined")
        need(isinstance(value["end"]["zip"], bool))
        number(value["end"]["examined"])
    text(value["name"])
    need(value["encrypted"] is None or isinstance(value["encrypted"], bool))
    number(value["examined"])
    return value


def hash_fact(value):
    need(isinstance(value, dict) and "sha256" in value)
    for name, digest in value.items():
        form = {"sha256": SHA256, "md5": re.compile("[0-9a-f]{32}"), "sha1": re.compile("[0-9a-f]{40}")}.get(name)
        need(form is not None and form.fullmatch(text(digest)))
    return value


def keywords(value):
    need(isinstance(value, dict))
    fields({name: own for name, own in value.items() if name != "text"}, "list", "hits", "searched", "layer")
    text(value["list"])
    number(value["searched"])
    need(value["layer"] in ("full", "none", "unread"))
    hits(value["hits"])
    if "text" in value:
        fields(value["text"], "sha256", "bytes", "hits")
        need(SHA256.fullmatch(text(value["text"]["sha256"])))
        number(value["text"]["bytes"])
        hits(value["text"]["hits"])
    return value


def hits(value):
    need(isinstance(value, list))
    for hit in value:
        fields(hit, "term", "count", "offsets")
        number(hit["term"])
        number(hit["count"])
        need(isinstance(hit["offsets"], list) and len(hit["offsets"]) <= 16)
        for offset in hit["offsets"]:
            number(offset)


def mail(value):
    fields(value, "selector", "layer", "messages", "fits", "open", "offsets", "causes")
    text(value["selector"])
    need(value["layer"] in ("full", "none", "unread"))
    for name in ("messages", "fits", "open"):
        number(value[name])
    need(isinstance(value["offsets"], list) and isinstance(value["causes"], list))
    for offset in value["offsets"]:
        number(offset)
    need(all(isinstance(cause, str) and cause in CAUSES for cause in value["causes"]))
    return value


def mail_is_sound(fact):
    """Whether the numbers can be of one file."""
    unknown = fact["open"] > 0 or fact["layer"] == "unread"
    return (fact["fits"] + fact["open"] <= fact["messages"] and (fact["layer"] != "none" or fact["messages"] == 0)
            and len(fact["offsets"]) == min(fact["fits"], 16) and bool(fact["causes"]) == unknown
            and all(values == sorted(set(values)) for values in (fact["offsets"], fact["causes"])))


def slack_fact(value):
    fields(value, "of", "size")
    need(value["of"] in ("file", "stream") and number(value["size"]) >= 1)
    return value


def member_fact(value):
    fields(value, "of", "number", "depth", "name")
    text(value["of"])
    number(value["number"])
    number(value["depth"])
    return {**value, "name": raw(value["name"])}


def container_fact(value):
    fields(value, "form", "members", "captured", "barred", "others", "trouble")
    text(value["form"])
    for name in ("members", "captured", "barred", "others"):
        number(value[name])
    need(value["trouble"] is None or REASON.fullmatch(text(value["trouble"])))
    return value


def failure(value):
    fields(value, "look", "reason")
    need(value["look"] in LOOKS and REASON.fullmatch(text(value["reason"])))
    return value


def looks(value):
    need(isinstance(value, list) and value[:1] == ["metadata"])
    need(value == [look for look in LOOKS if look in value])
    return value


# For each fact: its place, whether there may be several, and how it is read.
ORDER = {name: (place, many, check) for place, (name, many, check) in enumerate([
    ("volume", False, text), ("case-rule", False, one_of("sensitive", "insensitive")), ("node", False, text),
    ("kind", False, one_of(*KINDS)), ("name", True, path), ("links", False, number), ("size", False, number),
    ("allocated", False, number), ("slack", False, slack_fact), ("member", False, member_fact), ("time", True, stamp), ("uid", False, number), ("gid", False, number), ("sid", False, text),
    ("mode", False, number), ("link-target", False, raw), ("attribute", True, attribute), ("type", False, type_fact),
    ("hash", False, hash_fact), ("keywords", True, keywords), ("mail", True, mail), ("container", False, container_fact), ("failure", True, failure), ("looks", False, looks),
])}
