#!/usr/bin/env bash
# Checks a package with other people's tools alone: nothing of ours is run.
#
#     tests/tools/interop.sh DIR         DIR as `ambit demo --dir DIR` leaves it
#
# sha256sum and bagit.py check the bag; ssh-keygen every signature; age, unzip,
# 7z, Python's zipfile and gzip open every part; sleuthkit and e2fsprogs compare
# the medium with what the package says of it; recompute.py, written from the
# specification, makes every commitment again. Each check prints a line. All are
# run; the failed ones are listed at the end, and the exit code is then 1.
#
# Parts are decrypted into a temporary folder, which is removed. That is for
# demonstrations: the medium of a real case never lies about in clear.
set -euo pipefail
export LC_ALL=C # names on the medium are bytes

[ $# -eq 1 ] && [ -d "$1" ] || { echo "usage: interop.sh DIR (as left by \`ambit demo --dir DIR\`)" >&2; exit 1; }
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
demo=$(cd "$1" && pwd)
package=$demo/KC07.ambit
medium=$demo/medium.img
for needed in age bagit.py debugfs dumpe2fs fls gzip icat jq openssl python3 sha256sum ssh-keygen unzip 7z; do
    command -v "$needed" >/dev/null || { echo "error: \`$needed\` is not installed; \`.ci/run\` lists the packages" >&2; exit 1; }
done
[ -d "$package" ] && [ -f "$medium" ] || { echo "error: no KC07.ambit and medium.img in $demo" >&2; exit 1; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=()

main() {
    acquisition=$package/meta/acquisition.json
    bag
    signatures
    parts
    ledger_signatures
    run "recompute.py: every commitment made again" with_log_key "$tools/recompute.py" "$package" "$scratch"/ledger-*.jsonl "$scratch"/*.manifest.jsonl
    objects
    items
    verdict
}

# ------------------------------------------------------------------ helpers

ok() { printf 'ok  %s\n' "$1"; passed=$((passed + 1)); }
bad() { printf 'FAILED  %s\n' "$1"; failed+=("$1"); }

# accepts WHAT COMMAND...     the command must succeed; its output is shown only if it does not
accepts() {
    local what=$1
    shift
    if "$@" </dev/null >"$scratch/output" 2>&1; then ok "$what"; else bad "$what"; sed 's/^/      /' "$scratch/output" | tail -n 20; fi
}

# refuses WHAT COMMAND...     the command must fail
refuses() {
    local what=$1
    shift
    if "$@" </dev/null >"$scratch/output" 2>&1; then bad "$what"; else ok "$what"; fi
}

# run WHAT COMMAND...         as accepts, for a command whose lines are checks themselves
run() {
    local what=$1
    shift
    if "$@" </dev/null; then ok "$what"; else bad "$what"; fi
}

# same WHAT FOUND EXPECTED
same() { if [ "$2" = "$3" ]; then ok "$1: $2"; else bad "$1: found $2, expected $3"; fi; }

# ---------------------------------------------------------------------- bag

bag() {
    cd "$package"
    accepts "sha256sum: payload manifest" sha256sum -c --strict manifest-sha256.txt
    accepts "sha256sum: tag manifest" sha256sum -c --strict tagmanifest-sha256.txt
    accepts "bagit.py: the bag is valid" bagit.py --validate .
    same "every file is in a manifest, or under seal/ or custody/" \
        "$(find . -type f -printf '%P\n' | grep -vE '^(seal|custody)/|^tagmanifest-sha256.txt$' | sort | sha256sum | cut -c1-16)" \
        "$(cut -c67- manifest-sha256.txt tagmanifest-sha256.txt | sort | sha256sum | cut -c1-16)"
    cd "$demo"
}

# --------------------------------------------------------------- signatures

# A public key comes from beside the private one, never from the package.
public_key() {
    if [ -f "$demo/keys/$1.pub" ]; then cut -d' ' -f1,2 "$demo/keys/$1.pub"; else ssh-keygen -y -P '' -f "$demo/keys/$1"; fi
}

with_log_key() { AMBIT_LOG_KEY=$(public_key log) "$@"; }

# signature WHAT SIGNERS PRINCIPAL NAMESPACE SIG FILE
signature() {
    local what=$1 signers=$2 principal=$3 namespace=$4 sig=$5 file=$6
    verify_signature() { ssh-keygen -Y verify -f "$signers" -I "$principal" -n "$1" -s "$sig" <"$2"; }
    accepts "ssh-keygen: $what" verify_signature "$namespace" "$file"
    refuses "ssh-keygen: $what, not under another namespace" verify_signature ambit/attestation/v1 "$file"
    { cat "$file"; echo; } >"$scratch/changed"
    refuses "ssh-keygen: $what, not over changed bytes" verify_signature "$namespace" "$scratch/changed"
}

signatures() {
    local name sig file principal namespace count=0
    signers=$scratch/allowed_signers
    for name in examiner witness court-officer log; do
        printf '%s %s\n' "$name" "$(public_key "$name")"
    done >"$signers"
    while IFS= read -r sig; do
        case $sig in
            seal/tagmanifest-sha256.txt.*.sig) file=tagmanifest-sha256.txt namespace=ambit/package-seal/v1 ;;
            meta/policy/approval.txt.*.sig) file=meta/policy/approval.txt namespace=ambit/approval/v1 ;;
            custody/*/*.sig) file=${sig%/*}/event.json namespace=ambit/custody-event/v1 ;;
            *) bad "a signature in a place that no page names: $sig"; continue ;;
        esac
        principal=${sig%.sig}
        case $sig in
            custody/*) principal=${principal##*/} ;;
            *) principal=${principal##*.txt.} ;;
        esac
        signature "$sig" "$signers" "$principal" "$namespace" "$package/$sig" "$package/$file"
        count=$((count + 1))
    done < <(cd "$package" && find . -name '*.sig' -printf '%P\n' | sort)
    for sig in seal/tagmanifest-sha256.txt.{examiner,witness}.sig meta/policy/approval.txt.court-officer.sig; do
        if [ -f "$package/$sig" ]; then ok "present: $sig"; else bad "present: $sig"; fi
    done
    if [ "$count" -ge 9 ]; then ok "signatures found: $count"; else bad "signatures found: only $count"; fi
}

# -------------------------------------------------------------------- parts

# Who opens a set, and somebody who must not.
readers() {
    case $1 in
        captured) echo case-team ;;
        held:*) echo "${1#held:}" ;;
        ledger) echo "auditor court" ;;
    esac
}
outsider() { if [ "$1" = captured ]; then echo neutral; else echo case-team; fi; }

