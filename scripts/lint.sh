#!/usr/bin/env bash
# The quick gates: no build, a few seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

status=0
python3 scripts/lint.py --self-test >/dev/null || { python3 scripts/lint.py --self-test; status=1; }
python3 scripts/lint.py || status=1
python3 scripts/quirks.py --self-test >/dev/null || { python3 scripts/quirks.py --self-test; status=1; }
python3 scripts/quirks.py || status=1

# The format is what clang-format 14 makes (Debian 12's); other versions differ in small things, so they only tell.
format=$(command -v clang-format-14 || command -v clang-format)
format_status=0
git ls-files -co --exclude-standard -z -- '*.c' '*.h' '*.cc' |
    xargs -0 -r -n 8 -P 2 "$format" --dry-run -Werror || format_status=1
if [ "$format_status" -ne 0 ]; then
    if "$format" --version | grep -q 'version 14\.'; then
        status=1
    else
        echo "lint: the above is the view of $("$format" --version | grep -o 'version [0-9]*'); version 14 decides"
    fi
fi

for script in scripts/*.sh .ci/run; do
    [ ! -f "$script" ] || bash -n "$script" || status=1
done
[ "$status" -ne 0 ] || echo "lint: clean"
exit "$status"
