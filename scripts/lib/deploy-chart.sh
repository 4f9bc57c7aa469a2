# shellcheck shell=bash
# The Helm chart, the Argo CD application and the analysis template of Argo Rollouts: by helm, and by kubeconform with the schemas of Kubernetes and of the
# operators' own kinds.

CHART=$ROOT/deploy/helm/saga-tracker
ENVIRONMENTS=(dev staging prod)
SCHEMAS_SCRIPT=$ROOT/scripts/lib/kubernetes-schemas.py
CHART_SCRIPT=$ROOT/scripts/lib/check-chart.py
# Each file in ci/ turns options on that no environment uses.
OPTIONS=("$CHART"/ci/*-values.yaml)
OPTIONS=("${OPTIONS[@]##*/}")
OPTIONS=("${OPTIONS[@]%-values.yaml}")

check_chart() {
  local environment
  need_chart_tools
  for environment in "${ENVIRONMENTS[@]}"; do
    helm lint "$CHART" --quiet --strict --values "$CHART/values-$environment.yaml"
    render "$environment" "$SCRATCH/$environment.yaml"
    conforms "$SCRATCH/$environment.yaml"
  done
  local option
  for option in "${OPTIONS[@]}"; do
    helm lint "$CHART" --quiet --strict --values "$CHART/ci/$option-values.yaml"
    helm template saga-tracker "$CHART" --namespace sagas --values "$CHART/ci/$option-values.yaml" >"$SCRATCH/$option.yaml"
    conforms "$SCRATCH/$option.yaml"
  done
  conforms "$ROOT/deploy/argocd/application.yaml"
  conforms "$ROOT/deploy/argo-rollouts/analysis-template.yaml"
  # Without values of an environment, with Secrets, definitions and mappings of the chart's own.
  helm template saga-tracker "$CHART" --set secret.values.DATABASE_URL=postgres://saga@db/saga \
    --set-string 'definitions.refund\.yml=type: REFUND' --set-string 'mappings.orders\.yml=rules: []' \
    --set config.sources.orders.topic=shop.orders,config.sources.orders.format=json \
    --set gateway.enabled=true,gateway.secret.values.SAGA_SERVER_AUTH_TOKENS=orders:recorder:0 >"$SCRATCH/defaults.yaml"
  conforms "$SCRATCH/defaults.yaml"
  helm package "$CHART" --destination "$SCRATCH" >/dev/null
  tar -xzf "$SCRATCH"/saga-tracker-*.tgz --touch -C "$SCRATCH"
  python3 "$CHART_SCRIPT" "$ROOT" "$SCRATCH"
  refuses image.tagg=1
  refuses config.listen=127.0.0.1:1
  refuses replicaCount=many
  refuses gateway.replicas=2
  refuses gateway.config.listen=127.0.0.1:1
  local ci=$CHART/ci
  refuses_in_words "both would set the number of instances" --values "$ci/keda-values.yaml" --set autoscaling.enabled=true
  refuses_in_words "keda.minReplicas is more than keda.maxReplicas" --values "$ci/keda-values.yaml" --set keda.minReplicas=50
  refuses_in_words "config.kafka.bootstrapServers must name the brokers" --set keda.enabled=true
  refuses_in_words "mechanism must be PLAIN" --values "$ci/keda-values.yaml" --set config.kafka.security.mechanism=OAUTHBEARER
  refuses_in_words "KEDA cannot read config.kafka.security.caFile" --values "$ci/keda-values.yaml" --set config.kafka.security.caFile=/ca
  refuses_in_words "leave secret.existing and secret.values empty" --values "$ci/outside-values.yaml" --set secret.existing=mine
  refuses_in_words "must name what is fetched" --set externalSecret.enabled=true
  refuses_in_words "externalSecret.store.name" --values "$ci/outside-values.yaml" --set externalSecret.store.name=
  refuses_in_words "httpRoute.parentRefs" --set httpRoute.enabled=true
  refuses_in_words "ingress.hosts" --set ingress.enabled=true
  refuses_in_words "strimzi.cluster" --values "$ci/strimzi-values.yaml" --set strimzi.cluster=
  refuses_in_words "min.insync.replicas" --values "$ci/strimzi-values.yaml" --set topics.replication=1
  refuses_in_words "autoscaling.minReplicas is more than autoscaling.maxReplicas" --set autoscaling.enabled=true,autoscaling.minReplicas=9
  refuses_in_words "gateway.autoscaling.minReplicas is more than gateway.autoscaling.maxReplicas" \
    --set gateway.enabled=true,gateway.autoscaling.enabled=true,gateway.autoscaling.minReplicas=9
  refuses_in_words "the username that the KafkaUser gets" --values "$ci/strimzi-values.yaml" --set config.kafka.security.mechanism=PLAIN
}

