# shellcheck shell=bash
# What the chart and the Compose file tell the collector, read by the collector itself.

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
    env -i AWS_REGION=ap-northeast-2 "${secrets[@]}" \
      "$binary" config check --config "$SCRATCH/$environment.yml" >"$SCRATCH/settings" 2>&1 ||
      die "the collector refuses the settings of $environment: $(cat "$SCRATCH/settings")"
  done
  say "settings: the collector takes those of ${ENVIRONMENTS[*]}"
}
