#!/usr/bin/env bash
#
# Moves the objects of a Seafile server to the storage that DIR/seafile.conf describes. Under the
# name remove-objs.sh it removes those that are there from the old storage, under the name
# migrate-repo.sh it moves libraries between the storage classes of the server.
# It finds the server's own configuration and hands everything to seaf-migrate.

set -euo pipefail

# One file under three names, so that each can be copied beside the server alone and all look for
# configurations in the same places.
name=$(basename -- "$0")
case $name in
    remove-objs*) command=remove ;;
    migrate-repo*) command=repo ;;
    *) command=run ;;
esac

usage() {
    "usage_of_$command"
    cat <<'EOF'

The OLD configuration is ../conf/seafile.conf beside the folder of this script, its data in
../seafile-data. These variables name other places:
  SEAFILE_CENTRAL_CONF_DIR             the folder of the old seafile.conf
  SEAFILE_DATA_DIR, SEAFILE_CONF_DIR   the seafile-data folder (the first one that is set)
  SEAF_MIGRATE_BIN                     the seaf-migrate program; otherwise it is looked for
                                       beside this script and in PATH
EOF
    "exit_codes_of_$command"
}

usage_of_run() {
    cat <<'EOF'
Usage: ./migrate.sh DIR [--decrypt] [OPTIONS]

Copies every object of this Seafile server to the storage described by DIR/seafile.conf.
Run it from seafile-server-latest; the server may go on running. The source is only read.

  DIR         the folder that holds the NEW seafile.conf
  --decrypt   write the objects of an encrypted store unencrypted
  OPTIONS     whatever "seaf-migrate run --help" lists, such as --nworker 64 or --report FILE
EOF
}

exit_codes_of_run() {
    cat <<'EOF'
  OBJECT_LIST_FILE_PATH                where to keep the lists of what the new storage holds

Exit code: 0 everything is there, 1 some objects failed, 2 wrong usage or configuration,
3 a storage cannot be reached, 4 another run holds the lock, 5 damaged objects in the source
(with --strict), 130 or 143 interrupted. "Done." is printed only with 0.
EOF
}

usage_of_remove() {
    cat <<'EOF'
Usage: ./remove-objs.sh DIR [--yes] [--library REPO_ID] [OPTIONS]
       ./remove-objs.sh REPO_ID STORAGE_ID [--yes] [OPTIONS]

Deletes from the old storage of this Seafile server the objects that the storage described by
DIR/seafile.conf holds. It only says what it would delete unless --yes is given, and does nothing
unless "seaf-migrate verify" found nothing wrong since the last migration.

  DIR         the folder that holds the NEW seafile.conf
  OPTIONS     whatever "seaf-migrate remove --help" lists, such as --content or --rate 200

With a library and a storage class it deletes what migrate-repo.sh left of that library there, once
each object was read in the library's own class ("seaf-migrate repo --remove").

Where the new configuration is in place already, name the folder that keeps the old one: --from OLD
EOF
}

exit_codes_of_remove() {
    cat <<'EOF'

Exit code: 0 everything was deleted (or would be), 1 some objects were kept, 2 wrong usage, or the
conditions for deleting are not met, 3 a storage cannot be reached, 4 a migration is under way,
130 or 143 interrupted.
EOF
}

usage_of_repo() {
    cat <<'EOF'
Usage: ./migrate-repo.sh [REPO_ID...] ORIGIN_STORAGE_ID DEST_STORAGE_ID [OPTIONS]

Moves libraries of this Seafile server from one storage class to another, the server at work: all
libraries of the class when none is named. Each is read-only for its last, short pass, and is in
its new class once everything was read back there.

  OPTIONS     whatever "seaf-migrate repo --help" lists, such as --dry-run or --db DATABASE;
              ./migrate-repo.sh --status says which libraries are on their way
EOF
}

exit_codes_of_repo() {
    cat <<'EOF'

Exit code: 0 every library has arrived, 1 one is not whole in its new class and stays in its old
one, 2 wrong usage, configuration or database, 3 a storage or the database cannot be reached,
4 another process moves it, 130 or 143 interrupted. Run the same command again to go on.
EOF
}

fail() {
    printf '%s: %s\n' "$name" "$1" >&2
    exit 2
}

# The folder of the script as it was called comes first, so that a link to it in
# seafile-server-latest works; "pwd -P" because ".." of a linked folder is meant as the disk has it.
called_dir=$(cd -- "$(dirname -- "$0")" && pwd -P)
real_dir=$(dirname -- "$(readlink -f -- "$0")")
current_dir=$(pwd -P)

