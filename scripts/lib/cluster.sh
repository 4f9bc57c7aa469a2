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
