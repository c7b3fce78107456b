#!/usr/bin/env bash
# Many random mutants of a whole sealed package, in memory, at low priority:
#
#     tests/tools/package-mutants.sh [MUTANTS, 10000] [SEED, the clock's]
#
# A mutant that is INTACT, or that stops the check, fails; the failure names seed, round and what was changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export AMBIT_PACKAGE_MUTANTS=${1:-10000} AMBIT_SEED=${2:-$(date +%s)}
echo "seed $AMBIT_SEED"
nice -n 19 cargo test --locked -p scenarios --test package_mutants -- --nocapture
