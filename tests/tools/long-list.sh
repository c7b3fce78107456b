#!/usr/bin/env bash
# Memory and time of a list of digests of any length:
#
#     tests/tools/long-list.sh [LINES]      20,000,000 unless told
#
# Makes as many digests in no order, has them sorted (`ambit policy hash-list`), has another program (`sort -cu`) say that they are, checks a policy
# that names the list, and says seconds and most memory of each. Needs 170 bytes of room in TMPDIR for each line.
set -euo pipefail
lines=${1:-20000000}
ambit=${AMBIT:-target/release/ambit}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

measured() {
    local what=$1
    shift
    python3 - "$what" "$@" <<'PY'
import resource, subprocess, sys, time
began = time.time()
ran = subprocess.run(sys.argv[2:], stdout=subprocess.PIPE)
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
print(f"{sys.argv[1]}: {time.time() - began:.1f} s, at most {most} MiB")
sys.stdout.write(ran.stdout.decode()[:400])
sys.exit(ran.returncode)
PY
}

python3 - "$lines" >"$folder/digests.txt" <<'PY'
import hashlib, struct, sys
out = []
for n in range(int(sys.argv[1])):
    out.append(hashlib.sha256(struct.pack(">Q", n)).hexdigest())
    if len(out) == 100000:
        print("\n".join(out))
        out.clear()
if out:
    print("\n".join(out))
PY
mkdir "$folder/policy"
measured "sorted" "$ambit" policy hash-list --from digests "$folder/digests.txt" --out "$folder/policy/known.txt"
rm "$folder/digests.txt"
LC_ALL=C sort -cu "$folder/policy/known.txt"
[ "$(wc -l <"$folder/policy/known.txt")" -eq "$lines" ]
digest=$(sha256sum "$folder/policy/known.txt" | cut -d' ' -f1)
sed -e '/^items = \["2222/d' -e "s/^kind  = \"sha256\"/kind  = \"sha256\"\nfile = \"known.txt\"\nsha256 = \"$digest\"/" \
    policies/3-hash-list-only/policy.toml >"$folder/policy/policy.toml"
measured "checked" "$ambit" policy check "$folder/policy"
