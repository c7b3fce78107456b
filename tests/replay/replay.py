#!/usr/bin/env python3
"""Replays a package's ledger with nothing but Python's standard library: Ambit's second implementation.

    replay.py PACKAGE LEDGER.jsonl... [MANIFEST.manifest.jsonl...]     one package
    replay.py --decisions < QUESTIONS                                  decisions and globs alone, for the differential test

Given are the decrypted, unpacked ledger parts, and, where they are at hand, the manifests out of the decrypted captured
and held parts, in files so named. docs/guide/auditor.md has the commands.

Written from docs/spec/, not from the Rust code, so that the two can disagree. The policy is read and its rules compiled;
every item is decided again from its recorded facts, one look at a time; trits, outcome, tier, rules and looks are
compared with the record; every commitment, the inventory's root, the counts, ids and control numbers, the policy id, the
custody log and its checkpoints are computed again. Each difference is a line: the kind of finding
(docs/spec/verification.md), the item, what is stated and what was computed. Items are named by their control numbers,
or by the line in the ledger, never by name.

Exit code: 0 no difference, 1 it could not finish, 2 differences.
"""

import argparse
import json
import pathlib
import sys

sys.dont_write_bytecode = True  # nothing is left beside the program

import decide
import names
import package
from facts import read_facts, strict
from globs import Glob, GlobError
from ledger import Findings, Replay, Unfinished, read_inventory
from policy import LOOKS, Policy

# How many answers are written at a time; whoever asks must not wait for one before that.
BATCH = 500


def main():
    arguments = parser().parse_args()
    if arguments.decisions:
        return decisions(sys.stdin.buffer, sys.stdout)
    if arguments.package is None or not arguments.files:
        parser().error("a package and its decrypted ledger parts are needed")
    findings, summary = Findings(), []
    try:
        replay(arguments, findings, summary)
    # Whatever a package is that is not one: there is no answer.
    except (Unfinished, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        print(f"could not finish: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    for finding in findings.all:
        print(f"{finding['kind']:<10}  {finding['item']}: {finding['detail']}")
    print("\n".join(summary))
    print(f"findings: {len(findings.all)}")
    return 2 if findings.all else 0


def replay(arguments, findings, summary):
    """Everything about one package; `summary` says what was compared."""
    folder = arguments.package
    statement = (folder / "meta/acquisition.json").read_bytes()
    acquisition = strict(statement)
    own = arguments.policy
    policy = Policy(package.approved(own) if own else package.bundle(folder / "meta/policy"))
    lines = read_inventory((folder / "meta/inventory.txt").read_bytes())
    package.policy(folder / "meta/policy", policy, acquisition, findings)
    package.recipients(policy, acquisition, findings)

    given = [(path.name.removesuffix(".jsonl"), path) for path in arguments.files if not path.name.endswith(".manifest.jsonl")]
    ledger = Replay(policy, acquisition, lines, package.interrupted(folder / "custody", acquisition), findings)
    for name, path in given:
        ledger.part(name, path.read_bytes())
    ledger.finish()
    summary += [f"policy: {policy.id}, {len(policy.rules)} rules, {len(policy.atoms)} atoms", f"ledger: {len(given)} parts, {ledger.records} records, each part signed by the run key",
                f"inventory: {len(lines)} lines, {len(ledger.used & ledger.line_set)} of them made again from records",
                f"decided again: {ledger.decided}"]

    if weak := ledger.rests_on():
        summary.append(f"departure: that this is the policy's medium rests on {weak}")
    manifests = [(path.name, path.read_bytes()) for path in arguments.files if path.name.endswith(".manifest.jsonl")]
    opened = package.openings(manifests, set(lines), policy, acquisition, findings)
    stated = sum(len(entry["parts"]) for entry in acquisition["sets"] if entry["set"] != "ledger")
    if len(manifests) == stated:
        package.shown_to_somebody(opened, lines, findings)
    summary.append(f"openings: {len(opened)}, in the manifests of {len(manifests)} parts of {stated}")
    entries, checkpoints = package.custody_log(folder / "custody", acquisition, statement, arguments.log_key, findings)
    signed = "their signatures checked" if arguments.log_key else "their signatures NOT checked: no --log-key"
    summary.append(f"custody log: {entries} entries; {checkpoints} checkpoints, {signed}")


def decisions(questions, out):
    """Answers one line of JSON for each: a policy, the facts of an item, or a glob and a name."""
    policy, answers = None, []
    for line in questions:
        asked = json.loads(line)
        if "policy" in asked:
            policy = Policy({name: text.encode() for name, text in asked["policy"].items()})
            answer = {"policy": policy.id, "atoms": len(policy.atoms)}
        elif "facts" in asked:
            facts = read_facts(asked["facts"])
            decision = decide.decide(policy, facts, LOOKS)
            answer = decision._asdict() | {"visible": decide.visible(policy, facts, decision.looks)}
        else:
            answer = matched(asked)
        answers.append(json.dumps(answer) + "\n")
        if len(answers) == BATCH:
            out.write("".join(answers))
            answers.clear()
    out.write("".join(answers))
    return 0


def matched(asked):
    """Whether a glob matches a name, or the offset of its fault."""
    try:
        glob = Glob(asked["glob"], asked["form"])
    except GlobError as error:
        return {"error": error.offset}
    given = names.symbols(names.unescape(asked["name"]))
    return {"matches": glob.matches(names.folded(given) if asked["fold"] else given, asked["fold"])}


class Parser(argparse.ArgumentParser):
    """What was mistyped is 1: nothing was found out about a package."""

    def error(self, message):
        self.print_usage(sys.stderr)
        print(f"error: {message}", file=sys.stderr)
        sys.exit(1)


def parser():
    made = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("package", type=pathlib.Path, nargs="?", metavar="PACKAGE", help="the folder of the package")
    made.add_argument("files", type=pathlib.Path, nargs="*", metavar="FILE", help="decrypted ledger parts and manifests")
    made.add_argument("--policy", type=pathlib.Path, metavar="DIR", help="the approved policy, where it is not to be taken from the package")
    made.add_argument("--log-key", metavar="LINE", help="the log's public key, `ssh-ed25519 AAAA...`, never from the package")
    made.add_argument("--decisions", action="store_true", help="answer questions on standard input")
    return made


if __name__ == "__main__":
    sys.exit(main())
