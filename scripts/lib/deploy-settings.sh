# shellcheck shell=bash
# The configuration in the chart and the Compose file, read by the collector itself.

check_settings() {
  local environment binary secrets file service
  binary=$(saga_server)
  need_chart_tools
  for environment in "${ENVIRONMENTS[@]}"; do
    render "$environment" "$SCRATCH/$environment.yaml"
    python3 -c '
import sys, yaml
for each in yaml.safe_load_all(open(sys.argv[1])):
    if each["kind"] == "ConfigMap" and "saga-server.yml" in each["data"] and "hooks" not in each["metadata"]["name"]:
        name = each["metadata"]["name"]
        open(f"{sys.argv[2]}.{name}.yml", "w").write(each["data"]["saga-server.yml"])' \
      "$SCRATCH/$environment.yaml" "$SCRATCH/$environment"
    # What the Secret holds.
    secrets=(DATABASE_URL=postgres://saga@db/saga "SAGA_SERVER_AUTH_TOKENS=dana:operator:$(printf %064d 7)")
    ! grep -q sasl "$SCRATCH/$environment.saga-tracker.yml" || secrets+=(SAGA_SERVER_KAFKA_SECURITY_PASSWORD=secret)
    for file in "$SCRATCH/$environment".saga-tracker*.yml; do
      takes_settings "$environment" AWS_REGION=ap-northeast-2 "SAGA_SERVER_CONFIG=$file" "${secrets[@]}"
    done
  done
  read_compose "$SCRATCH/compose.json"
  for service in saga-server gateway; do
    readarray -t secrets < <(python3 -c '
import json, sys
for name, value in json.load(open(sys.argv[1]))["services"][sys.argv[2]]["environment"].items():
    print(f"{name}={value}")' "$SCRATCH/compose.json" "$service")
    takes_settings "Compose, $service" DATABASE_URL=postgres://saga@db/saga "${secrets[@]}"
  done
  say "settings: the collector takes those of ${ENVIRONMENTS[*]}, and of the Compose file"
}

# takes_settings WHOSE NAME=VALUE...
takes_settings() {
  local whose=$1
  shift
  env -i "$@" "$binary" config check >"$SCRATCH/settings" 2>&1 ||
    die "the collector refuses the settings of $whose: $(cat "$SCRATCH/settings")"
}
