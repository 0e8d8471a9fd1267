#!/usr/bin/env bash
# Runs each fuzz target of a build for FUZZ_SECONDS (20) from its seeds. What is found stays in BUILD/fuzz/.
set -uo pipefail
cd "$(dirname "$0")/.."
build=$(realpath "${1:?build directory}")
seconds=${FUZZ_SECONDS:-20}
only=${FUZZ_TARGETS:-}

passed=0
failed=0
for target in "$build"/test/fuzz/fuzz_*; do
    [ -f "$target" ] && [ -x "$target" ] || continue
    name=$(basename "$target")
    if [ -n "$only" ] && [[ " $only " != *" $name "* ]]; then
        continue
    fi
    work=$build/fuzz/$name
    mkdir -p "$work/corpus" "$work/found"
    seeds=test/fuzz/seeds/${name#fuzz_}
    log=$work/log
    if "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="$work/found/" "$work/corpus" $([ ! -d "$seeds" ] || echo "$seeds") >"$log" 2>&1; then
        passed=$((passed + 1))
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        printf '%-28s %10s inputs, nothing found\n' "$name" "$runs"
    else
        failed=$((failed + 1))
        grep -v '^#' "$log" | tail -n 60
        printf '%-28s FAILED; the input is in %s\n' "$name" "$work/found"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
