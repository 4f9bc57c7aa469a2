# shellcheck shell=bash
# A Python with the Kafka and Avro clients that the tests use as a foreign producer, a stand-in for S3, and a generator of
# clients of the API. Nothing runs.

PYTHON_REQUIREMENTS=$ROOT/saga-server/tests/python/requirements.txt

python_install() {
  local key
  need_command python3 python3
  key=$(content_key python "$PYTHON_REQUIREMENTS")
  PYTHON_COMMAND=$(cache_folder)/$key/bin/python
  # The environment leans on the machine's Python, and is useless once that one has been replaced.
  if [[ -d $(cache_folder)/$key ]] && ! "$PYTHON_COMMAND" -c 'import confluent_kafka, fastavro, mcp, moto, pglast' 2>/dev/null; then
    rm -rf "$(cache_folder)/${key:?}"
  fi
  install_once "$key" python_download
}

python_download() {
  # Debian keeps what makes an environment in a package of its own.
  python3 -c 'import ensurepip' 2>/dev/null || apt_install "python3 cannot make virtual environments" python3-venv
  python3 -m venv "$1" >&2
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary :all: \
    --requirement "$PYTHON_REQUIREMENTS" </dev/null >&2
}

python_prepare() { mkdir -p "$STATE/python"; }

python_exports() {
  export_line SAGA_TEST_PYTHON "$PYTHON_COMMAND"
}
