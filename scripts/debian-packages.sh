#!/bin/sh
# Installs what the tests need from Debian; without the right to, says what is missing and goes on.
set -eu
command -v dpkg-query >/dev/null 2>&1 || exit 0
missing=""
for package in chromium git prometheus ripgrep; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q "install ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ]; then
    apt-get update -qq
    # shellcheck disable=SC2086 - a list of words
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
else
    echo "not installed, and only root can:$missing; tests that need them are skipped" >&2
fi
