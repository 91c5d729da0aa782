#!/bin/bash
# Runs the fuzz targets: parsers of what others may have written, given bytes that a fuzzer makes up.
#
#   scripts/fuzz.sh --list               the targets
#   scripts/fuzz.sh TARGET SECONDS       one of them
#   scripts/fuzz.sh all SECONDS          each of them for so long, one after the other
#   scripts/fuzz.sh --replay [TARGET]    the kept inputs only, once each
#   scripts/fuzz.sh --keep TARGET        packs the smallest set of inputs that reaches as much as all found so far
#
# Needs a stable Rust toolchain and a C++ compiler; cargo-fuzz is installed from crates.io where it is missing. With
# SEAF_MIGRATE_FUZZ_SANITIZER=address, memory errors of unsafe code are found, too, at half the speed.
#
# The kept inputs are in fuzz/corpus/TARGET.tar.gz, and every run of the tests goes through them. What a run finds is in
# target/fuzz: the inputs in corpus/TARGET, those that fail in findings/TARGET, a log in TARGET.log.
set -euo pipefail
cd "$(dirname "$0")/.."

SANITIZER=${SEAF_MIGRATE_FUZZ_SANITIZER:-none}
# The most memory that a target may take, in MiB. No input is longer than LONGEST bytes.
MEMORY=1024
LONGEST=16384
FOUND=$PWD/target/fuzz
HOST=$(rustc -vV | sed -n 's/^host: //p')

targets() { sed -n 's/^name = "\(.*\)"$/\1/p' fuzz/Cargo.toml | tail -n +2; }

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0" >&2
  exit 2
}

is_target() {
  if ! targets | grep -qxF -- "$1"; then
    echo "fuzz.sh: no target \"$1\"; there are: $(targets | xargs)" >&2
    exit 2
  fi
}

# What the address sanitizer asks of the compiler is not stable; without it, nothing is asked that is not.
build() {
  cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz
  if [ "$SANITIZER" != none ]; then export RUSTC_BOOTSTRAP=1; fi
  cargo fuzz build --sanitizer "$SANITIZER" "$@"
}

# Unpacks the kept inputs of a target among those found so far.
unpack() {
  mkdir -p "$FOUND/corpus/$1" "$FOUND/findings/$1"
  if [ -e "fuzz/corpus/$1.tar.gz" ]; then tar -xzf "fuzz/corpus/$1.tar.gz" -C "$FOUND/corpus/$1"; fi
}

# fuzz TARGET LIBFUZZER-ARGUMENTS...: runs a target with a folder of its own for temporary files, in memory where that is.
fuzz() {
  local target=$1 scratch code=0
  shift
  scratch=$(mktemp -d "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")/seaf-migrate-fuzz-XXXXXX")
  TMPDIR=$scratch "fuzz/target/$HOST/release/$target" -rss_limit_mb=$MEMORY -max_len=$LONGEST -timeout=20 \
    -artifact_prefix="$FOUND/findings/$target/" "$@" || code=$?
  rm -rf "$scratch"
  return "$code"
}

# run TARGET SECONDS: says how much was tried, and what was found.
run() {
  local verdict="nothing found"
  unpack "$1"
  fuzz "$1" -max_total_time="$2" -print_final_stats=1 "$FOUND/corpus/$1" >"$FOUND/$1.log" 2>&1 ||
    verdict="FAILED: see target/fuzz/$1.log and target/fuzz/findings/$1"
  local tried
  tried=$(sed -n 's/^stat::number_of_executed_units: *//p' "$FOUND/$1.log")
  echo "$1: $2 s, ${tried:-?} executions, $(find "$FOUND/corpus/$1" -type f | wc -l) inputs, $verdict"
  [ "$verdict" = "nothing found" ]
}

keep() {
  local smallest=$FOUND/smallest/$1
  rm -rf "$smallest" && mkdir -p "$smallest" fuzz/corpus
  unpack "$1"
  fuzz "$1" -merge=1 "$smallest" "$FOUND/corpus/$1" 2>"$FOUND/$1.merge.log"
  # The same inputs make the same file, byte by byte.
  tar --sort=name --owner=0 --group=0 --numeric-owner --mode=0644 --mtime=@0 -C "$smallest" -cf - \
    $(cd "$smallest" && ls) | gzip -9n >"fuzz/corpus/$1.tar.gz"
  rm -rf "$smallest"
  echo "$1: $(tar -tzf "fuzz/corpus/$1.tar.gz" | wc -l) inputs in fuzz/corpus/$1.tar.gz"
}

case "${1:-}" in
--list) targets ;;
--replay)
  FAILED=0
  if [ -n "${2:-}" ]; then is_target "$2"; fi
  build
  for target in ${2:-$(targets)}; do
    unpack "$target"
    fuzz "$target" -runs=0 "$FOUND/corpus/$target" >"$FOUND/$target.log" 2>&1 || { FAILED=1; tail -n 20 "$FOUND/$target.log"; }
  done
  exit "$FAILED"
  ;;
--keep)
  is_target "${2:-}"
  build "$2"
  keep "$2"
  ;;
-* | "") usage ;;
*)
  [[ "${2:-}" =~ ^[0-9]+$ ]] || usage
  if [ "$1" = all ]; then
    build
    FAILED=0
    for target in $(targets); do run "$target" "$2" || FAILED=1; done
    exit "$FAILED"
  fi
  is_target "$1"
  build "$1"
  run "$1" "$2"
  ;;
esac
