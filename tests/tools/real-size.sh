#!/usr/bin/env bash
# Capture, verify and audit of a real tree (by default /usr/share of a Debian system): times and peak memory.
#
#   cargo build --release --workspace && tests/tools/real-size.sh [TREE] [FOLDER FOR THE RESULT]
#
# The policy takes part of the tree, holds part, looks for words in part, and leaves the rest. Needs /usr/bin/time.
set -euo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd)
ambit=$here/target/release/ambit
verify=$here/target/release/ambit-verify
tree=${1:-/usr/share}
dir=${2:-$(mktemp -d)/real-size}
mkdir -p "$dir/policy"
# A FIFO, a device or a mount below the tree is an item like any other and is not entered.
echo "tree $tree: $(find "$tree" -xdev -printf . | wc -c) items, $(du -sxh --apparent-size "$tree" | cut -f1)"

for name in court-officer examiner witness; do
  "$ambit" key new "$name" --dir "$dir/keys" --only signing --unprotected >/dev/null 2>&1
done
"$ambit" key new log --dir "$dir/keys" --only signing --unprotected >/dev/null 2>&1
for name in case-team filter auditor court; do
  "$ambit" key new "$name" --dir "$dir/keys" --only opening --unprotected >/dev/null 2>&1
done
public() { cut -d' ' -f1,2 "$dir/keys/$1.pub"; }
recipient() { sed -n 's/^# public key: //p' "$dir/keys/$1.age"; }

{
  printf 'format = "ambit/trust/1"\norigin = "real-size.example/tree"\nlog_key = "%s"\n' "$(public log)"
  for pair in court-officer:authority examiner:examiner witness:witness; do
    printf '\n[[principal]]\nname = "%s"\nperson = "Person %s"\norganisation = "Measurement"\nroles = ["%s"]\nkeys = ["%s"]\n' \
      "${pair%:*}" "${pair%:*}" "${pair#*:}" "$(public "${pair%:*}")"
  done
} >"$dir/trust.toml"

cat >"$dir/policy/policy.toml" <<POLICY
schema  = "scope-policy/1"
id      = "real-size/tree"
version = 1
title   = "Part of a system's shared files"
[authority]
court       = "(measurement)"
docket      = "(none)"
instrument  = "measurement"
legal_basis = ["(none)"]
issued      = "$(date -u -d '-1 day' +%Y-%m-%dT%H:%M:%SZ)"
execute_by  = "$(date -u -d '+7 days' +%Y-%m-%dT%H:%M:%SZ)"
hours       = "any"
review_by   = "$(date -u -d '+90 days' +%Y-%m-%dT%H:%M:%SZ)"
particulars = ["a tree"]
[recipients]
case    = ["$(recipient case-team)"]
auditor = ["$(recipient auditor)"]
court   = ["$(recipient court)"]
[record]
left   = "facts"
holder = "the auditor"
basis  = "measurement"
until  = "the end of the measurement"
[target]
media   = [{ label = "TREE", asset_tag = "TREE-1" }]
inspect = ["metadata", "type", "hash", "content"]
[defaults]
unknown        = "hold:filter"
path_case      = "as-volume"
not_searchable = "no-hit"
[list.words]
kind  = "keywords"
label = "words of licences"
items = ["warranty", "merchantability", "copyleft"]
[[compartment]]
id         = "filter"
label      = "Filter team"
recipients = ["$(recipient filter)"]
release    = "agreement"
[selector.manuals]
label = "manual pages and locales"
path  = ["/man/**", "/locale/**", "/unicode/**", "/fonts/**", "/icons/**"]
[selector.docs]
label = "documentation"
path  = ["/doc/**"]
[selector.marked]
label    = "with two of the words"
keywords = { list = "words", at_least = 2 }
[selector.small]
label = "programs' own modules"
path  = ["/perl/**", "/perl5/**", "/python3/**"]
[selector.translations]
label = "French manual pages"
path  = ["/man/fr/**", "/locale/fr/**"]
[[rule]]
id = "I-1"
effect = "include"
basis  = "measurement"
text   = "Manual pages, locales, fonts, icons."
any    = ["manuals", "small"]
[[rule]]
id = "I-2"
effect = "include"
basis  = "measurement"
text   = "Documentation with two of the words."
all    = ["docs", "marked"]
[[rule]]
id = "X-1"
effect = "exclude"
basis  = "measurement"
text   = "French pages stay."
any    = ["translations"]
[[rule]]
id = "H-1"
effect = "hold"
to     = "filter"
basis  = "measurement"
text   = "Modules go to the filter team."
any    = ["small"]
POLICY

run() {
  local name=$1
  shift
  local code=0
  /usr/bin/time -f "$name: %e s wall, %U s user, %S s system, %M KiB peak" -o "$dir/$name.time" "$@" \
    >"$dir/$name.out" 2>"$dir/$name.err" || code=$?
  tail -n 1 "$dir/$name.time"
  # 3: done, with a departure; the tree is on a writable mount here, and the record says so.
  if [ "$code" != 0 ] && [ "$code" != 3 ]; then
    echo "$name: exit code $code" >&2
    cat "$dir/$name.err" >&2
    exit 1
  fi
}

sign=(--case "$dir/case" --sign-as "examiner=$dir/keys/examiner")
medium=(--medium "$tree" --asset-tag TREE-1 --writable-source "measurement on a live system")
run case "$ambit" case new "$dir/case" --trust "$dir/trust.toml" --medium-label TREE --log-key "$dir/keys/log" \
  --sign-as "examiner=$dir/keys/examiner"
run approve "$ambit" policy approve "$dir/policy" --case "$dir/case" --sign-as "court-officer=$dir/keys/court-officer"
run plan "$ambit" plan --policy "$dir/policy" "${medium[@]}" "${sign[@]}"
run capture "$ambit" capture --policy "$dir/policy" "${medium[@]}" "${sign[@]}" --sign-as "witness=$dir/keys/witness" \
  --yes --trust "$dir/trust.toml" --out "$dir/TREE.ambit"
run verify "$verify" "$dir/TREE.ambit" --trust "$dir/trust.toml"
run audit "$verify" audit "$dir/TREE.ambit" --trust "$dir/trust.toml" --identity "$dir/keys/auditor.age"
run against "$verify" audit "$dir/TREE.ambit" --trust "$dir/trust.toml" --identity "$dir/keys/auditor.age" \
  --against "$tree" --writable-source
run holder "$verify" "$dir/TREE.ambit" --trust "$dir/trust.toml" --identity "$dir/keys/case-team.age"
echo
cat "$dir/capture.out"
du -sh "$dir/TREE.ambit"
grep -E '^(INTACT|FOLLOWED|MATCHED)' "$dir/against.out"
echo "everything lies in $dir"
