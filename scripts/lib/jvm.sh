# shellcheck shell=bash
# The JVM clients of Kafka, Avro and a schema registry that the tests use as foreign producers and consumers, on a
# class path, and a generator of clients of the API. Nothing runs.

JVM_POM=$ROOT/saga-server/tests/java/pom.xml
JVM_GENERATOR_POM=$ROOT/saga-server/tests/java/generator/pom.xml

jvm_install() {
  local key
  need_java
  key=$(content_key jvm <(cat "$JVM_POM" "$JVM_GENERATOR_POM"))
  install_once "$key" jvm_download
  JVM_CLASS_PATH="$(cache_folder)/$key/libs/*"
  JVM_GENERATOR="$(cache_folder)/$key/generator/openapi-generator-cli.jar"
}

jvm_download() {
  need_command mvn maven
  maven --file "$JVM_POM" "$MAVEN_DEPENDENCY:copy-dependencies" -DincludeScope=runtime \
    -DoutputDirectory="$1/libs"
  maven --file "$JVM_GENERATOR_POM" "$MAVEN_DEPENDENCY:copy-dependencies" -Dmdep.stripVersion=true \
    -DoutputDirectory="$1/generator"
}

jvm_prepare() { mkdir -p "$STATE/jvm"; }

jvm_exports() {
  export_line SAGA_TEST_JAVA_CLASS_PATH "$JVM_CLASS_PATH"
  export_line SAGA_TEST_OPENAPI_GENERATOR "$JVM_GENERATOR"
}
