#!/usr/bin/env bash
# Measures capture, verification and audit against other programs, in one run, on media that it makes itself.
#
#     cargo build --release -p imager -p verifier
#     tests/tools/bench.sh [--runs N] [--only abcdefg] [--scale PERCENT] [--items MOST]
#
# Prints a table of ratios: our time to the time of the other program on the same input, hot cache, medians of N runs (5);
# the time that clocks show, and that of processors, which other work on the machine distorts less. A ratio below 1 is faster
# than the other program. Media and packages lie in /dev/shm where it has room, else in the folder for temporary files, at
# most about 3 GB of media at a time, and are removed at the end. --scale makes smaller media.
# Part g, which is not made unless asked for, captures media that never were, of 10,000 items and ten times as many up to
# --items (1,000,000), checks and audits each package, and says what one item costs of processor time and how much memory
# there was at most.
set -euo pipefail
export LC_ALL=C

runs=5 only=abcdef scale=100 most=1000000
while [ $# -gt 0 ]; do
    case $1 in
    --runs) runs=$2; shift 2 ;;
    --only) only=$2; shift 2 ;;
    --scale) scale=$2; shift 2 ;;
    --items) most=$2; shift 2 ;;
    *) echo "usage: bench.sh [--runs N] [--only abcdefg] [--scale PERCENT] [--items MOST]" >&2; exit 1 ;;
    esac
done
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
programs=${CARGO_TARGET_DIR:-$root/target}/release
ambit=$programs/ambit verify=$programs/ambit-verify
for needed in age ewfacquire find gzip hashdeep python3 sha256sum tar /usr/bin/time "$ambit" "$verify"; do
    command -v "$needed" >/dev/null || { echo "error: \`$needed\` is not there; .ci/run lists the packages, and the head of this file what to build" >&2; exit 1; }
done
place=${TMPDIR:-/tmp}
[ "$(df --output=avail -k /dev/shm | tail -1)" -gt $((8 << 20)) ] && place=/dev/shm
work=$(mktemp -d "$place/ambit-bench.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

main() {
    echo "load before: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) processors, $(uname -m), medians of $runs"
    setup
    printf '\n| what | ours s | other s | ratio | ratio of CPU time | our memory MiB | other |\n| --- | --- | --- | --- | --- | --- | --- |\n'
    for part in a b c d e f g; do
        case $only in *$part*) "part_$part" ;; esac
    done
    echo "load after: $(cut -d' ' -f1-3 /proc/loadavg)"
}

# Keys and a trust file from the demonstration; a policy that takes what lies in the folder `take`.
setup() {
    "$ambit" demo --dir demo >/dev/null 2>&1
    mkdir policy
    python3 - <<'PY'
import re
trust = open("demo/trust.toml").read()
age = lambda name: re.search(r'name = "%s".*?age = \["(age1[^"]+)"\]' % name, trust, re.S).group(1)
open("policy/policy.toml", "w").write(f'''schema = "scope-policy/1"
id = "benchmark"
version = 1
title = "Benchmark"
[authority]
court = "none"
docket = "none"
instrument = "a benchmark"
legal_basis = ["none"]
issued = "2026-01-01T00:00:00Z"
execute_by = "2100-01-01T00:00:00Z"
hours = "any"
review_by = "2100-01-01T00:00:00Z"
particulars = ["none"]
[recipients]
case = ["{age('case-team')}"]
auditor = ["{age('auditor')}"]
court = ["{age('court')}"]
[record]
left = "facts"
holder = "the auditor and the court"
basis = "none"
until = "the end"
[target]
media = [{{ label = "KC07", asset_tag = "KC07" }}]
inspect = ["metadata"]
deleted = "never"
unallocated = "never"
streams = true
[defaults]
unknown = "left"
path_case = "as-volume"
[selector.taken]
label = "what is taken"
path = ["/take/**"]
[[rule]]
id = "I-1"
effect = "include"
basis = "none"
text = "What lies in the folder take."
any = ["taken"]
''')
PY
    "$ambit" case new case --trust demo/trust.toml --medium-label KC07 --log-key demo/keys/log \
        --sign-as examiner=demo/keys/examiner >/dev/null 2>&1
    recipient=$(grep -o 'age1[a-z0-9]*' policy/policy.toml | head -1)
}

# ------------------------------------------------------------------ measuring

# timed NAME COMMAND...     runs it $runs times; NAME.median holds the medians: seconds, KiB of memory, seconds of CPU.
timed() {
    local name=$1
    shift
    : >"$name.all"
    for _ in $(seq "$runs"); do
        rm -rf out out.partial image.E01 image.E01.txt
        # Exit codes 2 and 3 are answers; 1 is a failure.
        /usr/bin/time -o "$name.one" -f '%e %M %U %S' "$@" >"$name.log" 2>&1 || [ $? -ne 1 ] || { tail -5 "$name.log" >&2; exit 1; }
        tail -1 "$name.one" >>"$name.all"
    done
    {
        awk '{ print $1 }' "$name.all" | middle
        awk '{ print $2 }' "$name.all" | middle
        awk '{ print $3 + $4 }' "$name.all" | middle
    } | paste -sd' ' >"$name.median"
}

# The middle one of the numbers on standard input.
middle() { sort -n | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }'; }

# row WHAT OTHER-NAME-FILE OTHER-WORDS     one line of the table, from `ours` and that file
row() {
    awk -v what="$1" -v other="$3" 'NR == FNR { s = $1; m = $2; c = $3; next }
        { printf "| %s | %.2f | %.2f | %.2f | %.2f | %.0f | %s |\n", what, s, $1, ($1 > 0 ? s / $1 : 0), ($3 > 0 ? c / $3 : 0), m / 1024, other }' ours.median "$2.median"
}

