# shellcheck shell=bash
# What every part needs: messages, the cache, missing tools, free ports.
# Sourced by scripts/parts and scripts/test.

say() { printf '%s\n' "$*" >&2; }

die() {
  say "error: $*"
  exit 1
}

has_command() { command -v "$1" >/dev/null 2>&1; }

cache_folder() {
  printf '%s\n' "${SAGA_PARTS_CACHE:-${XDG_CACHE_HOME:-${HOME:?HOME is not set, so set SAGA_PARTS_CACHE}/.cache}/saga-tracker}"
}

# --- missing tools ---------------------------------------------------------------------------------

# apt_install REASON PACKAGE...: as root with apt-get installs, else ends with what a person should install.
apt_install() {
  local reason=$1
  shift
  if [[ $(id -u) != 0 ]] || ! has_command apt-get; then
    die "$reason. Install it, on Debian: apt-get install $*"
  fi
  say "$reason: installing Debian's $*"
  mkdir -p "$(cache_folder)"
  local output
  output=$(
    exec 9>"$(cache_folder)/apt.lock"
    flock 9
    # The first try spares the update; on a bare machine the package lists are empty or old, so it fails.
    apt_get install "$@" 2>&1 || { apt_get update 2>&1 && apt_get install "$@" 2>&1; }
  ) || {
    say "$output"
    die "$reason, and apt-get failed, with the messages above: apt-get install $*"
  }
}

# The lock descriptors stay here: a daemon that a package starts would keep them for ever.
apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 --no-install-recommends "$@" \
    </dev/null 8>&- 9>&-
}

# need_command COMMAND PACKAGE: the command exists afterwards.
need_command() {
  has_command "$1" || apt_install "$1 is missing" "$2"
}

# --- the cache -------------------------------------------------------------------------------------

# install_once KEY FUNCTION: FUNCTION FOLDER fills a folder of the cache, once per machine and key.
# A folder gets its name only when it is complete, so an interrupted download never counts.
install_once() {
  local key=$1 fill=$2 cache partial
  cache=$(cache_folder)
  [[ -d $cache/$key ]] && return
  mkdir -p "$cache"
  (
    flock 9
    [[ -d $cache/$key ]] && exit # another process was first
    # The lock is exclusive, so older partial folders are of interrupted runs.
    rm -rf "$cache"/partial.*
    partial=$(mktemp -d "$cache/partial.XXXXXX")
    trap 'rm -rf "$partial"' EXIT
    trap 'exit 130' INT TERM
    say "$key: installing into $cache"
    "$fill" "$partial" 9>&-
    chmod 755 "$partial"
    mv "$partial" "$cache/$key"
  ) 9>"$cache/lock"
}

# A key changes with what is to be installed: content_key kafka-4.3.1 pom.xml
content_key() {
  printf '%s-%s\n' "$1" "$(sha256sum <"$2" | cut -c1-8)"
}

# --- ports -----------------------------------------------------------------------------------------

port_answers() { (exec 7<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# free_port FILE: prints a free loopback port and keeps it in FILE, so that a restart has it again.
# Not from the ephemeral range (what "port 0" gives): there a client that redials a stopped part may be
# handed the very port it dials as its own, connect to itself, and keep the part from coming back.
free_port() {
  local file=$1 port lowest_ephemeral
  if [[ ! -s $file ]]; then
    read -r lowest_ephemeral _ </proc/sys/net/ipv4/ip_local_port_range
    ((lowest_ephemeral > 12000)) || lowest_ephemeral=32768
    for _ in {1..100}; do
      port=$((10000 + (RANDOM * 32768 + RANDOM) % (lowest_ephemeral - 10000)))
      # Ports of this stack's other parts, not listening yet.
      grep -rqsx "$port" "${STATE:?}" --include='*port' && continue
      port_answers "$port" && continue
      printf '%s\n' "$port" >"$file"
      break
    done
    [[ -s $file ]] || die "no free loopback port below $lowest_ephemeral"
  fi
  cat "$file"
}

# --- commands and signals --------------------------------------------------------------------------

process_tree() {
  local child
  printf '%s\n' "$1"
  # shellcheck disable=SC2013 # the file is one line of process ids
  for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    process_tree "$child"
  done
}

# run_forwarding COMMAND...: like running it, but SIGTERM, SIGINT and SIGHUP reach it and what it started
# at once. (Bash alone would see the signal only after the command's end.)
run_forwarding() {
  local status=0 caught='' child
  # Background commands of a script ignore SIGINT and have no standard input by default.
  env --default-signal=INT,QUIT -- "$@" <&0 8>&- 9>&- &
  child=$!
  trap 'caught=INT; forward INT "$child"' INT
  trap 'caught=TERM; forward TERM "$child"' TERM HUP
  while :; do
    wait "$child" && status=0 || status=$?
    # A trapped signal ends "wait" before the command has ended.
    kill -0 "$child" 2>/dev/null || break
  done
  trap - INT TERM HUP
  case $caught in
    INT) return 130 ;;
    TERM) return 143 ;;
    *) return "$status" ;;
  esac
}

forward() {
  local pid
  for pid in $(process_tree "$2"); do
    kill -s "$1" "$pid" 2>/dev/null || true
  done
}

# --- tools of Cargo ---------------------------------------------------------------------------------

# cargo_tool CRATE@VERSION: prints where the tool is, built if need be.
cargo_tool() {
  local name=${1%@*}
  CARGO_PACKAGE=$1 install_once "${1/@/-}" build_cargo_tool
  printf '%s\n' "$(cache_folder)/${1/@/-}/bin/$name"
}

# Without optimizations: compiling them would take longer than the tool runs.
build_cargo_tool() {
  CARGO_TARGET_DIR=$1/target CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=false \
    cargo install "$CARGO_PACKAGE" --debug --locked --no-default-features --root "$1" >&2
  rm -rf "$1/target"
}
