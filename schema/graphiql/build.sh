#!/bin/sh
# Builds assets/ from src/.
# usage: build.sh PYTHON (of the virtual environment that a Node may be installed into)
set -eu
python=$1
cd "$(dirname "$0")"

if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
    sh ./node.sh "$python" npm ci --no-progress --loglevel=error
fi
sh ./node.sh "$python" npm run --silent build
