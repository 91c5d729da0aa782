# Shared by scripts/services.sh and the starters in this folder; sourced, with DIR set to the state folder.

MARKER=.seaf-migrate-services

die() {
  echo "services: $*" >&2
  exit 1
}

# The Debian packages a service needs.
packages_of() {
  case $1 in
    ceph) echo ceph-mon ceph-mgr ceph-osd ceph-common radosgw librados2 openssl curl ;;
    swift)
      echo swift-proxy swift-account swift-container swift-object python3-keystonemiddleware python3-keystone \
        memcached uwsgi-core uwsgi-plugin-python3 curl ;;
    mariadb) echo mariadb-server ;;
  esac
}

# What the tests need beside the services: the clients of others come from PyPI into an environment of their own; a
# folder behind FUSE, calls that fail and a disk in a file show what a folder store does with them.
CLIENT_PACKAGES='python3-venv bindfs strace e2fsprogs openssl'

# Prints what is not installed of the packages named.
not_installed() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

# Fails, with the reason on standard output, when a service's packages are not all there.
packages_missing() {
  local wanted missing
  command -v dpkg-query >/dev/null || { echo "this is not Debian or a relative of it"; return 1; }
  wanted=$(packages_of "$1")
  # shellcheck disable=SC2086 # a list of words
  missing=$(not_installed $wanted | paste -sd ' ')
  [ -z "$missing" ] || { echo "not installed, and only root can install: $missing"; return 1; }
}

apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=500 -qq "$@" >>"$DIR/log/apt.log" 2>&1
}

# Installs what the services lack, when we are root. Nothing that is installed gets started: the tests run their own.
install_packages() (
  policy=/usr/sbin/policy-rc.d
  [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || exit 0
  # shellcheck disable=SC2046 # a list of words
  missing=$(not_installed $CLIENT_PACKAGES $(for service in "$@"; do packages_of "$service"; done) | sort -u)
  [ -n "$missing" ] || exit 0
  echo "installing: $(echo "$missing" | paste -sd ' ')"
  if [ ! -e $policy ]; then
    # This is a subshell, so that the file goes however it ends; left behind, no service would start on this machine.
    trap 'rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy
    chmod 755 $policy
  fi
  # The package lists of a fresh machine are empty, those of an old one may name versions that are gone.
  # shellcheck disable=SC2086
  apt install -y --no-install-recommends $missing ||
    { apt update && apt install -y --no-install-recommends $missing; } ||
    echo "installation failed, see $DIR/log/apt.log" >&2
)

# spawn NAME COMMAND...: runs it in a session of its own. It writes its own pid file before anything else, so that
# there is no moment in which it runs and `down` would not find it. The start time tells it from a later process
# that got the same number.
spawn() {
  local name=$1
  shift
  rm -f "$DIR/pids/$name"
  # shellcheck disable=SC2016 # expands in the child
  setsid bash -c 'stat=$(</proc/$$/stat); set -- ${stat##*) } -- "$@"; echo "$$ ${20}" >"$0"; while [ "$1" != -- ]; do shift; done; shift; exec "$@"' \
    "$DIR/pids/$name" "$@" >"$DIR/log/$name.log" 2>&1 </dev/null &
  while [ ! -s "$DIR/pids/$name" ]; do sleep 0.01; done
}

process_id() {
  local pid _
  read -r pid _ <"$DIR/pids/$1" && echo "$pid"
}

# Whether the process of that name runs: same number, same start time, not a zombie that nobody has reaped yet.
process_alive() {
  local pid started stat
  [ -s "$DIR/pids/$1" ] || return 1
  read -r pid started <"$DIR/pids/$1"
  stat=$(cat "/proc/$pid/stat" 2>/dev/null) || return 1
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  [ "$1" != Z ] && [ "${20}" = "$started" ]
}

# Kills the processes whose names match. The data is thrown away with the folder, so nothing needs to shut down well;
# SIGKILL also ends a process that a test left stopped.
stop_processes() {
  local file name names=()
  for file in "$DIR"/pids/$1; do
    name=${file##*/}
    process_alive "$name" || continue
    kill -KILL -- "-$(process_id "$name")" 2>/dev/null || true
    names+=("$name")
  done
  for name in "${names[@]}"; do
    while process_alive "$name"; do sleep 0.02; done
  done
  for file in "$DIR"/pids/$1; do rm -f "$file"; done
}

# Whether everything of a service runs.
service_runs() {
  local file found=1
  [ -e "$DIR/$1/env" ] || return 1
  for file in "$DIR/pids/$1"-*; do
    process_alive "${file##*/}" || return 1
    found=0
  done
  return $found
}

CHOSEN_PORTS=" "

# free_port VARIABLE: sets it to a port on loopback that nobody listens on, below the range that outgoing connections use.
free_port() {
  local port
  while :; do
    port=$((10000 + (RANDOM * 32768 + RANDOM) % 22000))
    [[ $CHOSEN_PORTS == *" $port "* ]] && continue
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  CHOSEN_PORTS+="$port "
  printf -v "$1" %s "$port"
}

# await SECONDS NAME COMMAND...: repeats the command until it succeeds; fails when process NAME died or time is up.
await() {
  local end=$((SECONDS + $1)) name=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    process_alive "$name" || { echo "$name ended:"; tail -n 20 "$DIR/log/$name.log"; return 1; }
    [ $SECONDS -lt $end ] || { echo "$name is not ready in time: $*"; tail -n 20 "$DIR/log/$name.log"; return 1; }
    sleep 0.1
  done
}

listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }
