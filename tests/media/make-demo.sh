#!/bin/sh
# Builds the demo medium: a small ext4 image of a shared hosting server, all of it invented.
#
#   sudo tests/media/make-demo.sh            writes crates/imager/demo/{medium.img.gz,expected.txt}
#
# demo_tree.py says what is on the medium, and what the demo policy makes of it. The image's UUID,
# hash seed and times are fixed, so that a second run gives the same files. Needs root (owners, device
# nodes), e2fsprogs, python3, zip, gzip, and a tmpfs, whose directory order is that of creation.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
demo=$(cd "$here/../../crates/imager/demo" && pwd)
work=$(mktemp -d /dev/shm/demo-medium.XXXXXX)
trap 'rm -rf "$work"' EXIT

uuid=4b433037-2011-4316-8000-000000004417
seed=4b433037-2011-4316-8000-00000000fade
export E2FSPROGS_FAKE_TIME=1300276800 # 2011-03-16 12:00 UTC
export TZ=UTC LC_ALL=C

python3 "$here/demo_tree.py" build "$work/tree" "$work/fixes" "$demo/policy/policy.toml" > "$demo/expected.txt"

truncate -s 16M "$work/medium.img"
mke2fs -q -t ext4 -b 1024 -N 1024 -U "$uuid" -L kc07 -m 0 -O ^has_journal,^metadata_csum_seed,^orphan_file \
    -E "hash_seed=$seed,lazy_itable_init=0,nodiscard" -d "$work/tree" "$work/medium.img"
python3 "$here/demo_tree.py" times "$work/medium.img" > "$work/times"
debugfs -w -f "$work/times" "$work/medium.img" > /dev/null 2>&1
debugfs -w -f "$work/fixes" "$work/medium.img" > /dev/null 2>&1
e2fsck -fn "$work/medium.img" > "$work/check" 2>&1 || { cat "$work/check"; exit 1; }

gzip -9n < "$work/medium.img" > "$demo/medium.img.gz"
ls -l "$demo/medium.img.gz" "$demo/expected.txt"
sha256sum "$work/medium.img"
