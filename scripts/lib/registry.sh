# shellcheck shell=bash
# Apicurio, a schema registry that speaks Confluent's protocol. It keeps schemas in memory only:
# after a restart it knows none.

REGISTRY_VERSION=2.6.13.Final

registry_install() {
  need_java
  install_once "apicurio-$REGISTRY_VERSION" registry_download
  REGISTRY_FOLDER=$(cache_folder)/apicurio-$REGISTRY_VERSION
}

registry_download() {
  need_command mvn maven
  maven "$MAVEN_DEPENDENCY:copy" -Dartifact="io.apicurio:apicurio-registry-app:$REGISTRY_VERSION:tar.gz:all" \
    -DoutputDirectory="$1"
  tar -xzf "$1"/*.tar.gz -C "$1"
  rm "$1"/*.tar.gz
}

registry_prepare() {
  mkdir -p "$STATE/registry/tmp"
  free_port "$STATE/registry/port" >/dev/null
}

registry_launch() {
  launch registry "$(java_command)" -Xmx384m -XX:-UsePerfData "-Djava.io.tmpdir=$STATE/registry/tmp" \
    -Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$(cat "$STATE/registry/port")" \
    -jar "$REGISTRY_FOLDER/apicurio-registry-app-$REGISTRY_VERSION-runner.jar"
}

registry_ready() { answers_http registry /apis/ccompat/v7/subjects; }

registry_stop() { end_part registry TERM 20; }

registry_exports() {
  export_line SCHEMA_REGISTRY_URL "http://127.0.0.1:$(cat "$STATE/registry/port")/apis/ccompat/v7"
}
