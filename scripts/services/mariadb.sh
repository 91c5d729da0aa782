#!/bin/bash
# Starts MariaDB for the tests: mariadb.sh DIR. User seafile, password seafile, may create databases.
set -euo pipefail
DIR=$1
. "$(dirname "$0")/lib.sh"
HOME_DIR=$DIR/mariadb
free_port PORT

cat >"$HOME_DIR/init.sql" <<'SQL'
CREATE USER IF NOT EXISTS seafile@'127.0.0.1' IDENTIFIED BY 'seafile';
GRANT ALL ON *.* TO seafile@'127.0.0.1';
SQL

mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db --user="$(id -un)" \
  --datadir="$HOME_DIR/data" --innodb-log-file-size=16M

# The socket is relative to the data folder, because the whole path could be longer than a socket's may be.
spawn mariadb-server mariadbd --no-defaults --user="$(id -un)" --datadir="$HOME_DIR/data" --socket=m.sock \
  --init-file="$HOME_DIR/init.sql" --bind-address=127.0.0.1 --port="$PORT" --skip-name-resolve \
  --character-set-server=utf8mb4 --innodb-buffer-pool-size=64M --innodb-log-file-size=16M \
  --innodb-flush-log-at-trx-commit=2 --performance-schema=off
await 180 mariadb-server mariadb-admin --no-defaults -useafile -pseafile -h127.0.0.1 -P"$PORT" ping

echo "export SEAF_TEST_MARIADB=mysql://seafile:seafile@127.0.0.1:$PORT/" >"$HOME_DIR/env"
