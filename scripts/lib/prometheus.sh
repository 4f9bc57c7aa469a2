# shellcheck shell=bash
# Prometheus and Alertmanager, which tests start for themselves. Nothing runs.

prometheus_install() {
  need_command prometheus prometheus
  need_command prometheus-alertmanager prometheus-alertmanager
}

prometheus_prepare() { mkdir -p "$STATE/prometheus"; }

prometheus_exports() {
  export_line SAGA_TEST_PROMETHEUS "$(command -v prometheus)"
  export_line SAGA_TEST_ALERTMANAGER "$(command -v prometheus-alertmanager)"
}
