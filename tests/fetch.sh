# What the scripts share that fetch packages of registries. It is read by `.`, with $work (a folder for a log) set and with the
# function `fail`.

sha256_of() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

# fetch REGISTRY NAME VERSION SHA256 ARCHIVE: the client of the registry leaves the file ARCHIVE, unless it is there, and it is
# the one that is pinned.
fetch() {
    if [ -f "$5" ] && [ "$(sha256_of "$5")" = "$4" ]; then return; fi
    printf 'fetching %s %s of %s\n' "$2" "$3" "$1" >&2
    case $1 in
    crates.io)
        # Cargo keeps each package that it tells about.
        cargo info --quiet --registry crates-io --color never "$2@$3" >"$work/fetch.log" 2>&1 ||
            fail "cargo cannot fetch $2 $3; $work/fetch.log says why"
        cp "${CARGO_HOME:-$HOME/.cargo}"/registry/cache/*/"$(basename "$5")" "$5" || fail "cargo did not keep $2 $3"
        ;;
    npm)
        command -v npm >/dev/null || fail "npm, which fetches $2 $3, is missing; install Node.js 20 or newer"
        npm pack --silent --ignore-scripts --pack-destination "$(dirname "$5")" "$2@$3" >"$work/fetch.log" 2>&1 ||
            fail "npm cannot fetch $2 $3; $work/fetch.log says why"
        ;;
    PyPI)
        python3 -m pip --version >/dev/null 2>&1 || fail "python3 with pip, which fetches $2 $3, is missing; install them"
        python3 -m pip --quiet --disable-pip-version-check --no-input download --no-deps --only-binary :all: \
            --ignore-requires-python --dest "$(dirname "$5")" "$2==$3" >"$work/fetch.log" 2>&1 ||
            fail "pip cannot fetch $2 $3; $work/fetch.log says why"
        ;;
    *) fail "$2 is of the registry \`$1\`, which is none of crates.io, npm and PyPI" ;;
    esac
    [ -f "$5" ] || fail "$1 did not give $5 for $2 $3"
    [ "$(sha256_of "$5")" = "$4" ] ||
        fail "$5 is not the file that is pinned: its sha256 is $(sha256_of "$5"), and $4 is expected"
}
