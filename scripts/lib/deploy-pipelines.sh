# shellcheck shell=bash
# The workflows of GitHub Actions, by actionlint, which also hands their scripts to shellcheck.

check_pipelines() {
  local actionlint
  need_command shellcheck shellcheck
  actionlint=$(go_tool actionlint "$ACTIONLINT")
  (cd "$ROOT" && "$actionlint" -color=false .github/workflows/*.yml deploy/github-actions/*.yml)
  say "pipelines: $(find "$ROOT/.github/workflows" "$ROOT/deploy/github-actions" -name '*.yml' | wc -l) workflows in order"
}
