# shellcheck shell=bash
# The Compose file, by the reference implementation of the Compose Specification, which checks it by its schema. What it
# mounts and waits for must be there, and Prometheus must take its configuration.

COMPOSE=$ROOT/deploy/compose

check_compose() {
  local sources path
  need_command promtool prometheus
  read_compose "$SCRATCH/compose.json"
  sources=$(python3 -c '
import json, sys
model = json.load(open(sys.argv[1]))
for service in model["services"].values():
    print(*(each["source"] for each in service.get("volumes", []) if each["type"] == "bind"), sep="\n")
print(*(each["file"] for each in model["secrets"].values()), sep="\n")
for name, service in model["services"].items():
    for each in service.get("depends_on", {}):
        assert each in model["services"], f"{name} waits for {each}"
    for each in service.get("volumes", []):
        assert each["type"] == "bind" or each["source"] in model["volumes"], f"{name} mounts {each}"
for each in ("postgres", "kafka", "registry", "topics", "saga-server", "gateway", "prometheus", "alertmanager", "grafana"):
    assert each in model["services"], each' "$SCRATCH/compose.json")
  for path in $sources; do
    [[ -e $path ]] || die "the Compose file mounts $path, which is not there"
  done
  # They lie beside each other in the container.
  mkdir "$SCRATCH/prometheus"
  cp "$COMPOSE/prometheus.yml" "$ROOT/deploy/prometheus/saga-tracker.rules.yml" "$SCRATCH/prometheus"
  promtool check config "$SCRATCH/prometheus/prometheus.yml"
  say "compose: $(grep -c . <<<"$sources") files are mounted, and there"
}

# read_compose FILE: the whole model, as JSON.
read_compose() {
  local compose_spec
  compose_spec=$(go_tool compose-spec "$COMPOSE_SPEC")
  (cd "$COMPOSE" && "$compose_spec" -format json compose.yml) >"$1" || die "the Compose file is not in order"
}
