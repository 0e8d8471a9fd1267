#!/usr/bin/env bash
# The quick gates: no build, a few seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

status=0
python3 scripts/lint.py --self-test >/dev/null || { python3 scripts/lint.py --self-test; status=1; }
python3 scripts/lint.py || status=1
git ls-files -co --exclude-standard -z -- '*.c' '*.h' '*.cc' |
    xargs -0 -r -n 8 -P 2 clang-format --dry-run -Werror || status=1
for script in scripts/*.sh .ci/run bench/run; do
    [ ! -f "$script" ] || bash -n "$script" || status=1
done
[ "$status" -ne 0 ] || echo "lint: clean"
exit "$status"
