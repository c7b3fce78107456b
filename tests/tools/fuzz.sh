#!/usr/bin/env bash
# Runs the fuzz targets for the parsers of media and the readers of records, each for some seconds, and prints what came of it.
#
#   tests/tools/fuzz.sh [SECONDS [TARGET...]]        by default 60 seconds for every target
#
# Needs cargo-fuzz (cargo install --locked cargo-fuzz), a C++ compiler and the tools of fuzz-seeds.sh. A nightly toolchain
# is used where there is one; else the stable one, told to accept the flags. JOBS=2 runs two at a time. Ends with 1
# where anything was found; the inputs are then in target/fuzz/artifacts, and are run again by
#   AMBIT_FUZZ_SEEDS=target/fuzz-seeds/TARGET FUZZ_BINARY INPUT
set -euo pipefail

cd "$(dirname "$0")/../.."
seconds=${1:-60}
[ $# -eq 0 ] || shift
target=${CARGO_TARGET_DIR:-$PWD/target}
out=$target/fuzz
seeds=$target/fuzz-seeds
triple=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "$out"

tests/tools/fuzz-seeds.sh "$seeds" >"$out/seeds.log"
if cargo +nightly --version >/dev/null 2>&1; then
  cargo=(cargo +nightly)
else
  cargo=(env RUSTC_BOOTSTRAP=1 cargo)
fi
# Our own code has no unsafe block: the address sanitizer would find nothing and halve the number of runs.
CARGO_TARGET_DIR=$target "${cargo[@]}" fuzz build --fuzz-dir tests/fuzz --sanitizer none
binaries=$target/$triple/release

all=$(sed -n 's/^name = "\(.*\)"$/\1/p' tests/fuzz/Cargo.toml | tail -n +2)
# shellcheck disable=SC2086
[ $# -gt 0 ] || set -- $all

one() {
  local name=$1 found pid
  mkdir -p "$out/corpus/$name" "$out/artifacts/$name"
  # Media are changed by lists of changes; records are inputs as they are, with their own examples to begin with.
  local -a begin=(-max_len=400 -len_control=20)
  [ ! -d "$seeds/$name/corpus" ] || begin=("$seeds/$name/corpus" -max_len=65536)
  # A file that is there already was found by an earlier run.
  touch "$out/$name.began"
  AMBIT_FUZZ_SEEDS=$seeds/$name "$binaries/$name" "$out/corpus/$name" "${begin[@]}" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$out/artifacts/$name/" >"$out/$name.log" 2>&1 &
  pid=$!
  wait "$pid" || true
  rm -rf "/dev/shm/ambit-fuzz-$pid"
  found=$(find "$out/artifacts/$name" -type f -newer "$out/$name.began" ! -name 'slow-unit-*' | wc -l)
  # The count of the last line that has one: libFuzzer prints no statistics where it ends early.
  printf '%-11s %10s %8s %9s\n' "$name" "$(grep -oE '^#[0-9]+' "$out/$name.log" | tail -1 | tr -d '#')" \
    "$(($(date +%s) - $(stat -c %Y "$out/$name.began")))" "$found" | tee "$out/$name.row"
}
export -f one
export out seeds seconds binaries

printf '%-11s %10s %8s %9s\n' target runs seconds findings
for name in "$@"; do
  if [ -d "$seeds/$name" ]; then echo "$name"; else echo "$name: no seed, NOT run" >&2; fi
done | xargs -P "${JOBS:-1}" -I{} bash -c 'one {}'

failed=0
for name in "$@"; do
  if [ ! -d "$seeds/$name" ] || [ "$(awk '{print $4}' "$out/$name.row")" != 0 ] || [ -z "$(awk '$2 > 0' "$out/$name.row")" ]; then failed=1; fi
done
exit $failed
