# shellcheck shell=bash
# A real Kubernetes API server with its etcd, built from their Go modules, on loopback. There is no node, so no pod runs.

ETCD=go.etcd.io/etcd/server/v3@v3.6.13

# Sets API_SERVER_COMMAND and ETCD_COMMAND.
cluster_install() {
  local key=kube-apiserver-${KUBERNETES##*@}-etcd-${ETCD##*@}
  need_go
  install_once "$key" build_cluster
  API_SERVER_COMMAND=$(cache_folder)/$key/kube-apiserver
  ETCD_COMMAND=$(cache_folder)/$key/etcd
}

# Kubernetes names its own libraries by version 0.0.0 and a folder beside it; published they are 0.MINOR.PATCH.
build_cluster() {
  local folder=$1 version=${KUBERNETES##*@} source library minor
  source=$(go_module "$KUBERNETES")
  minor=${version#v1.}
  mkdir "$folder/source"
  (
    cd "$folder/source"
    {
      printf 'module cluster\n\ngo %s\n\nrequire (\n' "$(sed -n 's/^go //p' "$source/go.mod")"
      printf '\t%s %s\n' "${KUBERNETES%@*}" "$version" "${ETCD%@*}" "${ETCD##*@}"
      printf ')\n\nreplace (\n'
      for library in $(sed -n 's|^\t\?\(replace \)\?\(k8s.io/[a-z-]*\) => ./staging/.*|\2|p' "$source/go.mod"); do
        printf '\t%s => %s v0.%s\n' "$library" "$library" "$minor"
      done
      printf ')\n'
    } >go.mod
    printf '//go:build tools\n\npackage cluster\n\nimport (\n\t_ "%s/cmd/kube-apiserver"\n\t_ "%s"\n)\n' \
      "${KUBERNETES%@*}" "${ETCD%@*}" >tools.go
    export CGO_ENABLED=0 GOFLAGS=-mod=mod
    go build -o ../etcd "${ETCD%@*}"
    go build -o ../kube-apiserver -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=$version
      -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=${minor%%.*}" \
      "${KUBERNETES%@*}/cmd/kube-apiserver"
  ) >&2
  rm -r "$folder/source"
}

# cluster_up: starts both in STATE, and writes STATE/kubeconfig.
cluster_up() {
  local etcd_port peer_port port
  mkdir -p "$STATE/etcd" "$STATE/apiserver"
  etcd_port=$(free_port "$STATE/etcd/port")
  peer_port=$(free_port "$STATE/etcd/peer-port")
  port=$(free_port "$STATE/apiserver/port")
  launch etcd "$ETCD_COMMAND" --data-dir "$STATE/etcd/data" --listen-client-urls "http://127.0.0.1:$etcd_port" \
    --advertise-client-urls "http://127.0.0.1:$etcd_port" --listen-peer-urls "http://127.0.0.1:$peer_port"
  # This token may do everything.
  CLUSTER_TOKEN=$(head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
  printf '%s,admin,admin,system:masters\n' "$CLUSTER_TOKEN" >"$STATE/apiserver/tokens.csv"
  openssl genrsa -out "$STATE/apiserver/accounts.key" 2048 2>/dev/null
  launch apiserver "$API_SERVER_COMMAND" --etcd-servers "http://127.0.0.1:$etcd_port" --bind-address 127.0.0.1 \
    --secure-port "$port" --cert-dir "$STATE/apiserver/certificates" --token-auth-file "$STATE/apiserver/tokens.csv" \
    --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$STATE/apiserver/accounts.key" \
    --service-account-signing-key-file "$STATE/apiserver/accounts.key" --authorization-mode RBAC \
    --service-cluster-ip-range 10.0.0.0/24 --disable-admission-plugins ServiceAccount
  wait_ready apiserver 120
  cat >"$STATE/kubeconfig" <<-CONFIG
	apiVersion: v1
	kind: Config
	current-context: check
	clusters: [{name: check, cluster: {server: "https://127.0.0.1:$port", insecure-skip-tls-verify: true}}]
	users: [{name: admin, user: {token: $CLUSTER_TOKEN}}]
	contexts: [{name: check, context: {cluster: check, user: admin}}]
	CONFIG
}

apiserver_ready() {
  [[ $(curl --silent --insecure --max-time 5 --header "Authorization: Bearer $CLUSTER_TOKEN" \
    "https://127.0.0.1:$(cat "$STATE/apiserver/port")/readyz") == ok ]]
}

cluster_down() {
  end_part apiserver TERM 20
  end_part etcd TERM 20
}
