# shellcheck shell=bash
# Prometheus' rules and Alertmanager's routes, by promtool and amtool.

RULES=$ROOT/deploy/prometheus/saga-tracker.rules
ALERTMANAGER=$ROOT/deploy/alertmanager/alertmanager.yml

check_alerts() {
  need_command promtool prometheus
  need_command amtool prometheus-alertmanager
  promtool check rules "$RULES.yml"
  promtool test rules "$RULES.test.yml"
  check_runbooks
  amtool check-config "$ALERTMANAGER"
  check_routes
  say "alerts: $(alerts | wc -l), each with cases and a runbook; routes as they should be"
}

alerts() { sed -n 's/^ *- alert: //p' "$RULES.yml"; }

# Headings are the anchors that the alerts' annotations lead to.
check_runbooks() {
  local alert anchor
  for alert in $(alerts); do
    anchor="docs/runbooks.md#${alert,,}"
    grep -qx "## $alert" "$ROOT/docs/runbooks.md" || die "docs/runbooks.md has no section $alert"
    grep -qF "runbook: $anchor" "$RULES.yml" || die "$alert does not lead to $anchor"
    grep -qF "alertname: $alert" "$RULES.test.yml" || die "$alert has no case in ${RULES##*/}.test.yml"
  done
}

# Each alert by its severity; somebody sleeps.
check_routes() {
  local alert severity
  while read -r alert severity; do
    case $severity in
      critical) check_route pagerduty,slack "alertname=$alert" "severity=$severity" ;;
      warning) check_route slack "alertname=$alert" "severity=$severity" ;;
      *) die "$alert has the severity ${severity:-} and is routed nowhere" ;;
    esac
  done < <(paste <(alerts) <(sed -n 's/^ *severity: //p' "$RULES.yml"))
}

# check_route RECEIVERS LABEL...
check_route() {
  local expected=$1 seen
  shift
  seen=$(amtool config routes test --config.file "$ALERTMANAGER" "$@" 2>/dev/null)
  [[ $seen == "$expected" ]] || die "an alert with $* goes to $seen and not to $expected"
}
