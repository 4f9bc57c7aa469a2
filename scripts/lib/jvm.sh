# shellcheck shell=bash
# The JVM clients of Kafka, Avro and a schema registry that the tests use as foreign producers and consumers, on a
# class path. Nothing runs.

JVM_POM=$ROOT/saga-server/tests/java/pom.xml

jvm_install() {
  local key
  need_java
  key=$(content_key jvm "$JVM_POM")
  install_once "$key" jvm_download
  JVM_CLASS_PATH="$(cache_folder)/$key/libs/*"
}

jvm_download() {
  need_command mvn maven
  maven --file "$JVM_POM" "$MAVEN_DEPENDENCY:copy-dependencies" -DincludeScope=runtime \
    -DoutputDirectory="$1/libs"
}

jvm_prepare() { mkdir -p "$STATE/jvm"; }

jvm_exports() {
  export_line SAGA_TEST_JAVA_CLASS_PATH "$JVM_CLASS_PATH"
}