capture() {
    timed ours "$ambit" capture --policy policy --medium medium --case case --trust demo/trust.toml --progress off --asset-tag KC07 \
        --sign-as examiner=demo/keys/examiner --sign-as witness=demo/keys/witness --without-approval bench --writable-source bench --yes --out out
}

random() { # random BYTES FILE
    openssl enc -aes-128-ctr -pass "pass:$2" -nosalt -in /dev/zero 2>/dev/null | head -c "$1" >"$2" || true
}

# What a system is made of: libraries, sources, texts; once more from the beginning where that is not enough.
compressible() { # compressible BYTES FILE
    : >"$2"
    while [ "$(stat -c %s "$2")" -lt "$1" ]; do
        { tar c -C /usr lib share 2>/dev/null || true; } | head -c $(($1 - $(stat -c %s "$2"))) >>"$2"
    done
}

fresh() { rm -rf medium && mkdir -p medium/take; }

# ------------------------------------------------------------------ the parts

part_a() {
    fresh
    for n in 1 2 3 4 5 6; do random $((5 * scale * 1000000)) "medium/take/$n"; done
    timed hashdeep hashdeep -j2 -c sha256 -r medium
    capture
    row "a: capture and seal, large files that do not shrink" hashdeep "hashdeep -j2 -c sha256"
    [ "${only/d/}" = "$only" ] || part_d_now
}

# The package of (a) is checked while it is there.
part_d_now() {
    rm -rf package
    mv out package
    timed sums sh -c 'cd package && sha256sum -c --quiet manifest-sha256.txt'
    timed ours "$verify" package --trust demo/trust.toml
    row "d: verify that package" sums "sha256sum -c"
    rm -rf package
}

part_d() { [ "${only/a/}" != "$only" ] || { only=a$only; part_a; }; }

part_b() {
    fresh
    for n in 1 2 3; do compressible $((5 * scale * 1000000)) "medium/take/$n"; done
    timed pipe sh -c "tar c medium | gzip -1 | age -r $recipient -o out"
    capture
    row "b: capture and seal, compressible" pipe "tar, gzip -1, age"
    cat medium/take/* >image.raw
    timed ewf ewfacquire -u -t image -c deflate:fast -f encase6 -S 7EiB -d sha256 image.raw
    row "b: the same" ewf "ewfacquire -c deflate:fast"
    rm -f image.raw image.E*
}

part_c() {
    fresh
    cp -a /usr/share medium/take/
    echo "<!-- $(find medium -type f | wc -l) files, $(du -sm medium | cut -f1) MB -->"
    timed pipe sh -c "tar c medium | gzip -1 | age -r $recipient -o out"
    capture
    row "c: capture and seal, many files" pipe "tar, gzip -1, age"
}

part_e() {
    fresh
    python3 - $((10000 * scale)) <<'PY'
import os, sys
count = int(sys.argv[1])
for n in range(count):
    if n % 1000 == 0:
        folder = f"medium/{'take' if n % 50000 == 0 else 'left'}/{n // 1000}"
        os.makedirs(folder)
    with open(f"{folder}/file-{n}.txt", "wb") as file:
        file.write(b"x" * (n % 1024))
PY
    echo "<!-- $(find medium | wc -l) items -->"
    timed find find medium -printf '%p %s %T@ %U %G %m %n\n'
    timed hashdeep hashdeep -c sha256 -r medium
    capture
    row "e: capture, one item in fifty kept" find "find -printf"
    row "e: the same" hashdeep "hashdeep -c sha256 -r"
    [ "${only/f/}" = "$only" ] || part_f_now
}

part_f_now() {
    rm -rf package
    mv out package
    items=$(wc -l <package/meta/inventory.txt)
    timed ours "$verify" audit package --trust demo/trust.toml --identity demo/keys/auditor.age
    awk -v n="$items" '{ printf "| f: audit, %d decisions replayed | %.2f | - | %.0f a second | %.0f a second | %.0f | |\n", n, $1, n / $1, n / $3, $2 / 1024 }' ours.median
    rm -rf package
}

# Media that the test makes while it is walked; one item in three is kept, 100 bytes of it. Everything else is real.
part_g() {
    local test args items
    test=$(cd "$root" && cargo test -q --release -p imager --lib --no-run --message-format=json 2>/dev/null |
        grep -o '"executable":"[^"]*/imager-[^"]*"' | tail -1 | cut -d'"' -f4)
    sed -i 's#"/take/\*\*"#"/site/**", "/logs/**"#' policy/policy.toml
    fresh
    printf '| items | capture s | µs an item | MiB | verify s | µs | MiB | audit s | µs | MiB |\n'
    printf '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n'
    for ((items = 10000; items <= most; items *= 10)); do
        args=$(printf '%s\n' ambit capture --policy policy --medium medium --case case --trust demo/trust.toml --progress off \
            --asset-tag KC07 --sign-as examiner=demo/keys/examiner --sign-as witness=demo/keys/witness \
            --without-approval bench --writable-source bench --yes --out out)
        timed capture env AMBIT_ARGS="$args" AMBIT_ITEMS="$items" AMBIT_SIZE=100 "$test" --ignored --exact pipeline::tests::a_package_of_many_items
        mv out package
        timed verify "$verify" package --trust demo/trust.toml
        timed audit "$verify" audit package --trust demo/trust.toml --identity demo/keys/auditor.age
        cat capture.median verify.median audit.median | awk -v n="$items" '
            { line = line sprintf(" %.2f | %.1f | %.0f |", $1, $3 * 1e6 / n, $2 / 1024) } END { print "| " n " |" line }'
        rm -rf package
    done
}

part_f() { [ "${only/e/}" != "$only" ] || { only=e$only; part_e; }; }

main
