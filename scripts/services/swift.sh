#!/bin/bash
# Starts OpenStack Swift for the tests: swift.sh DIR. One storage node behind three proxies: v1.0 login (tempauth),
# v1.0 login with tokens that live three seconds, and Keystone (v3, and v2.0 by a stand-in, because Keystone dropped it).
set -euo pipefail
DIR=$1
. "$(dirname "$0")/lib.sh"
SERVICES=$(cd "$(dirname "$0")" && pwd)
HOME_DIR=$DIR/swift
ETC=$HOME_DIR/etc
# The machine's own Python, not one that a developer put in front of it: Debian's packages are there.
PYTHON=/usr/bin/python3
PASSWORD=SeafSwiftSecret
for port in ACCOUNT CONTAINER OBJECT MEMCACHED V1 V1_SHORT V3_PROXY KEYSTONE V2; do free_port "PORT_$port"; done
mkdir -p "$ETC" "$HOME_DIR/devices/d1"

default_section() {
  cat <<C
[DEFAULT]
swift_dir = $ETC
user = $(id -un)
bind_ip = 127.0.0.1
bind_port = $1
workers = 0
log_level = WARNING
log_address = /dev/null
C
}

storage_server() {
  local kind=$1 port=$2
  (
    cd "$ETC"
    swift-ring-builder "$kind.builder" create 6 1 0
    swift-ring-builder "$kind.builder" add "r1z1-127.0.0.1:$port/d1" 1
    swift-ring-builder "$kind.builder" rebalance
  )
  {
    default_section "$port"
    printf 'devices = %s\nmount_check = false\n' "$HOME_DIR/devices"
    printf '[pipeline:main]\npipeline = %s-server\n[app:%s-server]\nuse = egg:swift#%s\n' "$kind" "$kind" "$kind"
    # Without this the object server waits for a replicator that is not there.
    if [ "$kind" = object ]; then printf 'replication_server = false\n[object-replicator]\n'; fi
  } >"$ETC/$kind.conf"
  spawn "swift-$kind" "$PYTHON" "/usr/bin/swift-$kind-server" "$ETC/$kind.conf"
}

# proxy NAME PORT FILTERS TOKEN_LIFE USER
proxy() {
  local name=$1 filters=$3 filter
  {
    default_section "$2"
    cat <<C
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk $filters slo dlo proxy-logging proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$PORT_MEMCACHED
# The tokens are in there. A busy machine is slow to answer, and Swift would do without it for a minute: nobody could log in.
connect_timeout = 20
pool_timeout = 20
io_timeout = 20
error_suppression_limit = 1000000
[filter:proxy-logging]
use = egg:swift#proxy_logging
[filter:tempauth]
use = egg:swift#tempauth
user_seafile_$5 = $PASSWORD .admin
token_life = $4
[filter:authtoken]
paste.filter_factory = keystonemiddleware.auth_token:filter_factory
www_authenticate_uri = http://127.0.0.1:$PORT_KEYSTONE/v3
auth_url = http://127.0.0.1:$PORT_KEYSTONE/v3
auth_type = password
username = swift
password = swiftpass
project_name = service
user_domain_id = default
project_domain_id = default
delay_auth_decision = True
cache = swift.cache
service_token_roles_required = False
[filter:keystoneauth]
use = egg:swift#keystoneauth
operator_roles = admin, member
C
    for filter in catch_errors gatekeeper healthcheck listing_formats bulk slo dlo; do
      printf '[filter:%s]\nuse = egg:swift#%s\n' "$filter" "$filter"
    done
  } >"$ETC/$name.conf"
  spawn "swift-$name" "$PYTHON" /usr/bin/swift-proxy-server "$ETC/$name.conf"
}

