# shellcheck shell=bash
# Apache Kafka, one node, KRaft: broker and controller in one process; with SAGA_PARTS_TLS_DIR also two listeners
# with TLS.

KAFKA_POM=$LIB/kafka-pom.xml

kafka_install() {
  local key
  need_java
  key=$(content_key kafka "$KAFKA_POM")
  install_once "$key" kafka_download
  KAFKA_LIBS="$(cache_folder)/$key/libs/*"
  KAFKA_JAVA=("$(java_command)" -Xmx512m -XX:-UsePerfData "-Djava.io.tmpdir=$STATE/kafka/tmp"
    "-Dlog4j2.configurationFile=$LIB/kafka-log4j2.properties" -cp "$KAFKA_LIBS")
}

kafka_download() {
  need_command mvn maven
  maven --file "$KAFKA_POM" "$MAVEN_DEPENDENCY:copy-dependencies" -DincludeScope=runtime \
    -DoutputDirectory="$1/libs"
}

# All of Kafka's own settings that tests depend on are here.
kafka_prepare() {
  local folder=$STATE/kafka port controller_port oauth tls_listeners='' scram=()
  mkdir -p "$folder/tmp"
  port=$(free_port "$folder/port")
  controller_port=$(free_port "$folder/controller-port")
  oauth=,OAUTH://127.0.0.1:$(free_port "$folder/oauth-port")
  if kafka_has_tls; then
    tls_listeners=",SASL_SSL://127.0.0.1:$(free_port "$folder/sasl-ssl-port"),SSL://127.0.0.1:$(free_port "$folder/ssl-port")"
    scram=(--add-scram "SCRAM-SHA-512=[name=$KAFKA_TLS_USER,password=$KAFKA_TLS_PASSWORD]")
  fi
  cat >"$folder/server.properties" <<-PROPERTIES
	process.roles=broker,controller
	node.id=1
	controller.quorum.voters=1@127.0.0.1:$controller_port
	listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port$oauth$tls_listeners
	advertised.listeners=PLAINTEXT://127.0.0.1:$port$oauth$tls_listeners
	controller.listener.names=CONTROLLER
	listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,OAUTH:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
	# Takes tokens that are not signed.
	listener.name.oauth.sasl.enabled.mechanisms=OAUTHBEARER
	listener.name.oauth.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
	log.dirs=$folder/data

	# A killed broker's registration must lapse before it is let in again.
	broker.session.timeout.ms=2000
	broker.heartbeat.interval.ms=500

	# One node cannot replicate; few partitions of Kafka's own topics make it start faster.
	offsets.topic.replication.factor=1
	offsets.topic.num.partitions=3
	transaction.state.log.replication.factor=1
	transaction.state.log.min.isr=1
	transaction.state.log.num.partitions=3
	group.initial.rebalance.delay.ms=0

	# As in production: a misspelt topic is an error, and a record has a limit.
	auto.create.topics.enable=false
	num.partitions=3
	message.max.bytes=1048588
	# Tests write events of any age, which would be deleted at once by a limit on age.
	log.retention.ms=-1
	${SAGA_PARTS_KAFKA_SETTINGS:-}
	PROPERTIES
  if kafka_has_tls; then kafka_tls_properties >>"$folder/server.properties"; fi
  [[ -d $folder/data ]] && return
  # Any 16 bytes will do; asking Kafka for them costs a second of processor time.
  "${KAFKA_JAVA[@]}" kafka.tools.StorageTool format --config "$folder/server.properties" \
    --cluster-id "$(head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | tr -d =)" "${scram[@]}" \
    >"$folder/log" 2>&1 || {
    cat "$folder/log" >&2
    die "kafka: the data folder could not be formatted"
  }
}

# Once a stack has its listeners, it keeps them: "start" needs no second listing.
kafka_has_tls() { [[ ${SAGA_PARTS_TLS_DIR:-} || -f $STATE/kafka/ssl-port ]]; }

KAFKA_TLS_USER=saga
KAFKA_TLS_PASSWORD=saga-secret

# Kafka takes key and certificate in one file.
kafka_tls_properties() {
  local folder=$STATE/kafka
  if [[ ${SAGA_PARTS_TLS_DIR:-} ]]; then
    cat "$SAGA_PARTS_TLS_DIR/server.key" "$SAGA_PARTS_TLS_DIR/server.pem" >"$folder/server.pem"
    cp "$SAGA_PARTS_TLS_DIR/ca.pem" "$folder/ca.pem"
  fi
  cat <<-PROPERTIES

	ssl.keystore.type=PEM
	ssl.keystore.location=$folder/server.pem
	ssl.truststore.type=PEM
	ssl.truststore.location=$folder/ca.pem
	listener.name.ssl.ssl.client.auth=required
	listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512
	listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
	PROPERTIES
}

kafka_launch() {
  launch kafka "${KAFKA_JAVA[@]}" kafka.Kafka "$STATE/kafka/server.properties"
}

# Asks the broker for its metadata (request 3, version 1, correlation 1, no client id, no topics): it is
# ready when it answers and counts itself among the live brokers. Kafka's own tools ask the same, but take
# a second of processor time to start.
kafka_ready() {
  local answer
  answer=$({
    exec 7<>"/dev/tcp/127.0.0.1/$(cat "$STATE/kafka/port")"
    printf '\0\0\0\016\0\003\0\001\0\0\0\001\377\377\0\0\0\0' >&7
    # Length, correlation, number of brokers: 4 bytes each.
    timeout 2 head -c 12 <&7 | od -An -v -tx1 | tr -d ' \n'
  } 2>/dev/null) || return 1
  [[ ${#answer} == 24 && ${answer:8:8} == 00000001 && ${answer:16:8} != 00000000 ]]
}

kafka_stop() { end_part kafka TERM 30; }

kafka_exports() {
  export_line KAFKA_BOOTSTRAP_SERVERS "127.0.0.1:$(cat "$STATE/kafka/port")"
  export_line SAGA_TEST_KAFKA_OAUTH "127.0.0.1:$(cat "$STATE/kafka/oauth-port")"
  if kafka_has_tls; then
    export_line SAGA_TEST_KAFKA_SASL_SSL "127.0.0.1:$(cat "$STATE/kafka/sasl-ssl-port")"
    export_line SAGA_TEST_KAFKA_SSL "127.0.0.1:$(cat "$STATE/kafka/ssl-port")"
  fi
}