find_binary() {
    local candidate
    if [[ -n ${SEAF_MIGRATE_BIN:-} ]]; then
        [[ -f $SEAF_MIGRATE_BIN && -x $SEAF_MIGRATE_BIN ]] ||
            fail "SEAF_MIGRATE_BIN is $SEAF_MIGRATE_BIN, which is not a program"
        printf '%s\n' "$SEAF_MIGRATE_BIN"
        return
    fi
    for candidate in "$called_dir/seaf-migrate" "$real_dir/seaf-migrate"; do
        if [[ -f $candidate && -x $candidate ]]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    type -P seaf-migrate ||
        fail "seaf-migrate is not beside this script and not in PATH; put it there, or set SEAF_MIGRATE_BIN"
}

# The folder that holds conf/ and seafile-data/; nothing when there is none.
find_top() {
    local folder
    for folder in "$called_dir" "$real_dir" "$current_dir"; do
        if [[ -f $folder/../conf/seafile.conf ]]; then
            dirname -- "$folder"
            return
        fi
    done
}

# Whether option $1 is among the other arguments, as "--option value" or "--option=value".
has_option() {
    local wanted=$1 argument
    shift
    for argument in "$@"; do
        [[ $argument == "$wanted" || $argument == "$wanted="* ]] && return 0
    done
    return 1
}

case ${1:-} in
    -h | --help)
        usage
        exit 0
        ;;
    --status)
        if [[ $command == repo ]]; then exec "$(find_binary)" repo "$@"; fi
        usage >&2
        fail "the first argument must be DIR, the folder of the new seafile.conf"
        ;;
    '' | -*)
        usage >&2
        printf '\n' >&2
        [[ $command != repo ]] || fail "two storage classes must be named: the one to leave and the one to go to"
        fail "the first argument must be DIR, the folder of the new seafile.conf"
        ;;
esac

# The old script's call, with a library and a storage class: what is left of the library there.
remains=()
if [[ $command == remove && $1 =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]]; then
    [[ $# -ge 2 && $2 != -* ]] || fail "a library is named, and no storage class: $name REPO_ID STORAGE_ID"
    command=repo
    remains=(--remove)
fi

new=
if [[ $command != repo ]]; then
    new=$1
    shift
fi
[[ $command == repo || -e $new ]] || fail "$new is not there; DIR must be the folder of the new seafile.conf"

binary=$(find_binary)
top=$(find_top)
arguments=("$command" ${remains[@]+"${remains[@]}"})

# What names the server: the old side of a migration, and the only one of a move between its classes.
side=--from
[[ $command != repo ]] || side=--conf

if ! has_option "$side" "$@"; then
    if [[ -n ${SEAFILE_CENTRAL_CONF_DIR:-} ]]; then
        old=$SEAFILE_CENTRAL_CONF_DIR
    elif [[ -n $top ]]; then
        old=$top/conf/seafile.conf
    else
        fail "no ../conf/seafile.conf beside $called_dir; run this from seafile-server-latest, or set SEAFILE_CENTRAL_CONF_DIR"
    fi
    arguments+=("$side" "$old")
fi
[[ $command == repo ]] || arguments+=(--to "$new")

if ! has_option --data-dir "$@"; then
    data=${SEAFILE_DATA_DIR:-${SEAFILE_CONF_DIR:-}}
    if [[ -z $data && -n $top && -d $top/seafile-data ]]; then
        data=$top/seafile-data
    fi
    [[ -z $data ]] || arguments+=(--data-dir "$data")
fi

# Each signal must reach the program exactly once, because it takes a second one for the wish to stop
# without saving. So the program gets a process group of its own ("set -m"), where Ctrl-C does not
# reach it by itself, and the signals are passed on; in the background, because bash handles no
# signal while it waits for a foreground program.
child=
interrupted=
early=
early_pause=
# shellcheck disable=SC2317 # traps call it
pass_on() {
    interrupted=1
    if [[ -z $child ]]; then
        early=$1
    else
        kill "-$1" "$child" 2>/dev/null || true
    fi
}
trap 'pass_on INT' INT
trap 'pass_on TERM' TERM
trap 'pass_on HUP' HUP

# Ctrl-Z reaches the script alone, for the same reason; the program stops with it and goes on with it.
# shellcheck disable=SC2317 # a trap calls it
pause() {
    interrupted=1
    if [[ -z $child ]]; then
        early_pause=1
        return
    fi
    kill -STOP "$child" 2>/dev/null || true
    kill -STOP "$$"
    kill -CONT "$child" 2>/dev/null || true
}
trap pause TSTP

set -m
"$binary" "${arguments[@]}" "$@" &
child=$!
set +m
[[ -z $early ]] || pass_on "$early"
[[ -z $early_pause ]] || pause

# A signal ends "wait" early; then the program is waited for again; bash
# keeps the exit code of one that has ended in the meantime.
while true; do
    interrupted=
    code=0
    wait "$child" || code=$?
    [[ -n $interrupted ]] || break
done

# Whether anybody reads it or not: what counts is the exit code.
trap '' PIPE
[[ $code -ne 0 || $command != run ]] || echo 'Done.' 2>/dev/null || true
exit "$code"