keystone() {
  local conf=$ETC/keystone.conf url=http://127.0.0.1:$PORT_KEYSTONE/v3
  mkdir -p -m 700 "$ETC/fernet" "$ETC/credential-keys"
  cat >"$conf" <<C
[DEFAULT]
log_file = $DIR/log/swift-keystone-app.log
[database]
connection = sqlite:///$HOME_DIR/keystone.db
[token]
provider = fernet
expiration = 86400
[fernet_tokens]
key_repository = $ETC/fernet
[fernet_receipts]
key_repository = $ETC/fernet
[credential]
key_repository = $ETC/credential-keys
C
  manage() { keystone-manage --config-file "$conf" "$@"; }
  manage db_sync
  manage fernet_setup --keystone-user "$(id -un)" --keystone-group "$(id -gn)"
  manage credential_setup --keystone-user "$(id -un)" --keystone-group "$(id -gn)"
  manage bootstrap --bootstrap-password adminpass --bootstrap-admin-url "$url" --bootstrap-internal-url "$url" \
    --bootstrap-public-url "$url" --bootstrap-region-id RegionOne
  OS_KEYSTONE_CONFIG_FILES=$conf spawn swift-keystone uwsgi --plugin python3 --http-socket "127.0.0.1:$PORT_KEYSTONE" \
    --wsgi-file /usr/bin/keystone-wsgi-public --processes 1 --threads 1 --die-on-term --buffer-size 65535 --disable-logging
  # It listens long before it can answer.
  await 180 swift-keystone curl -sf "$url"
  "$PYTHON" "$SERVICES/keystone_setup.py" "$url" "http://127.0.0.1:$PORT_V3_PROXY" "$PASSWORD"
  spawn swift-keystone-v2 "$PYTHON" "$SERVICES/keystone_v2.py" "$PORT_V2" "$url"
}

printf '[swift-hash]\nswift_hash_path_suffix = tests\nswift_hash_path_prefix = tests\n[storage-policy:0]\nname = Policy-0\ndefault = yes\n' \
  >"$ETC/swift.conf"
spawn swift-memcached memcached -u "$(id -un)" -l 127.0.0.1 -p "$PORT_MEMCACHED" -m 32
storage_server account "$PORT_ACCOUNT"
storage_server container "$PORT_CONTAINER"
storage_server object "$PORT_OBJECT"
proxy v1 "$PORT_V1" tempauth 86400 swift
# Another user, because tempauth hands a user's live token out again and it may come from the other proxy.
proxy v1-short "$PORT_V1_SHORT" tempauth 3 short
keystone
proxy v3 "$PORT_V3_PROXY" "authtoken keystoneauth" 86400 none

await 180 swift-account listening "$PORT_ACCOUNT"
await 180 swift-container listening "$PORT_CONTAINER"
await 180 swift-object listening "$PORT_OBJECT"
await 180 swift-v1 listening "$PORT_V1"
await 180 swift-v1-short listening "$PORT_V1_SHORT"
await 180 swift-v3 listening "$PORT_V3_PROXY"
await 180 swift-keystone-v2 listening "$PORT_V2"
cat >"$HOME_DIR/env" <<E
export SEAF_TEST_SWIFT_V1=http://127.0.0.1:$PORT_V1
export SEAF_TEST_SWIFT_V1_USER=seafile:swift
export SEAF_TEST_SWIFT_V1_SHORT=http://127.0.0.1:$PORT_V1_SHORT
export SEAF_TEST_SWIFT_V1_SHORT_USER=seafile:short
export SEAF_TEST_SWIFT_V2=http://127.0.0.1:$PORT_V2
export SEAF_TEST_SWIFT_V3=http://127.0.0.1:$PORT_KEYSTONE
export SEAF_TEST_SWIFT_USER=seafile
export SEAF_TEST_SWIFT_TENANT=seafile
export SEAF_TEST_SWIFT_DOMAIN=default
export SEAF_TEST_SWIFT_REGION=RegionOne
export SEAF_TEST_SWIFT_PASSWORD=$PASSWORD
E
