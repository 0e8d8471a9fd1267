#!/usr/bin/env bash
# Installs what is missing for one or more groups of work: build, demo, test, check.
#
#   scripts/setup.sh [--print] GROUP...
#
# Asks once on a terminal before it uses sudo. Without a terminal, or with CI set, it never asks: it installs as
# root or with `sudo -n`, or else prints the command to run and ends with 1. When nothing is missing it does
# nothing and is quick. --print shows the missing packages and changes nothing.
set -euo pipefail

os_id=unknown
os_version=
if [ -r /etc/os-release ]; then
    os_id=$(. /etc/os-release && echo "${ID:-unknown}")
    os_version=$(. /etc/os-release && echo "${VERSION_ID:-}")
fi

missing=()

want() {
    local package
    for package in "${missing[@]}"; do
        [ "$package" != "$1" ] || return 0
    done
    missing+=("$1")
}

# need_command COMMAND PACKAGE
need_command() {
    command -v "$1" >/dev/null 2>&1 || want "$2"
}

# need_module PKG_CONFIG_MODULE PACKAGE: any provider will do, e.g. curl's headers over OpenSSL or GnuTLS.
need_module() {
    pkg-config --exists "$1" 2>/dev/null || want "$2"
}

# need_header FILE PACKAGE: for libraries without a pkg-config file.
need_header() {
    [ -e "/usr/include/$1" ] || want "$2"
}

# Debian's clang package is a name for one version; its run-time libraries carry that version in their name.
clang_version() {
    case "$os_id:$os_version" in
    debian:12) echo 14 ;;
    debian:13) echo 19 ;;
    ubuntu:24.04) echo 18 ;;
    *) apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9][0-9]*\)$/\1/p' | head -n 1 ;;
    esac
}

need_clang_runtime() {
    local directory
    if command -v clang >/dev/null 2>&1; then
        directory=$(clang -print-resource-dir)
        if compgen -G "$directory/lib/linux/libclang_rt.fuzzer*" >/dev/null; then
            return 0
        fi
    fi
    want "libclang-rt-$(clang_version)-dev"
}

need_node() {
    local major
    major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
    if [ "$major" -lt 18 ]; then
        want nodejs
    fi
    need_command npm npm
}

need_postgres() {
    if command -v initdb >/dev/null 2>&1; then
        return 0
    fi
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || want postgresql
}

# The browser of the end-to-end tests; any of these will do.
need_chromium() {
    local name
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null 2>&1; then
            return 0
        fi
    done
    want chromium
}

group_build() {
    need_command gcc gcc
    need_command g++ g++
    need_command pkg-config pkg-config
    need_command meson meson
    need_command ninja ninja-build
    need_module libcurl libcurl4-openssl-dev
    need_module libmicrohttpd libmicrohttpd-dev
    need_module simdjson libsimdjson-dev
    need_module sqlite3 libsqlite3-dev
    need_module libpq libpq-dev
    need_module libsodium libsodium-dev
    need_module libzstd libzstd-dev
    need_module cmocka libcmocka-dev
    need_header date/tz.h libhowardhinnant-date-dev
}

group_demo() {
    need_command sqlite3 sqlite3
    need_command curl curl
    need_command jq jq
}

group_test() {
    need_command openssl openssl
    need_command sqlite3 sqlite3
    need_postgres
    need_node
    need_chromium
}

group_check() {
    need_command clang clang
    need_command clang-format clang-format
    need_command clang-tidy clang-tidy
    need_clang_runtime
}

print_only=false
for group in "$@"; do
    case "$group" in
    --print) print_only=true ;;
    build | demo | test | check) "group_$group" ;;
    *)
        echo "setup: unknown group '$group'; there are build, demo, test and check" >&2
        exit 2
        ;;
    esac
done

if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi
if [ "$print_only" = true ]; then
    printf '%s\n' "${missing[@]}"
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "setup: this system has no apt-get; please install what these Debian packages hold:" >&2
    echo "    ${missing[*]}" >&2
    exit 1
fi

line="apt-get install -y --no-install-recommends ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if [ -n "${CI:-}" ] || [ ! -t 0 ]; then
        as_root=(sudo -n)
    else
        as_root=(sudo)
    fi
    if ! command -v sudo >/dev/null 2>&1 || { [ "${as_root[*]}" = "sudo -n" ] && ! sudo -n true 2>/dev/null; }; then
        echo "setup: these packages are missing and cannot be installed without a password; as root, run:" >&2
        echo "    apt-get update && $line" >&2
        exit 1
    fi
    if [ "${as_root[*]}" = sudo ]; then
        echo "sluice needs these packages:"
        echo "    ${missing[*]}"
        read -r -p "Install them now with sudo? [Y/n] " answer
        case "$answer" in
        '' | y | Y | yes | Yes) sudo -v ;;
        *)
            echo "Nothing was installed. The command is:"
            echo "    sudo apt-get update && sudo $line"
            exit 1
            ;;
        esac
    fi
fi

echo "setup: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT

quietly() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "$@" >>"$log" 2>&1 </dev/null
}

# Another package manager may hold the lock for a while, as on a machine that has just started.
# shellcheck disable=SC2086
if ! { quietly apt-get -o DPkg::Lock::Timeout=300 update && quietly $line -o DPkg::Lock::Timeout=300; }; then
    tail -n 30 "$log" >&2
    echo "setup: the installation failed (its last lines are above); the command was: $line" >&2
    exit 1
fi
