# shellcheck shell=bash
# Tools and schemas that are published as Go modules. A tool is built once per version; a module's files are used from
# where Go keeps them.

HELM=helm.sh/helm/v3/cmd/helm@v3.22.0
KUBECONFORM=github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
ACTIONLINT=github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
COMPOSE_SPEC=github.com/compose-spec/compose-go/v2/cmd@v2.16.2

KUBERNETES=k8s.io/kubernetes@v1.34.4
PROMETHEUS_OPERATOR=github.com/prometheus-operator/prometheus-operator@v0.85.0
ARGO_CD=github.com/argoproj/argo-cd/v3@v3.5.7
ARGO_ROLLOUTS=github.com/argoproj/argo-rollouts@v1.8.3
KEDA=github.com/kedacore/keda/v2@v2.21.0
EXTERNAL_SECRETS=github.com/external-secrets/external-secrets@v1.3.2
GATEWAY_API=sigs.k8s.io/gateway-api@v1.5.1

# go_tool NAME PACKAGE@VERSION: prints where the tool is, built if need be.
go_tool() {
  local key=$1-${2##*@}
  need_go
  GO_PACKAGE=$2 install_once "$key" build_go_tool
  find "$(cache_folder)/$key" -type f
}

need_go() { has_command go || die "go is missing. Install Go 1.26 or newer"; }

build_go_tool() {
  GOBIN=$1 CGO_ENABLED=0 go install -trimpath -ldflags='-s -w' "$GO_PACKAGE" >&2
}

# go_module MODULE@VERSION: prints the folder of its files.
go_module() {
  need_go
  go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",\?$/\1/p' | grep . ||
    die "the Go module $1 could not be fetched"
}
