#!/usr/bin/env bash
# Runs the tests and counts them; the last line is `N passed, N failed`.
#
#   scripts/test.sh BUILD_DIR [unit|e2e|smoke]...     without a name: unit and e2e
#
# SLUICE_BIN and HUBSIM_BIN name other binaries for the end-to-end tests. E2E_FILES limits them to some files.
set -uo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?build directory}")
shift
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(unit e2e)

# A sanitizer's finding is a failure, not a line in a log.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1}

passed=0
failed=0

# What runs with a limit has a group of its own, which an end of this script would not reach.
running=
trap '[ -z "$running" ] || kill "$running"; exit 143' HUP INT TERM

limited() { # seconds command...
    local status
    timeout -k 30 "$@" &
    running=$!
    wait "$running"
    status=$?
    running=
    return $status
}

report() { # name passed failed
    printf '%-28s %5d passed %5d failed\n' "$1" "$2" "$3"
    passed=$((passed + $2))
    failed=$((failed + $3))
}

unit() {
    local name p f
    # cmocka's programs say on standard output how many cases they ran; Meson keeps that in its log.
    rm -f "$build/meson-logs/testlog.json"
    # Each has several times what it takes, and as often again on a machine that has much else to do.
    MESON_TESTTHREADS=2 limited 3000 meson test -C "$build" --no-rebuild --print-errorlogs -t 4 >"$build/unit.log" 2>&1 ||
        tail -n 1000 "$build/unit.log"
    while read -r name p f; do
        report "$name" "$p" "$f"
    done < <(python3 scripts/count_tests.py meson "$build/meson-logs/testlog.json")
}

node_modules() {
    local lock=test/e2e/package-lock.json stamp=test/e2e/node_modules/.lock-hash hash
    hash=$(sha256sum <"$lock")
    [ "$(cat "$stamp" 2>/dev/null)" = "$hash" ] && return 0
    (cd test/e2e && npm ci --no-audit --no-fund --loglevel=error) >"$build/npm.log" 2>&1 || {
        tail -n 20 "$build/npm.log"
        return 1
    }
    printf '%s' "$hash" >"$stamp"
}

e2e() { # files...
    local file name log p f status
    export SLUICE_BIN=${SLUICE_BIN:-$build/src/sluice} HUBSIM_BIN=${HUBSIM_BIN:-$build/sim/hubsim}
    if ! node_modules; then
        report "e2e (npm packages)" 0 1
        return
    fi
    for file in "$@"; do
        name=$(basename "$file" .test.mjs)
        log="$build/e2e-$name.tap"
        limited 1500 node --test --test-reporter=tap --test-reporter-destination=stdout \
            --test-reporter=./test/e2e/lib/under_way.mjs --test-reporter-destination="$log.begun" "$file" >"$log" 2>&1
        status=$?
        [ $status -ne 124 ] || {
            echo "# ended by its limit of 1500 s; what was begun last:"
            tail -n 20 "$log.begun"
        } >>"$log"
        read -r p f < <(python3 scripts/count_tests.py tap "$log" $status)
        report "e2e $name" "$p" "$f"
        [ "$f" -eq 0 ] || python3 scripts/count_tests.py failures "$log"
    done
}

for suite in "${suites[@]}"; do
    case "$suite" in
    unit) unit ;;
    e2e)
        # shellcheck disable=SC2046,SC2086
        e2e ${E2E_FILES:-$(ls test/e2e/*.test.mjs)}
        ;;
    smoke) e2e test/e2e/smoke.test.mjs ;;
    *)
        echo "test: no suite '$suite'; there are unit, e2e and smoke" >&2
        exit 2
        ;;
    esac
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