need_chart_tools() {
  python3 -c 'import yaml' 2>/dev/null || apt_install "Python's yaml is missing" python3-yaml
  HELM_COMMAND=$(go_tool helm "$HELM")
  KUBECONFORM_COMMAND=$(go_tool kubeconform "$KUBECONFORM")
  SCHEMAS_KEY=$(content_key "kubernetes-schemas-${KUBERNETES##*@}" <(cat "$SCHEMAS_SCRIPT" "$LIB/go.sh" "$LIB"/crds/*))
  install_once "$SCHEMAS_KEY" write_schemas
}

# Helm warns of each symbolic link that it follows; those to the rules and the dashboard are intended.
helm() {
  local command=$1
  shift
  case $command in
    lint | template) set -- --kube-version "${KUBERNETES##*@v}" "$@" ;;
  esac
  "$HELM_COMMAND" "$command" "$@" 2> >(grep -v 'found symbolic link' >&2)
}

render() { helm template saga-tracker "$CHART" --namespace sagas --values "$CHART/values-$1.yaml" >"$2"; }

conforms() {
  "$KUBECONFORM_COMMAND" -strict -summary \
    -schema-location "$(cache_folder)/$SCHEMAS_KEY/{{.ResourceKind}}{{.KindSuffix}}.json" "$1"
}

write_schemas() {
  local kubernetes definitions
  kubernetes=$(go_module "$KUBERNETES")
  definitions=$(custom_resources)
  # shellcheck disable=SC2086 # one word for each
  python3 "$SCHEMAS_SCRIPT" "$1" "$kubernetes/api/openapi-spec/swagger.json" $definitions
}

# Prints the files with the definitions of all custom resources that are deployed: kubeconform refuses a kind that none of them has.
custom_resources() {
  local operator argo rollouts keda external_secrets gateway_api
  operator=$(go_module "$PROMETHEUS_OPERATOR")/example/prometheus-operator-crd
  argo=$(go_module "$ARGO_CD")/manifests/crds
  rollouts=$(go_module "$ARGO_ROLLOUTS")/manifests/crds
  keda=$(go_module "$KEDA")/config/crd/bases
  external_secrets=$(go_module "$EXTERNAL_SECRETS")/config/crds/bases
  gateway_api=$(go_module "$GATEWAY_API")/config/crd/standard
  ls "$operator/monitoring.coreos.com_servicemonitors.yaml" "$operator/monitoring.coreos.com_prometheusrules.yaml" \
    "$argo/application-crd.yaml" "$rollouts/analysis-template-crd.yaml" \
    "$keda/keda.sh_scaledobjects.yaml" "$keda/keda.sh_triggerauthentications.yaml" \
    "$external_secrets/external-secrets.io_externalsecrets.yaml" "$gateway_api/gateway.networking.k8s.io_httproutes.yaml" \
    "$LIB"/crds/*.yaml
}

# refuses KEY=VALUE: values.schema.json does not let it pass.
refuses() { refuses_in_words "values don't meet the specifications of the schema" --set "$1"; }

# refuses_in_words WORDS OPTION...: a template does not let it pass, and says why.
refuses_in_words() {
  local words=$1 output
  shift
  ! output=$("$HELM_COMMAND" template saga-tracker "$CHART" --kube-version "${KUBERNETES##*@v}" "$@" 2>&1 >/dev/null) ||
    die "the chart takes $*"
  [[ $output == *"$words"* ]] || die "the chart refuses $* with other words: $output"
}