decrypt() { age -d -i "$demo/keys/$1.age" -o "$3" "$2"; }
python_zip_test() { python3 -c 'import sys, zipfile; bad = zipfile.ZipFile(sys.argv[1]).testzip(); sys.exit(f"bad: {bad}" if bad else 0)' "$1"; }

parts() {
    local set file plain name
    while IFS=$'\t' read -r set file; do
        plain=$scratch/$(basename "$file" .age)
        for name in $(readers "$set"); do
            rm -f "$plain"
            accepts "age: $name opens $file" decrypt "$name" "$package/$file" "$plain"
        done
        name=$(outsider "$set")
        refuses "age: $name does not open $file" decrypt "$name" "$package/$file" "$scratch/nothing"
        [ -f "$plain" ] || continue
        case $plain in
            *.zip)
                accepts "unzip: ${plain##*/}" unzip -tqq "$plain"
                accepts "7z: ${plain##*/}" 7z t -bd "$plain"
                accepts "Python zipfile: ${plain##*/}" python_zip_test "$plain"
                part_manifest "$set" "$plain"
                ;;
            *.jsonl.gz)
                accepts "gzip: ${plain##*/}" gzip -t "$plain"
                gzip -dc "$plain" >"${plain%.gz}"
                ;;
            *) bad "a part of no known kind: $file" ;;
        esac
    done < <(jq -r '.sets[] | .set as $set | .parts[] | [$set, .file] | @tsv' "$acquisition")
    same "data/ holds the stated parts and nothing else" \
        "$(cd "$package" && find data -type f | sort | tr '\n' ' ')" \
        "$(jq -r '.sets[].parts[].file' "$acquisition" | sort | tr '\n' ' ')"
}

run_key_signers() {
    printf 'run %s\n' "$(jq -r .run_key "$acquisition" | cut -d' ' -f1,2)" >"$scratch/run_signers"
}

# The manifest of a captured or held part: its signature by the run key, and its rows beside the entries of the zip.
part_manifest() {
    local set=$1 zip=$2 base
    base=${zip%.zip}
    run_key_signers
    unzip -p "$zip" manifest.jsonl >"$base.manifest.jsonl"
    unzip -p "$zip" manifest.jsonl.sig >"$base.manifest.jsonl.sig"
    signature "manifest of ${zip##*/}" "$scratch/run_signers" run ambit/manifest/v1 "$base.manifest.jsonl.sig" "$base.manifest.jsonl"
    same "${zip##*/}: first row binds it to set and package" \
        "$(head -n1 "$base.manifest.jsonl" | jq -c '[.format, .set, .package, .policy, .run_key]')" \
        "$(jq -c --arg set "$set" '["ambit/part/1", $set, .package, .policy, .run_key]' "$acquisition")"
    same "${zip##*/}: the zip's entries are the manifest's objects" \
        "$(unzip -Z1 "$zip" | grep '^objects/' | sort | sha256sum | cut -c1-16)" \
        "$(jq -r 'select(.object) | .object | select(.opening.object.value != "-") | "objects/" + .control' "$base.manifest.jsonl" | sort | sha256sum | cut -c1-16)"
    same "${zip##*/}: nothing else in the zip" \
        "$(unzip -Z1 "$zip" | grep -vE '^objects/|^padding$' | sort | tr '\n' ' ')" "manifest.jsonl manifest.jsonl.sig "
}

# The last row of a ledger part signs all bytes before it.
ledger_signatures() {
    local ledger
    for ledger in "$scratch"/ledger-*.jsonl; do
        tail -n1 "$ledger" | jq -r .signature >"$ledger.sig"
        head -n-1 "$ledger" >"$ledger.signed"
        run_key_signers
        signature "ledger ${ledger##*/}" "$scratch/run_signers" run ambit/manifest/v1 "$ledger.sig" "$ledger.signed"
    done
}

