#!/bin/sh
# Installs the Debian packages named as arguments that aren't there yet. With --optional first, going
# without them is fine: the tests that need them skip and say so.
set -u

optional=no
if [ "${1:-}" = --optional ]; then
    optional=yes
    shift
fi

# Says what to do by hand, and ends: with failure unless the packages are optional.
give_up() {
    echo "$1; please install:$missing" >&2
    [ $optional = yes ]
    exit
}

missing=
for package in "$@"; do
    # A Python from elsewhere makes virtual environments without Debian's package.
    if [ "$package" = python3-venv ] && "${PYTHON:-python3}" -c 'import ensurepip' 2>/dev/null; then
        continue
    fi
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    case $status in
        *"install ok installed"*) ;;
        *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "not a Debian machine: going on without looking for what corresponds to:$missing" >&2
    exit 0
fi
root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || give_up "not root, and no sudo"
    root=sudo
fi

install() {
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" \
        >/dev/null
}

echo "installing:$missing"
$root apt-get update -qq || give_up "apt-get update failed"
failed=
if [ $optional = yes ]; then
    # One by one: the lack of one should not cost another.
    for package in $missing; do
        install "$package" || failed="$failed $package"
    done
else
    # shellcheck disable=SC2086
    install $missing || failed=$missing
fi
[ -z "$failed" ] && exit 0
missing=$failed
give_up "apt-get could not install everything"
