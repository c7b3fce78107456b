#!/usr/bin/env bash
# How fast media are read: ours against The Sleuth Kit, in one run, hot cache, medians of three.
#
#     tests/tools/speed.sh [MiB of an image, 1500] [small files, 100000]
#
# Ours walks an image and computes SHA-256 of everything (crates/source/examples/read_all.rs, one thread). Theirs is
# `tsk_recover -e` of the same image to memory (/dev/shm), and `openssl dgst -sha256` over what it wrote. A ratio below 1 is
# faster. Needs root, e2fsprogs, ntfs-3g, sleuthkit, openssl; some 8 GB of disk and 4 GB of /dev/shm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
mib=${1:-1500} small=${2:-100000}
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d "${TMPDIR:-/tmp}/speed.XXXXXX")
shm=$(mktemp -d /dev/shm/speed.XXXXXX)
trap 'mountpoint -q "$work/mount" && umount "$work/mount"; rm -rf "$work" "$shm"' EXIT

main() {
    cargo build --locked --quiet --release -p source --example read_all
    reader=${CARGO_TARGET_DIR:-target}/release/examples/read_all
    echo "load: $(cut -d' ' -f1-3 /proc/loadavg), $(nproc) processors, $(uname -m), $(fls -V | head -1)"
    printf '%-28s %9s %9s %8s %8s %8s %7s %9s %9s\n' image items MB ours tsk openssl ratio ours-MiB tsk-MiB
    mkdir "$work/mount" "$work/tree"
    mixed "$work/tree"
    ext4 mixed
    ntfs mixed
    rm -rf "$work/tree"
    mkdir "$work/tree"
    many "$work/tree"
    ext4 "$small-small"
    ntfs "$small-small"
}

# Files of 1 KiB to 64 MiB, most of the bytes in the large ones; nine tenths of the image.
mixed() {
    python3 - "$1" "$((mib * 9 / 10))" <<'PYTHON'
import os, random, sys
random.seed(1)
root, left = sys.argv[1], int(sys.argv[2]) << 20
noise = random.randbytes(1 << 26)
sizes = [1 << 10, 1 << 12, 20000, 1 << 16, 300000, 1 << 20, 5 << 20, 1 << 26]
weights = [300, 300, 200, 200, 100, 60, 20, 1]
number = 0
while left > 0:
    size = min(left, random.choices(sizes, weights)[0] + random.randrange(500))
    folder = os.path.join(root, str(number % 100))
    os.makedirs(folder, exist_ok=True)
    at = random.randrange(1 << 20)
    with open(os.path.join(folder, f"file-{number}"), "wb") as file:
        file.write(noise[at:at + size])
    number, left = number + 1, left - size
PYTHON
}

# Small files, 1,000 in a folder, of up to 8 KB.
many() {
    python3 - "$1" "$small" <<'PYTHON'
import os, random, sys
random.seed(2)
root = sys.argv[1]
noise = random.randbytes(1 << 20)
for number in range(int(sys.argv[2])):
    folder = os.path.join(root, str(number // 1000))
    if number % 1000 == 0:
        os.makedirs(folder)
    at = random.randrange(1 << 19)
    with open(os.path.join(folder, f"file-{number}"), "wb") as file:
        file.write(noise[at:at + random.randrange(8192)])
PYTHON
}

ext4() {
    quietly mke2fs -q -F -t ext4 -N $((small + 20000)) -d "$work/tree" "$work/image" "${mib}M"
    measure "ext4, $1"
}

ntfs() {
    truncate -s "${mib}M" "$work/image"
    quietly mkntfs -q -F -f -p 0 -H 0 -S 0 -s 512 "$work/image"
    ntfs-3g "$work/image" "$work/mount"
    cp -r "$work/tree/." "$work/mount/"
    umount "$work/mount"
    while pgrep -f "ntfs-3g $work/image" >/dev/null; do sleep 0.1; done # it writes until it ends
    measure "NTFS, $1"
}

quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }; }

# A median of three, with the most memory of any.
measure() {
    local ours=() theirs=() hashing=() recovered
    cat "$work/image" >/dev/null
    for _ in 1 2 3; do
        "$reader" "$work/image" >"$work/said"
        ours+=("$(said seconds) $(said peak-kib)")
        recovered=$shm/recovered
        /usr/bin/time -f '%e %M' -o "$work/time" tsk_recover -e "$work/image" "$recovered" >/dev/null
        theirs+=("$(cat "$work/time")")
        /usr/bin/time -f '%e %M' -o "$work/time" \
            sh -c "find '$recovered' -type f -print0 | xargs -0 openssl dgst -sha256 >/dev/null"
        hashing+=("$(cat "$work/time")")
        rm -rf "$recovered"
    done
    local our their hash peak their_peak
    our=$(median "${ours[@]}") their=$(median "${theirs[@]}") hash=$(median "${hashing[@]}")
    peak=$(printf '%s\n' "${ours[@]}" | awk '{ if ($2 > most) most = $2 } END { printf "%.0f", most / 1024 }')
    their_peak=$(printf '%s\n' "${theirs[@]}" | awk '{ if ($2 > most) most = $2 } END { printf "%.0f", most / 1024 }')
    printf '%-28s %9s %9d %8s %8s %8s %7s %9s %9s\n' "$1" "$(said items)" "$(($(said bytes) / 1000000))" \
        "$our" "$their" "$hash" "$(awk "BEGIN { printf \"%.2f\", $our / ($their + $hash) }")" "$peak" "$their_peak"
    if [ "$(said issues)" != 0 ] || grep -q '^coverage' "$work/said"; then
        cat "$work/said"
    fi
    rm "$work/image"
}

said() { awk -v key="$1" '$1 == key { print $2 }' "$work/said"; }
median() { printf '%s\n' "$@" | cut -d' ' -f1 | sort -n | sed -n 2p; }

main