# ------------------------------------------------------------------ objects

# Every object: the bytes in the zip, the digest in the manifest, and the file as two other programs read it from the medium.
objects() {
    local uuid manifest zip control locator stated size inode rows count=0 wrong=0
    uuid=$(dumpe2fs -h "$medium" 2>/dev/null | awk '/^Filesystem UUID:/ { print $3 }')
    for manifest in "$scratch"/*.manifest.jsonl; do
        zip=${manifest%.manifest.jsonl}.zip
        while IFS=$'\t' read -r control locator stated size; do
            count=$((count + 1))
            case $locator in
                "ext4:$uuid/inode:"*) ;;
                *) bad "$control: locator of another volume: $locator"; continue ;;
            esac
            inode=${locator#*/inode:}
            inode=${inode%%:*}
            if [ "sha256:$(unzip -p "$zip" "objects/$control" | digest)" != "$stated" ]; then bad "$control: object as stated"; wrong=$((wrong + 1)); fi
            if [ "$(unzip -p "$zip" "objects/$control" | wc -c)" != "$size" ]; then bad "$control: size as stated"; wrong=$((wrong + 1)); fi
            if [ "sha256:$(icat "$medium" "$inode" | digest)" != "$stated" ]; then bad "$control: file on the medium, by icat"; wrong=$((wrong + 1)); fi
            if [ "sha256:$(debugfs -R "cat <$inode>" "$medium" 2>/dev/null | digest)" != "$stated" ]; then bad "$control: file on the medium, by debugfs"; wrong=$((wrong + 1)); fi
        done < <(jq -r 'select(.object) | .object | select(.opening.object.value != "-") | (.opening.object.value | fromjson) as $o
                        | [.control, .opening.locator.value, $o.sha256, $o.size] | @tsv' "$manifest")
    done
    same "objects that differ from their manifest or from the medium, of $count" "$wrong" 0
    rows=$(cat "$scratch"/*.manifest.jsonl | jq -c 'select(.object)' | wc -l)
    same "items kept ($((rows - count)) of them of a kind without content), against captured and held in the statement" "$rows" \
        "$(jq '[.inventory.counts | to_entries[] | select(.key == "captured" or (.key | startswith("held:"))) | .value] | add' "$acquisition")"
    if [ "$count" -gt 0 ]; then ok "objects compared: $count"; else bad "objects compared: none"; fi
}

digest() { sha256sum | cut -c1-64; }

# -------------------------------------------------------------------- items

# The items of the medium, counted three ways: by fls (directory entries, so a file with two names twice, and without the
# root; `V/V` lines are inodes that fls invents), by the superblock's counters, and by the ledger.
items() {
    fls -r -u -p "$medium" >"$scratch/fls"
    grep -aE '^[a-zA-Z-]/[a-zA-Z-] ' "$scratch/fls" | grep -avE '^V/V ' | sed -E 's/^[^ ]+ ([0-9]+).*/\1/' >"$scratch/entries"
    { echo 2; cat "$scratch/entries"; } | sort -un >"$scratch/inodes.fls"
    jq -r 'select(.locator) | .locator | capture("/inode:(?<n>[0-9]+):").n' "$scratch"/ledger-*.jsonl | sort -n >"$scratch/inodes.ledger"

    local lines records names
    lines=$(wc -l <"$package/meta/inventory.txt")
    records=$(wc -l <"$scratch/inodes.ledger")
    same "items: lines of the inventory, against inodes by fls and the root" "$lines" "$(wc -l <"$scratch/inodes.fls")"
    same "items: lines of the inventory, against the superblock's inodes in use less those of the file system itself" "$lines" "$(superblock_items)"
    if [ "$(jq -r .record_left "$acquisition")" = facts ]; then
        same "items: records of the ledger" "$records" "$lines"
        accepts "items: the same inodes in the ledger and by fls" diff "$scratch/inodes.fls" "$scratch/inodes.ledger"
        names=$(jq -r 'select(.facts) | .facts[] | fromjson | select(has("name")) | 1' "$scratch"/ledger-*.jsonl | wc -l)
        same "names: in the ledger, against directory entries by fls and the root" "$names" "$(($(wc -l <"$scratch/entries") + 1))"
    fi
}

# Inodes 1 to 10 are the file system's own, but 2 is the root, an item; so is the orphan file, which has no name.
superblock_items() {
    dumpe2fs -h "$medium" 2>/dev/null | awk '
        /^Inode count:/ { all = $3 }  /^Free inodes:/ { free = $3 }  /^Orphan file inode:/ { orphan = 1 }
        END { print all - free - 9 - orphan }'
}

# ------------------------------------------------------------------ verdict

verdict() {
    printf '\ninterop: %d passed, %d failed\n' "$passed" "${#failed[@]}"
    if [ ${#failed[@]} -gt 0 ]; then
        printf '  failed: %s\n' "${failed[@]}"
        exit 1
    fi
}

main
