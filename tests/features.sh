#!/bin/sh
# The library with each of its features alone, and with none: it passes clippy and its unit tests, and does not link the
# libraries of the features that it lacks.
set -eu
cd "$(dirname "$0")/.."

# The libraries of a feature.
libraries() {
    case $1 in
        http) echo rustls rustls-native-certs tokio-rustls ;;
        store) echo redb ;;
        watch) echo notify ;;
        wit) echo wit-component ;;
    esac
}

on() {
    cargo "$1" --quiet --manifest-path "host/$2/Cargo.toml" --no-default-features --features "$3" --lib -- $4
}

for feature in '' http store watch wit; do
    on clippy runtime "$feature" '--deny warnings'
    linked=$(cargo tree --quiet --edges normal,no-proc-macro --prefix none --manifest-path host/runtime/Cargo.toml \
        --no-default-features --features "$feature" | cut -d' ' -f1 | sort -u)
    for other in http store watch wit; do
        for library in $(libraries $other); do
            found=no
            if echo "$linked" | grep -qxF "$library"; then found=yes; fi
            case $feature:$found in
            "$other":no)
                # A library by another name is one that no other feature is looked through for.
                echo "features: the feature \`$feature\` does not link $library; name its libraries in features.sh" >&2
                exit 1
                ;;
            "$other":yes) ;;
            *:yes)
                echo "features: the feature \`$feature\` alone links $library, of the feature \`$other\`" >&2
                exit 1
                ;;
            esac
        done
    done
done
# The program without the client of NATS.
cargo clippy --quiet --manifest-path host/cli/Cargo.toml --no-default-features --bins -- --deny warnings
# The server without traces.
cargo clippy --quiet --manifest-path host/serve/Cargo.toml --no-default-features --lib -- --deny warnings
for feature in '' http store; do
    on test capability "$feature" ''
done
on test component '' ''
on test runtime '' ''
