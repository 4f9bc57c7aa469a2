# shellcheck shell=bash
# The smoke test, of a tracker that works and of one that does not.

check_smoke() {
  local binary smallest=${SAGA_SMALLEST:-${CARGO_TARGET_DIR:-$ROOT/target}/debug/smallest} info=$SCRATCH/info.json url kafka
  need_command curl curl
  binary=$(saga_server)
  [[ -x $smallest ]] || die "$smallest is missing. Build it: cargo build -p smallest"
  "$binary" dev --listen 127.0.0.1:0 --info-file "$info" >"$SCRATCH/tracker.log" 2>&1 &
  TRACKER=$!
  wait_until 60 test -s "$info" || die "no tracker to test: $(cat "$SCRATCH/tracker.log")"
  url=$(value_of url "$info")
  kafka=$(value_of bootstrapServers "$info")
  SAGA_SMALLEST=$smallest "$ROOT/scripts/smoke-test" "$url" "$kafka"
  end_tracker
  ! SAGA_SMOKE_PATIENCE=1 "$ROOT/scripts/smoke-test" "$url" 2>/dev/null || die "the smoke test passes although no example service runs"
}

# value_of KEY FILE
value_of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[2]))[sys.argv[1]])' "$@"; }

TRACKER=

end_tracker() {
  if [[ $TRACKER ]]; then
    kill -s TERM "$TRACKER"
    wait "$TRACKER" || die "the tracker ended with status $?"
  fi
  TRACKER=
}
