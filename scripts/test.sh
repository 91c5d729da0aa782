#!/bin/bash
# Every test: brings real servers up, checks format and lints, runs the suite against them, takes them down.
#
#   scripts/test.sh [--no-services] [CARGO TEST ARGUMENTS...]
#
# Needs a Rust toolchain and, on Debian, root to install the servers; without root, what is missing is SKIPPED and the
# rest runs. With SEAF_MIGRATE_REQUIRE_ALL=1 (as in CI) a skip is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

SERVICES=1
if [ "${1:-}" = --no-services ]; then
  SERVICES=
  shift
fi
# A folder of this run's own, so that servers which a developer keeps up in target/services stay as they are.
mkdir -p target
STATE=$(mktemp -d "$PWD/target/services-XXXXXX")
# Many small files are made, synced and removed again: in memory where there is room, so that the tests do not wait for a disk.
SCRATCH=
if [ -z "${TMPDIR:-}" ] && [ "$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)" -gt 4000000 ] 2>/dev/null; then
  SCRATCH=$(mktemp -d /dev/shm/seaf-migrate-tests-XXXXXX)
  # As /tmp: some tests run themselves as a user whom permissions bind.
  chmod 1777 "$SCRATCH"
  export TMPDIR=$SCRATCH
fi
RESULTS=()
FAILED=0
STARTING=
# Many tests wait for a server, a kill or a clock that they set: more of them than processors keep these busy meanwhile.
export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((3 * $(nproc)))}
# libtest shows nothing that a passing test prints, so the tests write here what they skip.
export SEAF_TEST_SKIPPED=$STATE/skipped-tests

finish() {
  trap - EXIT INT TERM
  if [ -e "$SEAF_TEST_SKIPPED" ]; then
    while read -r count line; do RESULTS+=("  $line ($count tests)"); done < <(sort "$SEAF_TEST_SKIPPED" | uniq -c)
  fi
  if [ -n "$STARTING" ]; then
    kill "$STARTING" 2>/dev/null || true
    wait "$STARTING" || true
  fi
  scripts/services.sh down -d "$STATE" || true
  rm -rf "$STATE" ${SCRATCH:+"$SCRATCH"}
  printf '%s\n' "" "Summary:" "${RESULTS[@]}"
  exit "${1:-$FAILED}"
}
trap 'FAILED=1; RESULTS+=("  ended early"); finish' EXIT
trap 'RESULTS+=("  interrupted"); finish 130' INT TERM

# step NAME COMMAND...: runs it and keeps the verdict; later steps run all the same, so that one run shows everything.
step() {
  local name=$1 began=$SECONDS verdict=ok
  shift
  echo "==> $name"
  "$@" || { verdict=FAILED; FAILED=1; }
  RESULTS+=("  $(printf '%-10s %-7s %s s' "$name" "$verdict" "$((SECONDS - began))")")
}

# The servers start while the code is checked and compiled.
if [ -n "$SERVICES" ]; then
  scripts/services.sh up -d "$STATE" &
  STARTING=$!
fi
step format cargo fmt --check
step lints cargo clippy --locked --all-targets --quiet -- -D warnings
step build cargo test --locked --quiet --no-run "$@"
if [ -n "$SERVICES" ]; then
  step services wait "$STARTING"
  STARTING=
  if [ -e "$STATE/env" ]; then . "$STATE/env"; fi
  for skipped in "$STATE"/*.skipped; do
    if [ -e "$skipped" ]; then RESULTS+=("  $(cat "$skipped")"); fi
  done
else
  RESULTS+=("  SKIPPED what needs a real server: --no-services")
fi
step tests cargo test --locked --quiet --no-fail-fast "$@"
finish
