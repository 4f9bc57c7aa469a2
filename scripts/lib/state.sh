# shellcheck shell=bash
# The state folder of a stack: who owns it, who works on it, and what became of runs that were killed.
# Sourced by scripts/parts, which sets STATE.

is_stack() { [[ -f $1/.saga-parts && -O $1 && ! -L $1 ]]; }

make_state() {
  is_stack "$STATE" && return
  # "down" deletes the whole folder, and a name in a folder open to all may be somebody else's.
  [[ ! -e $STATE && ! -L $STATE ]] || rmdir "$STATE" 2>/dev/null || die "$STATE exists, and is not a stack of yours"
  mkdir -p "$STATE"
  chmod 711 "$STATE" # PostgreSQL's own user passes through, but cannot list it
  touch "$STATE/.saga-parts"
}

# For "run": a new folder each time, which says whose it is.
make_own_state() {
  STATE=$(mktemp -d "${TMPDIR:-/tmp}/saga-parts-run.XXXXXX")
  process_identity $$ >"$STATE/owner"
  chmod 711 "$STATE"
  touch "$STATE/.saga-parts"
}

# locked COMMAND...: alone in this stack.
locked() {
  exec 8>>"$STATE/lock"
  flock 8
  is_stack "$STATE" || die "the stack of $STATE was taken down meanwhile"
  "$@"
  exec 8>&-
}

# A process id with its time of start, for ids are used again.
process_identity() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The second field is the command's name, in parentheses, and may hold spaces.
  read -ra stat <<<"${stat##*) }"
  printf '%s %s\n' "$1" "${stat[19]}"
}

# The stacks of runs that were killed and so could not take them down.
sweep_orphans() {
  local orphan owner pid
  for orphan in "${TMPDIR:-/tmp}"/saga-parts-run.*; do
    is_stack "$orphan" || continue
    owner=$(cat "$orphan/owner" 2>/dev/null) || continue
    pid=${owner%% *}
    [[ $(process_identity "$pid") == "$owner" ]] && continue
    say "a run was killed and left $orphan: taking it down"
    SAGA_PARTS_STATE=$orphan "$ROOT/scripts/parts" down || true # another run may sweep, too
  done
}
