# shellcheck shell=bash
# The processes of a stack: one folder per part in the state folder, holding pid, ports, log and data.
# Sourced by scripts/parts, which sets STATE.

# part_pid PART: prints its process id while it runs.
# A process counts as the part's only if its command line names the state folder: ids are used again.
# (A process that has ended, but was not yet waited for, has an empty command line.)
part_pid() {
  local pid
  pid=$(cat "$STATE/$1/pid" 2>/dev/null) || return 1
  [[ $pid ]] && grep -qsaF -- "$STATE/" "/proc/$pid/cmdline" || return 1
  printf '%s\n' "$pid"
}

# launch PART COMMAND...: starts it detached, so that Ctrl-C reaches it only by way of "down".
launch() {
  local part=$1
  shift
  (
    # The first thing, so that a signal to this script finds nothing started that "down" does not know.
    printf '%s\n' "$BASHPID" >"$STATE/$part/pid"
    cd / && exec setsid "$@"
  ) </dev/null >>"$STATE/$part/log" 2>&1 8>&- 9>&- &
  disown # bash would report the end of a part that was killed on purpose
  # Until then the process is still a copy of this script, which part_pid does not know.
  wait_until 10 part_pid "$part" >/dev/null || true
}

# wait_until SECONDS COMMAND...: repeats the command until it succeeds.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# wait_ready PART SECONDS
wait_ready() {
  local part=$1
  if wait_until "$2" ready_or_gone "$part" && part_pid "$part" >/dev/null; then
    return
  fi
  say "--- the last lines of $STATE/$part/log:"
  tail -n 20 "$STATE/$part/log" >&2 || true
  die "$part did not become ready within $2 s"
}

# Readiness is looked at first, and may answer for a stranger on the same port: hence the second look.
ready_or_gone() {
  "${1}_ready" || ! part_pid "$1" >/dev/null
}

# end_part PART SIGNAL SECONDS: SIGKILL follows when the signal does not end it in time.
end_part() {
  local part=$1 pid children
  pid=$(part_pid "$part") || return 0
  # Asked now, for they have another parent afterwards.
  children=$(process_tree "$pid")
  kill -s "$2" "$pid"
  if ! wait_until "$3" all_gone "$pid"; then
    say "$part: still running $3 s after SIG$2, so SIGKILL"
    kill -s KILL "$pid" 2>/dev/null || true
  fi
  # A killed postmaster's backends end by themselves; until then the next one refuses to start.
  # shellcheck disable=SC2086 # one word per process
  wait_until 10 all_gone $children || kill -s KILL $children 2>/dev/null || true
}

all_gone() {
  local pid
  for pid in "$@"; do
    # Not "kill -0", for which a process lives on that nobody has waited for.
    ! grep -qs . "/proc/$pid/cmdline" || return 1
  done
}

# answers_http PART PATH: whether the part answers a request with 200.
answers_http() {
  local status
  status=$({
    exec 7<>"/dev/tcp/127.0.0.1/$(cat "$STATE/$1/port")"
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$2" >&7
    timeout 5 head -n 1 <&7
  } 2>/dev/null) || return 1
  [[ $status == HTTP/*\ 200\ * ]]
}
