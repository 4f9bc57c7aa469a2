# shellcheck shell=bash
# PostgreSQL: a private cluster, with TLS when there is SAGA_PARTS_TLS_DIR. It refuses to run as root, so root lends it an unprivileged user.

POSTGRES_DATABASE=saga_tracker
POSTGRES_ROLE=saga
# A log for logical decoding is longer, so only a part that decodes it asks for one.
POSTGRES_WAL_LEVEL=replica

postgres_install() {
  if ! find_postgres; then
    install_postgres_package
    find_postgres || die "postgresql is installed, but without initdb, postgres, psql and pg_isready in one folder"
  fi
  if [[ $(id -u) == 0 ]]; then
    POSTGRES_USER=postgres # Debian's package makes it
    getent passwd "$POSTGRES_USER" >/dev/null || useradd --system --no-create-home "$POSTGRES_USER"
  else
    POSTGRES_USER=
  fi
}

# The server's commands are often not on the path, and what is on the path may only wrap them.
find_postgres() {
  local folder
  for folder in "$(pg_config --bindir 2>/dev/null)" \
    $(printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort --reverse) \
    "$(dirname "$(command -v initdb)")"; do
    if [[ -x $folder/initdb && -x $folder/postgres && -x $folder/psql && -x $folder/pg_isready ]]; then
      POSTGRES_BIN=$folder
      return
    fi
  done
  return 1
}

install_postgres_package() (
  # Debian's package would make and start a cluster of its own on port 5432.
  local settings=/etc/postgresql-common/createcluster.d/saga-tracker.conf
  if [[ $(id -u) == 0 ]]; then
    mkdir -p "${settings%/*}"
    printf 'create_main_cluster = false\n' >"$settings"
    trap 'rm -f "$settings"' EXIT
  fi
  apt_install "PostgreSQL's server is missing" postgresql
)

# In a folder that the server's user may not enter, its error is misleading.
as_postgres() {
  if [[ $POSTGRES_USER ]]; then
    (cd / && exec setpriv --reuid "$POSTGRES_USER" --regid "$POSTGRES_USER" --init-groups -- "$@")
  else
    "$@"
  fi
}

postgres_prepare() {
  local folder=$STATE/postgres port
  mkdir -p "$folder"
  port=$(free_port "$folder/port")
  ((${#folder} + ${#port} < 90)) || die "postgres: a Unix socket's path is at most 107 bytes, so TMPDIR must be shorter"
  [[ -d $folder/data ]] && return
  [[ -z $POSTGRES_USER ]] || chown "$POSTGRES_USER" "$folder"
  as_postgres test -w "$folder" ||
    die "postgres: its user ${POSTGRES_USER:-} cannot enter $folder, so TMPDIR must be a folder open to all"

  # Made under another name, so that an interrupted initdb does not count. What "no-sync" leaves unsynced is
  # an empty cluster; the server itself runs with fsync, for outages are tested.
  as_postgres rm -rf "$folder/data.partial"
  as_postgres "$POSTGRES_BIN/initdb" --pgdata "$folder/data.partial" --username "$POSTGRES_ROLE" \
    --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync >"$folder/log" 2>&1 || {
    cat "$folder/log" >&2
    die "postgres: initdb failed"
  }
  as_postgres tee -a "$folder/data.partial/postgresql.conf" >/dev/null <<-SETTINGS
	listen_addresses = '127.0.0.1'
	port = $port
	unix_socket_directories = '$folder'
	max_connections = 200
	shared_buffers = 256MB
	timezone = 'UTC'
	wal_level = $POSTGRES_WAL_LEVEL
	log_line_prefix = '%m [%p] %a '
	${SAGA_PARTS_POSTGRES_SETTINGS:-}
	SETTINGS
  if [[ ${SAGA_PARTS_TLS_DIR:-} ]]; then postgres_tls "$folder/data.partial"; fi
  mv "$folder/data.partial" "$folder/data"
}

# PostgreSQL wants its key readable by its own user only. The first line that fits a client counts.
postgres_tls() {
  local data=$1 file rules
  for file in ca.pem server.pem server.key; do
    as_postgres install -m 600 /dev/stdin "$data/$file" <"$SAGA_PARTS_TLS_DIR/$file"
  done
  as_postgres tee -a "$data/postgresql.conf" >/dev/null <<-SETTINGS
	ssl = on
	ssl_cert_file = 'server.pem'
	ssl_key_file = 'server.key'
	ssl_ca_file = 'ca.pem'
	SETTINGS
  rules=$(cat "$data/pg_hba.conf")
  as_postgres tee "$data/pg_hba.conf" >/dev/null <<-RULES
	hostssl all by_password all scram-sha-256
	hostssl all by_certificate all cert
	$rules
	RULES
}

# A server that was killed leaves its lock files. Whether one still runs is judged by the process of that number, and one
# that is dead but not yet reaped by its parent would count as running.
postgres_forget_the_dead() {
  local folder=$STATE/postgres pid
  pid=$(head -n 1 "$folder/data/postmaster.pid" 2>/dev/null) || return 0
  if [[ ! -e /proc/$pid ]] || grep -qs '^State:[[:space:]]*Z' "/proc/$pid/status"; then
    rm -f "$folder/data/postmaster.pid" "$folder"/.s.PGSQL.*.lock
  fi
}

postgres_launch() {
  local as_user=()
  postgres_forget_the_dead
  [[ -z $POSTGRES_USER ]] || as_user=(setpriv --reuid "$POSTGRES_USER" --regid "$POSTGRES_USER" --init-groups --)
  launch postgres "${as_user[@]}" "$POSTGRES_BIN/postgres" -D "$STATE/postgres/data"
}

postgres_ready() {
  "$POSTGRES_BIN/pg_isready" --quiet --host 127.0.0.1 --port "$(cat "$STATE/postgres/port")" &&
    { postgres_query "$POSTGRES_DATABASE" 'select 1' || postgres_query postgres "create database $POSTGRES_DATABASE"; }
}

postgres_query() (
  # Whatever a person has set for psql, such as PGSSLMODE, is meant for another server.
  unset "${!PG@}"
  "$POSTGRES_BIN/psql" --no-psqlrc --quiet --host 127.0.0.1 --port "$(cat "$STATE/postgres/port")" \
    --username "$POSTGRES_ROLE" --dbname "$1" --command "$2" >/dev/null 2>&1
)

# SIGINT is PostgreSQL's fast shutdown: clients are cut off, everything is written.
postgres_stop() { end_part postgres INT 30; }

postgres_exports() {
  local port
  port=$(cat "$STATE/postgres/port")
  export_line DATABASE_URL "postgres://$POSTGRES_ROLE@127.0.0.1:$port/$POSTGRES_DATABASE"
  export_line SAGA_TEST_DATABASE_SOCKET_URL \
    "postgres:///$POSTGRES_DATABASE?host=$STATE/postgres&port=$port&user=$POSTGRES_ROLE"
}
