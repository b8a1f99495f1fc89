#!/bin/sh
# Sets up everything that `make audit` and `make test` need: a virtual environment with the locked packages, and
# the system's libraries and fonts for PDFs. Run again, it does only what is missing.
# Usage: tools/setup.sh [dev]
set -eu
cd "$(dirname "$0")/.."

python=""
for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
if [ -z "$python" ]; then
    if [ -n "${PYTHON:-}" ]; then
        echo "setup: PYTHON=$PYTHON does not run, or is older than Python 3.11" >&2
    else
        echo "setup: expected Python 3.11 or newer as python3; name another by PYTHON=/path/to/python3" >&2
    fi
    exit 1
fi

# What Debian calls the things that pip can't bring: Pango for WeasyPrint, a font with Chinese glyphs, and venv
# where Python is Debian's own.
packages=""
has() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
if command -v dpkg-query >/dev/null 2>&1; then
    for package in libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-cjk fonts-dejavu-core; do
        has "$package" || packages="$packages $package"
    done
fi
"$python" -c 'import ensurepip' 2>/dev/null || packages="$packages python3-venv"

if [ -n "$packages" ]; then
    command="apt-get install --yes --no-install-recommends$packages"
    if [ "$(id -u)" = 0 ]; then
        as_root="env"
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo -n env"
    else
        echo "setup: system packages are missing. Have root run this once, then start again:" >&2
        echo "    apt-get update && $command" >&2
        case "$packages" in *python3-venv*|*libpango*|*harfbuzz*) exit 1 ;; esac
        echo "setup: going on without them: a PDF in Chinese may lack its characters" >&2
        packages=""
    fi
    if [ -n "$packages" ]; then
        echo "setup: installing$packages"
        # What apt says is shown only where it fails.
        said=$({ $as_root apt-get update && $as_root DEBIAN_FRONTEND=noninteractive $command; } 2>&1) || {
            printf '%s\n' "$said" >&2
            echo "setup: these system packages could not be installed:$packages" >&2
            exit 1
        }
    fi
fi

extra=${1:-}
lock="requirements${extra:+-$extra}.lock"
stamp=".venv/.installed-$(basename "$lock")"
if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c 'import pip' 2>/dev/null; then
    rm -rf .venv
    "$python" -m venv .venv
fi
if ! cmp -s "$lock" "$stamp"; then
    echo "setup: installing the locked Python packages"
    .venv/bin/python -m pip install -qq --disable-pip-version-check --require-hashes --requirement "$lock"
    .venv/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
    cp "$lock" "$stamp"
fi
