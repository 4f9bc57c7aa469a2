# shellcheck shell=bash
# PgBouncer before this stack's PostgreSQL: in session mode, but for the role by_transaction, which a test makes.

pgbouncer_install() {
  postgres_install # whose user it runs as
  has_command pgbouncer || [[ -x /usr/sbin/pgbouncer ]] || apt_install "PgBouncer is missing" pgbouncer
  PGBOUNCER=$(command -v pgbouncer || echo /usr/sbin/pgbouncer)
}

pgbouncer_prepare() {
  local folder=$STATE/pgbouncer port
  [[ -f $STATE/postgres/port ]] || die "pgbouncer: it needs the part postgres in the same stack"
  mkdir -p "$folder"
  port=$(free_port "$folder/port")
  printf '"%s" ""\n' "$POSTGRES_ROLE" by_transaction >"$folder/users"
  cat >"$folder/pgbouncer.ini" <<-SETTINGS
	[databases]
	* = host=127.0.0.1 port=$(cat "$STATE/postgres/port")
	[users]
	by_transaction = pool_mode=transaction
	[pgbouncer]
	listen_addr = 127.0.0.1
	listen_port = $port
	unix_socket_dir =
	auth_type = trust
	auth_file = $folder/users
	pool_mode = session
	max_client_conn = 500
	default_pool_size = 60
	# What it does not know by name it refuses.
	ignore_startup_parameters = extra_float_digits
	SETTINGS
}

# It refuses to run as root, as PostgreSQL does.
pgbouncer_launch() {
  local as_user=()
  [[ -z $POSTGRES_USER ]] || as_user=(setpriv --reuid "$POSTGRES_USER" --regid "$POSTGRES_USER" --init-groups --)
  launch pgbouncer "${as_user[@]}" "$PGBOUNCER" "$STATE/pgbouncer/pgbouncer.ini"
}

pgbouncer_ready() { port_answers "$(cat "$STATE/pgbouncer/port")"; }

pgbouncer_stop() { end_part pgbouncer TERM 10; }

pgbouncer_exports() {
  export_line SAGA_TEST_PGBOUNCER "127.0.0.1:$(cat "$STATE/pgbouncer/port")"
}
