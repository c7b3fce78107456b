#!/usr/bin/env bash
# Checks a package with other people's tools alone: nothing of ours is run.
#
#     tests/tools/interop.sh DIR         DIR as `ambit demo --dir DIR` leaves it
#
# sha256sum and bagit.py check the bag; ssh-keygen and openssl the signatures; age, unzip,
# 7z, Python's zipfile and gzip open every part; libewf, sfdisk, sleuthkit,
# e2fsprogs and ntfs-3g compare the medium, its partitions and its volumes with
# what the package says of them; tests/replay/replay.py, written from the
# specification, decides every item and makes every commitment again. Each check
# prints a line. All are run; the failed ones are listed at the end, and the exit code is then 1.
#
# Parts are decrypted into a temporary folder, which is removed. That is for
# demonstrations: the medium of a real case never lies about in clear.
set -euo pipefail
export LC_ALL=C # names on the medium are bytes

[ $# -eq 1 ] && [ -d "$1" ] || { echo "usage: interop.sh DIR (as left by \`ambit demo --dir DIR\`)" >&2; exit 1; }
tools=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
demo=$(cd "$1" && pwd)
package=$demo/KC07.ambit
medium=$demo/KC07.E01
for needed in age bagit.py debugfs dumpe2fs ewfexport ewfverify fls fsstat gzip icat istat jq ntfscat openssl python3 sfdisk sha256sum \
    ssh-keygen unzip 7z; do
    command -v "$needed" >/dev/null || { echo "error: \`$needed\` is not installed; \`.ci/run\` lists the packages" >&2; exit 1; }
done
[ -d "$package" ] && [ -f "$medium" ] || { echo "error: no KC07.ambit and KC07.E01 in $demo" >&2; exit 1; }
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
    run "replay.py: every item decided, every commitment made again" \
        "$tools/../replay/replay.py" "$package" "$scratch"/ledger-*.jsonl "$scratch"/*.manifest.jsonl --log-key "$(public_key log)"
    checkpoint
    medium
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
    local batch=$1
    printf 'run %s\n' "$(run_key_of "$batch" | cut -d' ' -f1,2)" >"$scratch/run_signers"
}

# The key that signs a batch: that of the last resume at or before it, or of the start.
run_key_of() {
    jq -r --argjson batch "$1" '[{batch: 1, run_key}, .resumed[]?] | map(select(.batch <= $batch)) | last.run_key' "$acquisition"
}

# The manifest of a captured or held part: its signature by the run key, and its rows beside the entries of the zip.
part_manifest() {
    local set=$1 zip=$2 base batch
    base=${zip%.zip}
    unzip -p "$zip" manifest.jsonl >"$base.manifest.jsonl"
    unzip -p "$zip" manifest.jsonl.sig >"$base.manifest.jsonl.sig"
    batch=$(head -n1 "$base.manifest.jsonl" | jq .batch)
    run_key_signers "$batch"
    signature "manifest of ${zip##*/}" "$scratch/run_signers" run ambit/manifest/v1 "$base.manifest.jsonl.sig" "$base.manifest.jsonl"
    same "${zip##*/}: first row binds it to set and package" \
        "$(head -n1 "$base.manifest.jsonl" | jq -c '[.format, .set, .package, .policy, .run_key]')" \
        "$(jq -c --arg set "$set" --arg key "$(run_key_of "$batch")" '["ambit/part/1", $set, .package, .policy, $key]' "$acquisition")"
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
        run_key_signers "$(head -n1 "$ledger" | jq .batch)"
        signature "ledger ${ledger##*/}" "$scratch/run_signers" run ambit/manifest/v1 "$ledger.sig" "$ledger.signed"
    done
}

# ---------------------------------------------------------------- checkpoint

# The log's head is three lines of text, signed by the log's key alone: RFC 8032 as OpenSSL has it (key: RFC 8410).
checkpoint() {
    local file
    file=$(find "$package/custody" -name checkpoint | sort | tail -n1)
    { printf '\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00'; public_key log | cut -d' ' -f2 | base64 -d | tail -c 32; } >"$scratch/log.der"
    head -n3 "$file" >"$scratch/note"
    tail -n1 "$file" | cut -d' ' -f3 | base64 -d | tail -c 64 >"$scratch/note.sig"
    note_holds() { openssl pkeyutl -verify -pubin -keyform DER -inkey "$scratch/log.der" -rawin -in "$1" -sigfile "$scratch/note.sig"; }
    accepts "openssl: ${file#"$package"/}, by the log's key" note_holds "$scratch/note"
    { cat "$scratch/note"; echo; } >"$scratch/changed"
    refuses "openssl: ${file#"$package"/}, not over changed bytes" note_holds "$scratch/changed"
}

# ------------------------------------------------------------------- medium

