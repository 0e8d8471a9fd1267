#!/usr/bin/env bash
# clang-tidy over the project's own sources, two at a time.
#
#   scripts/tidy.sh BUILD_DIR
#
# What was clean before and has not changed is not read again: the key is a hash of the preprocessed source,
# the settings and the tool's version. The time is bounded by TIDY_SECONDS for each file.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:?build directory}
seconds=${TIDY_SECONDS:-180}
cache=.cache/tidy
mkdir -p "$cache"

[ -f "$build/compile_commands.json" ] || {
    echo "tidy: $build has no compile_commands.json; run make first" >&2
    exit 1
}

check_one() {
    local file=$1 key output
    # Comments count too: they may hold a NOLINT.
    key=$({
        clang-tidy --version
        cat .clang-tidy test/.clang-tidy
        python3 scripts/preprocess.py "$build" "$file"
    } | sha256sum | cut -d ' ' -f 1)
    if [ -f "$cache/$key" ]; then
        return 0
    fi
    if output=$(timeout "$seconds" clang-tidy --quiet -p "$build" "$file" 2>&1); then
        : >"$cache/$key"
        return 0
    fi
    printf '%s\n' "$output" | grep -v -e 'warnings generated' -e 'warnings treated as errors' -e '^$' || true
    return 1
}
export -f check_one
export build seconds cache

# Only what the build compiles has flags to check it with.
status=0
git ls-files -co --exclude-standard -- 'src/*.c' 'src/*.cc' 'sim/*.c' 'test/unit/*.c' 'test/fuzz/*.c' |
    python3 scripts/preprocess.py "$build" --known |
    xargs -r -n 1 -P 2 bash -c 'check_one "$0"' || status=1
find "$cache" -type f -mtime +14 -delete
# Later versions know more checks than the settings were made for: they tell, version 14 (Debian 12's) decides.
if [ "$status" -ne 0 ] && ! clang-tidy --version | grep -q 'version 14\.'; then
    echo "tidy: the above is the view of $(clang-tidy --version | grep -o 'version [0-9]*'); version 14 decides"
    exit 0
fi
[ "$status" -ne 0 ] || echo "tidy: clean"
exit "$status"
