# shellcheck shell=bash
# Kafka Connect, one standalone worker, with Debezium's connector for PostgreSQL as its users install it. It reads this stack's
# PostgreSQL and writes to its Kafka. Tests give it connectors by its REST interface; it forgets them when it ends, and keeps their
# offsets.

DEBEZIUM_VERSION=3.6.1.Final

debezium_install() {
  kafka_install # Kafka Connect is among Kafka's jars
  install_once "debezium-postgres-$DEBEZIUM_VERSION" debezium_download
  DEBEZIUM_PLUGINS=$(cache_folder)/debezium-postgres-$DEBEZIUM_VERSION
  POSTGRES_WAL_LEVEL=logical
}

debezium_download() {
  need_command mvn maven
  maven "$MAVEN_DEPENDENCY:copy" -DoutputDirectory="$1" \
    -Dartifact="io.debezium:debezium-connector-postgres:$DEBEZIUM_VERSION:tar.gz:plugin"
  tar -xzf "$1"/*.tar.gz -C "$1"
  rm "$1"/*.tar.gz
}

debezium_prepare() {
  local folder=$STATE/debezium port
  [[ -f $STATE/kafka/port && -f $STATE/postgres/port ]] ||
    die "debezium: it needs the parts kafka and postgres in the same stack"
  grep -qsx "wal_level = logical" "$STATE/postgres/data/postgresql.conf" ||
    die "debezium: this stack's PostgreSQL was made without it, so take the stack down and start both together"
  mkdir -p "$folder/tmp"
  port=$(free_port "$folder/port")
  cat >"$folder/worker.properties" <<-PROPERTIES
	bootstrap.servers=127.0.0.1:$(cat "$STATE/kafka/port")
	listeners=http://127.0.0.1:$port
	plugin.path=$DEBEZIUM_PLUGINS
	# Reading every class of the jars would take seconds.
	plugin.discovery=service_load
	offset.storage.file.filename=$folder/offsets
	# Only when a connector stops in good order: what one that was killed has written is written again, in every test that kills it.
	offset.flush.interval.ms=600000
	# A connector says its own.
	key.converter=org.apache.kafka.connect.json.JsonConverter
	value.converter=org.apache.kafka.connect.json.JsonConverter
	PROPERTIES
}

debezium_launch() {
  launch debezium "$(java_command)" -Xmx384m -XX:-UsePerfData "-Djava.io.tmpdir=$STATE/debezium/tmp" \
    "-Dlog4j2.configurationFile=$LIB/kafka-log4j2.properties" -cp "$KAFKA_LIBS" \
    org.apache.kafka.connect.cli.ConnectStandalone "$STATE/debezium/worker.properties"
}

debezium_ready() { answers_http debezium /connectors; }

debezium_stop() { end_part debezium TERM 30; }

debezium_exports() {
  export_line SAGA_TEST_CONNECT "http://127.0.0.1:$(cat "$STATE/debezium/port")"
}
