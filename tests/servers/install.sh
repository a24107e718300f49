#!/usr/bin/env bash
# Installs the programs that tests start and PyPI does not have, on Debian and as root; elsewhere says what is missing.
# Tests skip without them, and fail where CI=true.
set -euo pipefail

absent() {
    command -v chromium >/dev/null || printf '%s\n' chromium fonts-liberation
    command -v chromedriver >/dev/null || echo chromium-driver
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null || echo postgresql
}

install() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update && apt-get -qq install --yes --no-install-recommends "$@"
}

mapfile -t packages < <(absent)
[ "${#packages[@]}" -eq 0 ] && exit
if [ -e /etc/debian_version ] && [ "$(id -u)" -eq 0 ]; then
    install "${packages[@]}" >/dev/null || true # what is still missing is told below
    mapfile -t packages < <(absent)
fi
[ "${#packages[@]}" -eq 0 ] || echo "tests/servers: not installed, tests that need it are left out: ${packages[*]}" >&2
