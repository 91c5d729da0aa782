#!/bin/bash
# Starts a one-node Ceph for the tests: ceph.sh DIR. A monitor, a manager, an OSD that keeps its objects in memory, and
# radosgw with S3 (and Swift's v1.0 login) over http and https. Tests make their own pools and buckets.
set -euo pipefail
DIR=$1
. "$(dirname "$0")/lib.sh"
HOME_DIR=$DIR/ceph
S3_KEY_ID=SEAFTESTACCESSKEY000
S3_KEY=SeafTestSecretKey0000000000000000000000
free_port MON_PORT
free_port RGW_PORT
free_port RGW_TLS_PORT
FSID=$(cat /proc/sys/kernel/random/uuid)
# Neither the machine's own ceph.conf nor arguments meant for it may leak in.
export CEPH_CONF=$HOME_DIR/ceph.conf CEPH_ARGS=

ca_and_certificate() {
  cd "$HOME_DIR"
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=seaf-migrate test CA" -keyout ca.key -out ca.pem
  openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout rgw.key -out rgw.csr
  # A certificate of a CA may not serve as a server's: strict clients refuse it, hence the second one.
  openssl x509 -req -in rgw.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -out rgw.pem \
    -extfile <(echo "subjectAltName=DNS:localhost,DNS:*.localhost,IP:127.0.0.1")
}

# Admin sockets are off, because a path below a deep folder is longer than a socket's may be. Pools of one copy and few
# placement groups keep a test's own pool cheap. A pool of one copy never gets its read lease back once that has lapsed
# (16 s), since it is the other copies that renew it: so the lease outlasts the time that tests stop the OSD for.
write_conf() {
  cat >"$CEPH_CONF" <<C
[global]
fsid = $FSID
mon host = [v2:127.0.0.1:$MON_PORT]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
auth allow insecure global id reclaim = false
keyring = $HOME_DIR/keyring
run dir = $HOME_DIR
crash dir = $HOME_DIR
admin socket =
log file = $DIR/log/ceph-\$name.log
log to stderr = false
err to stderr = false
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default read lease ratio = 30
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
mon allow pool size one = true
mon allow pool delete = true
mon max pg per osd = 4000
mon data avail crit = 1
mon data avail warn = 1
paxos propose interval = 0.05
paxos min wait = 0.02
[mgr]
mgr data = $HOME_DIR/mgr
mgr initial modules =
mgr stats period = 1
[mon]
mon data = $HOME_DIR/mon
[osd]
osd data = $HOME_DIR/osd
osd objectstore = memstore
memstore device bytes = 8G
osd max object name len = 1024
[client.rgw]
log file = $DIR/log/ceph-rgw-client.log
rgw frontends = beast endpoint=127.0.0.1:$RGW_PORT ssl_endpoint=127.0.0.1:$RGW_TLS_PORT ssl_certificate=$HOME_DIR/rgw.pem ssl_private_key=$HOME_DIR/rgw.key tcp_nodelay=1
rgw dns name = localhost
rgw crypt require ssl = false
rgw rados pool pg num min = 4
rgw thread pool size = 32
rgw max concurrent requests = 256
rgw dynamic resharding = false
C
}

# Every key is in the one keyring that the monitor starts from, so that none must be asked for later.
write_keyring() {
  ceph-authtool -C "$HOME_DIR/keyring" --gen-key -n mon. --cap mon 'allow *'
  ceph-authtool "$HOME_DIR/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
  ceph-authtool "$HOME_DIR/keyring" --gen-key -n client.rgw --cap mon 'allow rw' --cap osd 'allow rwx'
  ceph-authtool "$HOME_DIR/keyring" --gen-key -n mgr.x --cap mon 'allow profile mgr' --cap osd 'allow *'
  ceph-authtool "$HOME_DIR/keyring" --gen-key -n osd.0 --cap mon 'allow profile osd' --cap osd 'allow *'
}

start_mon() {
  monmaptool --create --fsid "$FSID" --addv a "[v2:127.0.0.1:$MON_PORT]" "$HOME_DIR/monmap" --clobber
  ceph-mon --mkfs -i a --monmap "$HOME_DIR/monmap" --keyring "$HOME_DIR/keyring"
  spawn ceph-mon ceph-mon -f -i a
  await 180 ceph-mon listening "$MON_PORT"
}

# The manager counts what is in a pool; without it a quota is never reached.
start_mgr() {
  mkdir -p "$HOME_DIR/mgr"
  spawn ceph-mgr ceph-mgr -f -i x
}

start_osd() {
  local uuid
  uuid=$(cat /proc/sys/kernel/random/uuid)
  mkdir -p "$HOME_DIR/osd"
  timeout 60 ceph osd new "$uuid" 0
  ceph-osd -i 0 --mkfs --osd-uuid "$uuid"
  spawn ceph-osd ceph-osd -f -i 0
}

osd_is_up() { timeout 20 ceph osd stat | grep -q '1 up'; }

start_rgw() {
  timeout 120 radosgw-admin -n client.rgw user create --uid seafile --display-name Seafile \
    --access-key "$S3_KEY_ID" --secret-key "$S3_KEY" >/dev/null
  timeout 60 radosgw-admin -n client.rgw subuser create --uid seafile --subuser seafile:swift --access full \
    --key-type swift --secret SeafSwiftSecret >/dev/null
  spawn ceph-rgw radosgw -f -n client.rgw
  await 180 ceph-rgw curl -sf "http://127.0.0.1:$RGW_PORT/"
  await 10 ceph-rgw curl -sf --cacert "$HOME_DIR/ca.pem" "https://localhost:$RGW_TLS_PORT/"
}

write_conf
write_keyring
ca_and_certificate
start_mon
start_mgr
start_osd
await 180 ceph-osd osd_is_up
start_rgw

cat >"$HOME_DIR/env" <<E
export SEAF_TEST_CEPH_CONF=$CEPH_CONF
export SEAF_TEST_CEPH_POOL_PREFIX=seaf-test-
export SEAF_TEST_CEPH_OSD_PID=$(process_id ceph-osd)
export SEAF_TEST_RGW=http://127.0.0.1:$RGW_PORT
export SEAF_TEST_RGW_HTTPS=https://localhost:$RGW_TLS_PORT
export SEAF_TEST_RGW_CA=$HOME_DIR/ca.pem
export SEAF_TEST_RGW_KEY_ID=$S3_KEY_ID
export SEAF_TEST_RGW_KEY=$S3_KEY
export SEAF_TEST_RGW_SWIFT_USER=seafile:swift
export SEAF_TEST_RGW_SWIFT_PASSWORD=SeafSwiftSecret
E
