# shellcheck shell=bash
# Chromium with its driver, and axe-core, with which the tests check the pages. Nothing runs: each test starts its own.

BROWSER_PACKAGES=$ROOT/saga-server/tests/browser/package.json

browser_install() {
  local key
  need_command chromium chromium
  need_command chromedriver chromium-driver
  key=$(content_key browser "$BROWSER_PACKAGES")
  install_once "$key" browser_download
  BROWSER_AXE=$(cache_folder)/$key/node_modules/axe-core/axe.min.js
}

browser_download() {
  need_command npm npm
  cp "$BROWSER_PACKAGES" "$1/package.json"
  npm install --prefix "$1" --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel=error \
    </dev/null >&2
}

browser_prepare() { mkdir -p "$STATE/browser"; }

browser_exports() {
  export_line SAGA_TEST_CHROMEDRIVER "$(command -v chromedriver)"
  export_line SAGA_TEST_CHROMIUM "$(command -v chromium)"
  export_line SAGA_TEST_AXE "$BROWSER_AXE"
}
