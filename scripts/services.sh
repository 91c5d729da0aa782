#!/bin/bash
# Real servers for the tests, on loopback, in one private folder.
#
#   scripts/services.sh up [-d DIR] [SERVICE...]    start (all, or those named); installs Debian packages when run as root
#   scripts/services.sh down [-d DIR]               stop everything that `up` started and remove the folder
#   scripts/services.sh status [-d DIR]             what runs
#   scripts/services.sh env [-d DIR]                print the variables the tests read:  eval "$(scripts/services.sh env)"
#
# Services: ceph (RADOS, and S3 over http and https), swift (OpenStack Swift with v1.0, v2.0 and v3 login), mariadb.
# DIR defaults to target/services. Ports are chosen free at start and stand, with the credentials, in DIR/env.
# A service that cannot run here gives a line "SKIPPED <service>: why" and leaves its variables out.
# With SEAF_MIGRATE_REQUIRE_ALL=1 such a line makes `up` fail.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$HERE/services/lib.sh"

ALL_SERVICES=(ceph swift mariadb)

usage() {
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
  exit 2
}

# The state folder, made absolute; only a folder that is new, empty or marked as ours is ever used.
claim_folder() {
  local folder=$1
  if [ -e "$folder" ] && [ ! -e "$folder/$MARKER" ] && [ -n "$(ls -A "$folder")" ]; then
    die "$folder is in use for something else: give an empty or a new folder"
  fi
  mkdir -p "$folder/pids" "$folder/log"
  DIR=$(cd "$folder" && pwd)
  touch "$DIR/$MARKER"
}

start_one() {
  local service=$1 reason
  if service_runs "$service"; then
    echo "$service: already up"
    return
  fi
  if ! reason=$(packages_missing "$service"); then
    echo "SKIPPED $service: $reason" | tee "$DIR/$service.skipped"
    return
  fi
  rm -rf "${DIR:?}/$service" "$DIR/$service.skipped"
  mkdir -p "$DIR/$service"
  spawn "start-$service" bash "$HERE/services/$service.sh" "$DIR"
}

# Waits for the starters, each of which writes DIR/<service>/env as its last act.
await_starters() {
  local service failed=0
  for service in "$@"; do
    [ -e "$DIR/$service.skipped" ] && continue
    while process_alive "start-$service"; do sleep 0.1; done
    if [ -e "$DIR/$service/env" ]; then
      echo "$service: up"
    else
      echo "$service did not start; the end of $DIR/log/start-$service.log:" >&2
      tail -n 20 "$DIR/log/start-$service.log" >&2 || true
      failed=1
    fi
  done
  return $failed
}

up() {
  local service
  claim_folder "$DIR"
  trap 'trap - INT TERM; down; exit 130' INT TERM
  install_packages "$@"
  for service in "$@"; do start_one "$service"; done
  await_starters "$@" || { down; exit 1; }
  find "$DIR" -mindepth 2 -maxdepth 2 -name env -exec cat {} + >"$DIR/env"
  if [ -n "${SEAF_MIGRATE_REQUIRE_ALL:-}" ] && [ -n "$(find "$DIR" -maxdepth 1 -name '*.skipped')" ]; then
    down
    die "SEAF_MIGRATE_REQUIRE_ALL is set and a service was skipped"
  fi
}

down() {
  [ -e "$DIR/$MARKER" ] || return 0
  # Starters first, otherwise one of them could start a daemon behind our back.
  stop_processes 'start-*'
  stop_processes '*'
  rm -rf "${DIR:?}"
}

status() {
  local file name
  [ -e "$DIR/$MARKER" ] || { echo "nothing is up in $DIR"; return; }
  for file in "$DIR"/pids/*; do
    name=${file##*/}
    [[ $name == start-* ]] && continue
    if process_alive "$name"; then echo "$name: runs (pid $(process_id "$name"))"; else echo "$name: dead"; fi
  done
  cat "$DIR"/*.skipped 2>/dev/null || true
}

COMMAND=${1:-}
[ $# -gt 0 ] && shift
DIR=$HERE/../target/services
SERVICES=()
while [ $# -gt 0 ]; do
  case $1 in
    -d) DIR=${2:?-d needs a folder}; shift 2 ;;
    -*) usage ;;
    *)
      [[ " ${ALL_SERVICES[*]} " == *" $1 "* ]] || die "no such service: $1 (there are: ${ALL_SERVICES[*]})"
      SERVICES+=("$1"); shift ;;
  esac
done
[ ${#SERVICES[@]} -gt 0 ] || SERVICES=("${ALL_SERVICES[@]}")
[ -d "$DIR" ] && DIR=$(cd "$DIR" && pwd)

case $COMMAND in
  up) up "${SERVICES[@]}" ;;
  down) down ;;
  status) status ;;
  env) [ -e "$DIR/env" ] || die "nothing is up in $DIR: run '$0 up' first"; cat "$DIR/env" ;;
  *) usage ;;
esac
