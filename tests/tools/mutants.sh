#!/usr/bin/env bash
# Many mutants of every file system, one byte changed in each, at low priority:
#
#     tests/tools/mutants.sh [MUTANTS of each, 10000] [SECONDS at most for each, 3600]
#
# A crash, a stream that is not of its declared length, or a mutant that takes a minute fails. A failure names the byte.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export AMBIT_MUTANTS=${1:-10000} AMBIT_MUTANTS_SECONDS=${2:-3600}
nice -n 19 cargo test --locked -p source --release --test mutants -- --ignored --nocapture
