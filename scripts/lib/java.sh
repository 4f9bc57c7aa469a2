# shellcheck shell=bash
# The Java runtime and Maven, for the parts that are written in Java.

java_command() { printf '%s\n' "${JAVA_HOME:+$JAVA_HOME/bin/}java"; }

need_java() {
  local version
  version=$("$(java_command)" -version 2>&1) ||
    die "java is missing (or JAVA_HOME is wrong). Install Java 17 or newer, on Debian: apt-get install openjdk-17-jdk-headless"
  # openjdk version "17.0.15" 2025-04-15
  version=${version#*\"}
  version=${version%%[!0-9]*}
  ((${version:-0} >= 17)) || die "java is version ${version:-unknown}, but Kafka needs 17 or newer"
}

MAVEN_DEPENDENCY=org.apache.maven.plugins:maven-dependency-plugin:3.6.1

# Quiet unless it fails.
maven() {
  local output
  output=$(mvn --batch-mode --quiet "$@" </dev/null 2>&1) || {
    say "$output"
    die "Maven failed, with the messages above: mvn $*"
  }
}