# The disk in the E01, by libewf, and its partitions, by sfdisk: a file for each, and what the package says of them.
medium() {
    local number start size
    accepts "ewfverify: the digests that the image states" ewfverify -q "$medium"
    accepts "ewfexport: the disk in the image" ewfexport -q -u -f raw -t "$scratch/disk" "$medium"
    same "the disk's sha256, by ewfexport and sha256sum, against the one stated" "$(digest <"$scratch/disk.raw")" \
        "$(jq -r '.medium.ids[] | select(.kind == "image_sha256") | .value' "$acquisition")"
    same "the disk's GPT identifier, by sfdisk, against the one stated" \
        "$(sfdisk --json "$scratch/disk.raw" | jq -r '.partitiontable.id | ascii_downcase')" \
        "$(jq -r '.medium.ids[] | select(.kind == "gpt") | .value' "$acquisition")"
    sfdisk --json "$scratch/disk.raw" | jq -r '.partitiontable.partitions | to_entries[] | [.key + 1, .value.start, .value.size] | @tsv' >"$scratch/partitions"
    while IFS=$'\t' read -r number start size; do
        dd if="$scratch/disk.raw" of="$scratch/volume-$number" skip="$start" count="$size" status=none
    done <"$scratch/partitions"
    uuid=$(dumpe2fs -h "$scratch/volume-1" 2>/dev/null | awk '/^Filesystem UUID:/ { print $3 }')
    serial=$(fsstat "$scratch/volume-2" | awk '/^Volume Serial Number:/ { print $4 }')
    same "every locator is of one of the two volumes, by dumpe2fs and fsstat" \
        "$(jq -r 'select(.locator) | .locator | split("/")[0:2] | join("/")' "$scratch"/ledger-*.jsonl | sort -u | tr '\n' ' ')" \
        "gpt:1/ext4:$uuid gpt:2/ntfs:$serial "
}

# ------------------------------------------------------------------ objects

