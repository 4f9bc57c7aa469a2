# shellcheck shell=bash
# The container image, without a container engine: buildah makes the Containerfile's last stage around a binary that is
# there already, and runs it in a chroot as the image's user.

IMAGE_LIMIT_MB=60
# What the image holds beside the binary may take so much; the rest is the binary's.
SURROUNDINGS_LIMIT_MB=12

# The binary of the tests is linked as the image's is, to the same libraries, but not optimised: its size is not compared. One
# that SAGA_SERVER names is taken for the image's own, so that the whole image is held to the limit.
saga_server() {
  local binary=${SAGA_SERVER:-${CARGO_TARGET_DIR:-$ROOT/target}/debug/saga-server}
  [[ -x $binary ]] || die "$binary is missing. Build it: cargo build -p saga-server --features ssl"
  [[ $(ldd "$binary") == *libssl* ]] || die "$binary cannot speak TLS to Kafka. Build it: cargo build -p saga-server --features ssl"
  printf '%s\n' "$binary"
}

check_image() {
  local binary container
  need_command buildah buildah
  need_command strip binutils
  binary=$(saga_server)
  check_context
  build_image "$binary"
  check_image_size
  check_image_settings
  container=$(buildah_here from localhost/saga-tracker)
  check_writable "$(buildah_here mount "$container")"
  in_container "$container" --help >"$SCRATCH/help"
  grep -q 'saga-server <COMMAND>' "$SCRATCH/help" || die "the image's --help says something else"
  check_dev "$container"
  say "image: dev, --help and healthcheck work as its user"
}

check_image_size() {
  local surroundings all
  surroundings=$(megabytes --exclude=saga-server)
  all=$(megabytes)
  say "image: $surroundings MB, and the binary's $((all - surroundings)) MB"
  ((surroundings < SURROUNDINGS_LIMIT_MB)) || die "the image holds $surroundings MB beside the binary"
  [[ ! ${SAGA_SERVER:-} ]] || ((all < IMAGE_LIMIT_MB)) || die "the image has $all MB, and may have $IMAGE_LIMIT_MB"
}

# Of the image's root, rounded up.
megabytes() { du --summarize --apparent-size --block-size=1000000 "$@" "$SCRATCH/image/rootfs" | cut -f 1; }

# What the first stage compiles, which is not run here: all that the workspace names must reach it.
check_context() {
  local source
  printf 'FROM scratch\nCOPY . /source\n' >"$SCRATCH/Containerfile"
  buildah_here bud --isolation chroot --ignorefile "$ROOT/.dockerignore" --tag context \
    --file "$SCRATCH/Containerfile" "$ROOT" >"$SCRATCH/image.log" 2>&1 || die "no context: $(cat "$SCRATCH/image.log")"
  source=$(buildah_here mount "$(buildah_here from localhost/context)")/source
  cargo metadata --manifest-path "$source/Cargo.toml" --locked --no-deps --format-version 1 >/dev/null ||
    die "the image's build does not get all that it needs; see .dockerignore"
  [[ -x $source/deploy/image/rootfs && ! -e $source/target ]] || die "the image's build gets too little, or too much"
}

# build_image BINARY
build_image() {
  "$ROOT/deploy/image/rootfs" "$1" "$SCRATCH/image/rootfs"
  # The context takes the place of the stage of this name.
  buildah_here bud --isolation chroot --format docker --build-context "build=$SCRATCH/image" \
    --tag saga-tracker --file "$ROOT/deploy/image/Containerfile" "$ROOT/deploy/image" >"$SCRATCH/image.log" 2>&1 ||
    die "the image cannot be built: $(cat "$SCRATCH/image.log")"
}

buildah_here() {
  buildah --storage-driver vfs --root "$SCRATCH/storage" --runroot "$SCRATCH/run" "$@"
}

in_container() {
  local container=$1
  shift
  buildah_here run --isolation chroot "$container" -- /usr/bin/saga-server "$@"
}

check_image_settings() {
  local seen
  seen=$(buildah_here inspect --type image --format \
    '{{.Docker.Config.User}} {{.Docker.Config.Healthcheck.Test}} {{.Docker.Config.Entrypoint}} {{.Docker.Config.Cmd}}' saga-tracker)
  [[ $seen == '65532:65532 [CMD /usr/bin/saga-server healthcheck] [/usr/bin/saga-server] [serve]' ]] ||
    die "the image's settings are $seen"
}

# Where nothing but /tmp can be written, a root that is read-only makes no difference.
check_writable() {
  local writable
  writable=$(find "$1" -mindepth 1 ! -type l \( -perm /o+w -o -user 65532 -o -group 65532 \) ! -path "$1/tmp")
  [[ ! $writable ]] || die "the image's user may write $writable"
}

check_dev() {
  local container=$1 address process
  address=127.0.0.1:$(STATE=$SCRATCH free_port "$SCRATCH/port")
  in_container "$container" dev --listen "$address" >"$SCRATCH/dev.log" 2>&1 &
  IN_CONTAINER="^/usr/bin/saga-server dev --listen $address"
  wait_until 60 is_healthy "$container" "$address" || {
    cat "$SCRATCH/dev.log" >&2
    die "saga-server dev does not get ready in the image"
  }
  process=$(pgrep -u 65532 -f "$IN_CONTAINER") || die "saga-server does not run as user 65532 in the image"
  kill -s TERM "$process"
  wait "$!" || die "saga-server dev ended with status $? in the image"
  # Now the collector does not answer, and the health check must fail.
  ! is_healthy "$container" "$address" || die "the health check passes although the collector does not answer"
}

# The command line of what runs in the container, with a free address.
IN_CONTAINER=

end_container() {
  local process
  if [[ $IN_CONTAINER ]] && process=$(pgrep -f "$IN_CONTAINER"); then kill -s TERM "$process"; fi
  wait
}

is_healthy() {
  buildah_here run --isolation chroot --env "SAGA_SERVER_LISTEN=$2" "$1" -- /usr/bin/saga-server healthcheck >/dev/null 2>&1
}
