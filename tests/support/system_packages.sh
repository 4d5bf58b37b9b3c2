#!/bin/sh
# Installs the Debian packages named as arguments that aren't there yet. With --optional first, going
# without them is fine: the tests that need them skip and say so.
set -u

optional=no
if [ "${1:-}" = --optional ]; then
    optional=yes
    shift
fi

missing=
for package in "$@"; do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    case $status in
        *"install ok installed"*) ;;
        *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "not a Debian machine: please install what corresponds to:$missing" >&2
    exit 0
fi

root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "please have root install:$missing" >&2
        [ $optional = yes ] && exit 0
        exit 1
    fi
    root=sudo
fi

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
if $root apt-get update -qq && $root apt-get install -qq -y --no-install-recommends $missing >/dev/null; then
    exit 0
fi
echo "could not install:$missing" >&2
[ $optional = yes ]