# by_sleuthkit PLACE ADDRESS and by_another PLACE ADDRESS: a file's content, as two programs read it. An address is the
# inode, or the record and, of a named stream, the instance of its attribute.
by_sleuthkit() {
    local record=${2%%:*} instance
    instance=${2#"$record"}
    icat "$scratch/volume-$1" "$record${instance:+-128-${instance#:}}"
}
by_another() {
    local record=${2%%:*} instance name
    instance=${2#"$record"}
    if [ "$1" = 1 ]; then
        debugfs -R "cat <$record>" "$scratch/volume-1" 2>/dev/null
    elif [ -z "$instance" ]; then
        ntfscat -f -q -i "$record" "$scratch/volume-2"
    else
        name=$(istat "$scratch/volume-2" "$record" | sed -n "s/^Type: \$DATA (128-${instance#:}) *Name: \([^ ]*\) .*/\1/p")
        ntfscat -f -q -i "$record" -n "$name" "$scratch/volume-2"
    fi
}

# Every object: the bytes in the zip, the digest in the manifest, and the file as two other programs read it from the medium.
objects() {
    local manifest zip control locator stated size place address rows count=0 streams=0 wrong=0
    for manifest in "$scratch"/*.manifest.jsonl; do
        zip=${manifest%.manifest.jsonl}.zip
        while IFS=$'\t' read -r control locator stated size; do
            count=$((count + 1))
            case $locator in
                "gpt:1/ext4:$uuid/inode:"*) place=1 address=$(cut -d: -f4 <<<"$locator") ;;
                "gpt:2/ntfs:$serial/record:"*) place=2 address=$(cut -d: -f4,6- <<<"$locator") ;;
                *) bad "$control: locator of another volume: $locator"; continue ;;
            esac
            [ "$address" = "${address%:*}" ] || streams=$((streams + 1))
            if [ "sha256:$(unzip -p "$zip" "objects/$control" | digest)" != "$stated" ]; then bad "$control: object as stated"; wrong=$((wrong + 1)); fi
            if [ "$(unzip -p "$zip" "objects/$control" | wc -c)" != "$size" ]; then bad "$control: size as stated"; wrong=$((wrong + 1)); fi
            if [ "sha256:$(by_sleuthkit "$place" "$address" | digest)" != "$stated" ]; then bad "$control: file on the medium, by icat"; wrong=$((wrong + 1)); fi
            if [ "sha256:$(by_another "$place" "$address" | digest)" != "$stated" ]; then bad "$control: file on the medium, by debugfs or ntfscat"; wrong=$((wrong + 1)); fi
        done < <(jq -r 'select(.object) | .object | select(.opening.object.value != "-") | (.opening.object.value | fromjson) as $o
                        | [.control, .opening.locator.value, $o.sha256, $o.size] | @tsv' "$manifest")
    done
    same "objects that differ from their manifest or from the medium, of $count" "$wrong" 0
    rows=$(cat "$scratch"/*.manifest.jsonl | jq -c 'select(.object)' | wc -l)
    same "items kept ($((rows - count)) of them of a kind without content), against captured and held in the statement" "$rows" \
        "$(jq '[.inventory.counts | to_entries[] | select(.key == "captured" or (.key | startswith("held:"))) | .value] | add' "$acquisition")"
    if [ "$count" -gt 0 ] && [ "$streams" -gt 0 ]; then ok "objects compared: $count, $streams of them named streams"; else bad "objects compared: $count, $streams of them named streams"; fi
}

digest() { sha256sum | cut -c1-64; }

# -------------------------------------------------------------------- items

# What is on the medium, and what the ledger has. Of ext4, counted three ways: by fls (directory entries, so a file with two
# names twice, and without the root; `V/V` lines are inodes that fls invents), by the superblock's counters, and by the
# ledger. Of NTFS, by fls and the ledger: a line of fls is an attribute.
items() {
    fls -r -u -p "$scratch/volume-1" >"$scratch/fls.1"
    grep -aE '^[a-zA-Z-]/[a-zA-Z-] ' "$scratch/fls.1" | grep -avE '^V/V ' | sed -E 's/^[^ ]+ ([0-9]+).*/\1/' >"$scratch/entries"
    { echo 2; cat "$scratch/entries"; } | sort -u >"$scratch/items.1"
    { echo "5 /"; fls -r -u -p "$scratch/volume-2" | grep -avE '^V/V ' | ntfs_entries; } | sort -u >"$scratch/names.2"
    cut -d' ' -f1 "$scratch/names.2" | sort -u >"$scratch/items.2"
    fls -r -d -p "$scratch/volume-2" | grep -av 'OrphanFiles/' | sed -E 's/^[^*]*\* ([0-9]+).*/\1/' | sort -u >"$scratch/deleted.2"
    ledger_items 'gpt:1/ext4:[^/]*/inode:(?<n>[0-9]+):' false >"$scratch/ledger.1"
    ledger_items 'gpt:2/ntfs:[^/]*/record:(?<n>[0-9]+):[0-9]+(?<stream>:[0-9]+)?$' false >"$scratch/ledger.2"
    ledger_items 'gpt:2/ntfs:[^/]*/record:(?<n>[0-9]+):' true >"$scratch/ledger.deleted"

    local lines names
    lines=$(wc -l <"$package/meta/inventory.txt")
    same "items of ext4: by fls and the root, against the superblock's inodes in use less those of the file system itself" \
        "$(wc -l <"$scratch/items.1")" "$(superblock_items)"
    same "items: lines of the inventory, against those of the two volumes by fls, and deleted ones that have a name" \
        "$lines" "$(cat "$scratch"/items.[12] "$scratch/deleted.2" | wc -l)"
    if [ "$(jq -r .record_left "$acquisition")" = facts ]; then
        accepts "items of ext4: the same inodes in the ledger and by fls" diff "$scratch/items.1" "$scratch/ledger.1"
        accepts "items of NTFS: the same records and streams in the ledger and by fls" diff "$scratch/items.2" "$scratch/ledger.2"
        accepts "deleted items of NTFS: the same records in the ledger and by fls" diff "$scratch/deleted.2" "$scratch/ledger.deleted"
        names=$(jq -r 'select(.facts) | .facts[] | fromjson | select(has("name")) | 1' "$scratch"/ledger-*.jsonl | wc -l)
        same "names: in the ledger, against directory entries by fls and the roots" "$names" \
            "$(($(wc -l <"$scratch/entries") + 1 + $(cat "$scratch/names.2" "$scratch/deleted.2" | wc -l)))"
    fi
}

# Lines of fls as the item's address (a record, or a record and a stream's attribute) and its name. Attributes other than
# content and an entry's own index belong to the item itself; so does the map of bad clusters, which is no content.
ntfs_entries() {
    sed -E 's/^[^ ]+ ([0-9]+)-([0-9]+)-([0-9]+):\t/\1 \2 \3 /' | while read -r record type instance name; do
        case $type:${name##*/} in
            128:'$BadClus:$Bad') continue ;;
            128:*:*) printf '%s:%s %s\n' "$record" "$instance" "$name" ;;
            *) printf '%s %s\n' "$record" "${name%%:*}" ;;
        esac
    done
}

# ledger_items LOCATOR DELETED: the numbers in the locators that fit, of items that are deleted or are not.
ledger_items() {
    jq -r --arg locator "$1" --argjson deleted "$2" 'select(.locator)
        | select(any(.facts[] | fromjson; .kind == "deleted") == $deleted)
        | .locator | capture($locator) | .n + (.stream // "")' "$scratch"/ledger-*.jsonl | sort -u
}

# Inodes 1 to 10 are the file system's own, but 2 is the root, an item; so is the orphan file, which has no name.
superblock_items() {
    dumpe2fs -h "$scratch/volume-1" 2>/dev/null | awk '
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
