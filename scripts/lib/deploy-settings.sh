# shellcheck shell=bash
# The configuration in the chart and the Compose file, read by the collector itself.

check_settings() {
  local environment binary secrets
  binary=$(saga_server)
  need_chart_tools
  for environment in "${ENVIRONMENTS[@]}"; do
    render "$environment" "$SCRATCH/$environment.yaml"
    python3 -c '
import sys, yaml
for each in yaml.safe_load_all(open(sys.argv[1])):
    if each["kind"] == "ConfigMap" and each["metadata"]["name"] == "saga-tracker":
        print(each["data"]["saga-server.yml"])' "$SCRATCH/$environment.yaml" >"$SCRATCH/$environment.yml"
    # What the Secret holds.
    secrets=(DATABASE_URL=postgres://saga@db/saga "SAGA_SERVER_AUTH_TOKENS=dana:operator:$(printf %064d 7)")
    ! grep -q sasl "$SCRATCH/$environment.yml" || secrets+=(SAGA_SERVER_KAFKA_SECURITY_PASSWORD=secret)
    takes_settings "$environment" AWS_REGION=ap-northeast-2 "SAGA_SERVER_CONFIG=$SCRATCH/$environment.yml" "${secrets[@]}"
  done
  read_compose "$SCRATCH/compose.json"
  readarray -t secrets < <(python3 -c '
import json, sys
for name, value in json.load(open(sys.argv[1]))["services"]["saga-server"]["environment"].items():
    print(f"{name}={value}")' "$SCRATCH/compose.json")
  takes_settings Compose "${secrets[@]}"
  say "settings: the collector takes those of ${ENVIRONMENTS[*]}, and of the Compose file"
}

# takes_settings WHOSE NAME=VALUE...
takes_settings() {
  local whose=$1
  shift
  env -i "$@" "$binary" config check >"$SCRATCH/settings" 2>&1 ||
    die "the collector refuses the settings of $whose: $(cat "$SCRATCH/settings")"
}
