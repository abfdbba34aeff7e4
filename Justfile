# Every recipe does its own set-up. `./justw --list` shows them.

cargo_component := "0.21.1"
cargo_cyclonedx := "0.5.9"
cargo_deny := "0.20.2"
cargo_mutants := "27.1.0"
mdbook := "0.5.4"

# Tools are built without optimisation: each does a few seconds of work, and cost minutes to be built for it.
install := "CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --locked --debug --root .tools"

# The list of recipes.
default:
    @just --justfile {{justfile()}} --list

# The main job: sample providers on real data, and hostile ones being stopped.
demo: setup (build "--package tollgate-cli --package tollgate-guests --no-default-features")
    @target/debug/tollgate-guests build echo checksums ledger-csv registry-releases hostile
    @target/debug/tollgate demo

# Every test: policies, library, documentation, guests against the host, command line.
test: guests
    #!/bin/sh
    set -eu
    rm -f target/skips.txt
    failed=0
    cargo test --workspace --quiet --no-fail-fast || failed=$?
    (cd guests && cargo test --quiet --package tollgate-guest) || failed=$?
    tests/skips.sh
    exit $failed

# The builds that `test` needs.
[private]
tests-build: guests
    cargo test --workspace --quiet --no-run

# The tests that depend on the user, once more as another one.
test-as-nobody:
    tests/as-nobody.sh

# The tests of the library again, in the profile that does not count fuel.
#
# Left out are the tests that do not depend on it: the program (cli), which always counts fuel; the documents (docs);
# decisions before an engine is asked (trust, load, cache); a folder that is served (watch), the server (serve), the fleet and the
# worlds (worlds), which call well-behaved guests only; decisions on paths (files::granted_roots); the client of HTTP and
# the store, whose host functions the tests of wasi run under both profiles; processes that lie or end, and their wall
# (isolation, wall), but not that calls in a process are the same.
[doc('The tests of the library again, in the profile that does not count fuel.')]
test-deadline-only: guests
    #!/bin/sh
    set -eu
    left_out='cli docs serve fleet trust load cache watch worlds files::granted_roots http::credentials http::dns http::floods http::networks http::requests http::send http::tls store wall isolation::liars isolation::honest isolation::ends isolation::memory'
    echo "skipped: $left_out: they do not depend on how guest code is metered" | tee target/skips.txt
    failed=0
    TOLLGATE_METERING=deadline-only cargo test --workspace --quiet --test suite -- \
        $(printf -- '--skip %s:: ' $left_out) || failed=$?
    tests/skips.sh
    exit $failed

# The attack catalogue, each row played ten times: the results, the times, the growth of the process.
attack *rows: guests
    @cargo test --workspace --quiet --test attack -- --table {{rows}}

# The catalogue `times` times, 100,000 hostile calls, and 100 good ones among 10,000. `just soak 1000`.
soak times="1000" calls="100000": guests
    @cargo test --workspace --quiet --test attack -- --soak {{trim_start_match(times, "TIMES=")}} {{calls}}

# Good calls beside each row of the catalogue, which another thread plays without end: their 99th percentiles, also divided by those of calls alone.
neighbours *rows: guests
    @cargo test --workspace --quiet --test attack -- --neighbours {{rows}}

# Scripts of file operations in this host, by Linux itself and in wasmtime's host.
differential scripts="10000": guests
    @TOLLGATE_SCRIPTS={{scripts}} cargo test --workspace --quiet --test suite wasi::differential -- --nocapture

# A program in Rust and one in Python that use files, here and on Linux: their output, their statuses, the files they leave. `just suites std-fs`. The component in Python takes a minute to compile, once.
suites *names: setup (build "--workspace --bin tollgate --bin tollgate-guests")
    @tests/suites/run.sh {{names}}

# The time from a deadline of 50 ms to the end of a call, for calls that do different things then.
overshoot runs="200": guests
    @cargo test --workspace --quiet --test attack -- --overshoot {{runs}}

# The time that 1,000 fuel buy of each host function and of each helper of the engine, at its worst argument. The release build takes 15 minutes the first time.
prices: guests
    @cargo test --workspace --quiet --release --test attack --target-dir target/bench-build \
        --config 'profile.release.lto=false' --config 'profile.release.debug="line-tables-only"' -- --prices

# Formatting, clippy and documentation, warnings denied: of the host, the guests, fuzzing and measuring (without its peers), and the tools.
lint: setup
    cargo fmt --all --check
    cd guests && cargo fmt --all --check
    cd benches && cargo fmt --all --check
    cd fuzz && cargo fmt --all --check
    cargo run --quiet --bin tollgate-proofs -- --edits
    tests/same-features.py
    cargo clippy --workspace --all-targets --quiet -- --deny warnings
    cd guests && cargo clippy --workspace $(printf -- '--exclude %s ' $(ls wasip2)) --quiet --target wasm32-unknown-unknown -- --deny warnings
    cd guests && cargo clippy $(printf -- '--package %s ' $(ls wasip2)) --quiet --target wasm32-wasip2 -- --deny warnings
    cargo clippy --manifest-path fuzz/Cargo.toml --target-dir target --package tollgate-fuzz-runner --all-targets --quiet --locked -- --deny warnings
    cargo clippy --manifest-path benches/Cargo.toml --target-dir target --no-default-features --quiet --locked -- --deny warnings
    cargo clippy --manifest-path tools/mutants/Cargo.toml --target-dir target/mutants-tool --all-targets --quiet --locked -- --deny warnings
    RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps --quiet

# Each feature of the library alone, and none: checked, linked without the libraries of the others, and tested.
features: setup
    @tests/features.sh

# The WIT of others that is copied here, against its source.
vendored:
    @tests/vendored.sh

# Packages of all crates as for a registry, and each published crate checked from its package alone. `just package verify` has cargo build each of them, in about six minutes. It packages what is committed.
package mode="":
    @tools/package.sh {{mode}}

# The release archive of this machine's target, with SBOM and checksums, in target/dist. The release build takes 15 minutes the first time.
dist: cargo-cyclonedx
    @tools/dist.sh

# The crates of the host checked for Linux on aarch64, Windows and macOS; the tests of those without the engine by qemu-user and wine. `just portability check`, `just portability test`. docs/guide/platforms.md.
portability part="all":
    @tests/portability.sh {{part}}

# The documents as a book, in target/book, with every link in it checked.
book: get-mdbook
    @docs/book.sh .tools/bin/mdbook

# The guests as components, in target/guests; those that are measured in target/guests-bench.
guests: setup (build "--workspace --bin tollgate --bin tollgate-guests")
    @target/debug/tollgate-guests build
    @target/debug/tollgate-guests build --bench

# Tollgate beside raw wasmtime, Extism, wasmi and native processes, measured in turns: `just bench`, `just bench --quick`, `just bench --only fresh session`. The first time builds them all, in 15 minutes. The table is on stdout, report.json and plots in target/bench.
bench *options: guests
    #!/bin/sh
    set -eu
    cargo build --quiet --locked --release --manifest-path benches/Cargo.toml --target-dir target/bench-build
    # The program itself, built with the same profile as the measuring program.
    cargo build --quiet --locked --release --workspace --bin tollgate --target-dir target/bench-build \
        --config 'profile.release.lto=false' --config 'profile.release.debug="line-tables-only"'
    RUST_BACKTRACE=0 target/bench-build/release/tollgate-bench {{options}}

# `tollgate serve` beside `wasmtime serve` on loopback: requests a second, 99th percentiles, memory of idle connections. `just bench-serve 1 3` is shorter. Needs wrk; the first time it builds both, in half an hour.
bench-serve seconds="4" rounds="5": guests
    #!/bin/sh
    set -eu
    [ -x .tools/wasmtime/bin/wasmtime ] || cargo install --quiet --locked wasmtime-cli --version 48.0.8 --root .tools/wasmtime
    cargo build --quiet --locked --release --workspace --bin tollgate --target-dir target/bench-build \
        --config 'profile.release.lto=false' --config 'profile.release.debug="line-tables-only"'
    python3 benches/serve.py target/bench-build/release/tollgate .tools/wasmtime/bin/wasmtime target/guests/web.wasm {{seconds}} {{rounds}}

# Calls through a server of NATS and one, two and three workers on loopback, beside calls here: `just bench-fleet 10000`. Needs nats-server.
bench-fleet times="3000": guests
    #!/bin/sh
    set -eu
    cargo build --quiet --locked --release --workspace --bin tollgate --example overhead --target-dir target/bench-build \
        --config 'profile.release.lto=false' --config 'profile.release.debug="line-tables-only"'
    work=$(mktemp -d)
    trap 'kill $pids 2>/dev/null || true; rm -rf "$work"' EXIT
    pids= url=nats://127.0.0.1:14333
    nats-server -a 127.0.0.1 -p 14333 -m 14334 -js -sd "$work/nats" >"$work/nats.log" 2>&1 & pids="$pids $!" server=$!
    sleep 1
    for workers in 1 2 3; do
        target/bench-build/release/tollgate worker --nats $url --name $workers --no-cache 2>"$work/$workers" & pids="$pids $!"
        sleep 1
        echo "$workers workers"
        target/bench-build/release/examples/overhead $url target/guests/counter.wasm {{times}} $server 14334
    done

# Calls of a fleet whose workers, and each fourth time its server, are killed with -9 meanwhile: none is lost. `just fleet-kills 1000 5`. Needs nats-server.
fleet-kills calls="100000" kills="20": guests
    @TOLLGATE_CALLS={{calls}} TOLLGATE_KILLS={{kills}} cargo test --workspace --quiet --test suite fleet::kills -- --nocapture

# Fails when a call or a guest's code costs more beside wasmtime than it did: ratios of two that take turns, shortly.
bench-guard: guests
    @cargo build --quiet --locked --manifest-path benches/Cargo.toml --target-dir target --no-default-features
    @RUST_BACKTRACE=0 target/debug/tollgate-bench --guard

# The guests written in Python, JavaScript, C and C++, in target/guests. Their compilers come from PyPI, npm and, as root, Debian.
guests-polyglot:
    @guests/polyglot/build.sh target/guests

# One provider in five languages: size, compiling, fuel and time of a call, as docs/guide/providers.md has them. `just polyglot-table release` measures with the release build, which takes 15 minutes the first time.
polyglot-table profile="dev": guests guests-polyglot
    @cargo build --quiet --package tollgate-cli --profile {{profile}}
    @python3 guests/polyglot/table.py target/{{ if profile == "dev" { "debug" } else { profile } }}/tollgate target/guests

# The tests of the guests in Python, JavaScript, C and C++. Apart from `test`, which needs rustup and a C compiler only.
test-polyglot: guests guests-polyglot
    cargo test --workspace --quiet --test suite --features tollgate-tests/polyglot polyglot

# The pages and new projects whose compilers come from PyPI, npm, Debian and crates.io, and the embedder's with an engine of its own, walked word for word: `just walks`, `just walks python`. Those that need rustup alone are walked by `test`.
walks *words: guests
    #!/bin/sh
    set -eu
    root=$PWD here=guests/polyglot tools=$PWD/.tools/polyglot work=$PWD/target/polyglot
    mkdir -p "$tools" "$work"
    . "$here/tools.sh"
    need_python
    need_node
    export PATH
    for word in {{ if words == "" { "registries" } else { words } }}; do
        cargo test --workspace --quiet --test suite --features tollgate-tests/polyglot "$word"
    done

# Public packages of the registries that carry components, inspected and compiled under the default limits: `just corpus`, `just corpus numcodecs`. 200 MB go to target/corpus the first time, and stay. Needs npm and python3 with pip.
corpus *words: (build "--workspace --bin tollgate --bin tollgate-guests")
    @tests/corpus/run.sh {{words}}

# The same guests built by cargo-component, and the suite run against them.
#
# cargo-component builds `providers/*` and `hostile`. The tests that run call them through each kind of import and
# export: the worlds, the limits that a guest's own code reaches, files, requests, the store. The rest of the suite
# treats their files like any others, or runs other guests.
#
# cargo-component asks for wasm32-wasip1 for every target, and fetches it only where rustup's `cargo` started it.
[doc('The same guests built by cargo-component, and the suite run against them.')]
guests-cargo-component: guests cargo-component (setup "wasm32-wasip1")
    #!/bin/sh
    set -eu
    target/debug/tollgate-guests build --cargo-component
    TOLLGATE_GUESTS="$PWD/target/guests-cargo-component" cargo test --workspace --quiet --test suite -- \
        end_to_end worlds:: limits::budget limits::memory limits::traps files::granted_roots http::requests store::buckets

# Golden files of the command line and the references of commands, policies, interfaces and limits, written anew.
bless: guests
    BLESS=1 cargo test --workspace --quiet --test suite -- cli::golden docs::copies
    BLESS=1 cargo test --workspace --quiet --lib --bins reference
    cargo run --quiet --bin tollgate-proofs -- --bless

# Builds packages of the main workspace. Those that share the engine are built by one command or with `--workspace`: a
# package alone may have other features, and the engine would be built once more. At a terminal, cargo shows its progress.
[private]
build packages:
    #!/bin/sh
    set -eu
    [ -d target/debug/deps ] || echo 'building the engine and the program (once, about 6 minutes on two cores)' >&2
    if [ -t 2 ]; then exec cargo build {{packages}}; fi
    # Without a terminal for cargo's progress, a line each minute. It ends with this shell.
    (
        seconds=0
        while kill -0 $$ 2>/dev/null; do
            sleep 1
            seconds=$((seconds + 1))
            if [ $((seconds % 60)) -eq 0 ]; then echo "still building ($((seconds / 60)) min)" >&2; fi
        done
    ) &
    exec cargo build --quiet {{packages}}

# The tools, beside rustup and a C compiler, for a build of all but the polyglot guests.
[private]
setup *more_targets:
    #!/bin/sh
    set -eu
    fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }
    command -v cargo >/dev/null || fail 'cargo is missing; install Rust from https://rustup.rs'
    command -v cc >/dev/null || fail 'a C compiler is missing; install one, such as gcc or clang'
    for target in wasm32-unknown-unknown wasm32-wasip2 {{more_targets}}; do
        # The toolchain file does not fetch targets for a toolchain that is already there.
        rustc --print target-libdir --target "$target" >/dev/null 2>&1 &&
            [ -d "$(rustc --print target-libdir --target "$target")" ] && continue
        echo "installing the Rust target $target" >&2
        rustup target add "$target" >/dev/null 2>&1 || fail "rustup cannot add the target $target"
    done

# Edits each enforcing line of tests/proofs.toml out in turn and shows the test that fails without it: `just prove`, `just prove cache watch`, `just prove --again fuel`, `just prove --lanes 2`. Most are built together. It continues where it was interrupted.
prove *names: guests
    @cargo run --quiet --bin tollgate-proofs -- {{names}}

# Hostile components, expressions, policies, URLs and paths, made for some time: `just fuzz 10m`, `just fuzz 1h --only wave`. Findings are in target/fuzz/findings.
fuzz time="1h" *options: guests fuzz-build
    target/debug/tollgate-fuzz-runner --time {{trim_start_match(time, "TIME=")}} {{options}}

# Two minutes of it, the same inputs each time, so that only a change of the code changes the result.
fuzz-smoke: (fuzz "2m" "--seed 1")

# The worker is built in the main workspace, with all that it shares, and the runner in its own.
[private]
fuzz-build: (build "--workspace --bin tollgate --bin tollgate-guests --bin tollgate-fuzz-worker")
    #!/usr/bin/env bash
    set -euo pipefail
    engine() { grep -A1 '^name = "wasm\(time\|parser\)' "$1"; }
    diff <(engine Cargo.lock) <(engine fuzz/Cargo.lock) >&2 || {
        echo 'fuzz: fuzz/Cargo.lock has another engine than Cargo.lock; `cargo update` it in fuzz/' >&2
        exit 1
    }
    cargo build --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir target --package tollgate-fuzz-runner

# Changes the code in every way that cargo-mutants knows, and shows the changes that no test catches: `just mutants policy`, `just mutants runtime --file meter.rs`; parts are policy, component, capability and runtime. All mutants of a part are built at once, and a run that was stopped continues. docs/security/mutants.md.
mutants *what: cargo-mutants
    #!/bin/sh
    set -euf
    # Only the runtime's tests run guests. Without a name, all parts are run.
    case ' {{what}} ' in
    *' runtime '*) "{{just_executable()}}" guests ;;
    *' policy '* | *' component '* | *' capability '* | *' --help '*) ;;
    *) "{{just_executable()}}" guests ;;
    esac
    cargo run --quiet --locked --manifest-path tools/mutants/Cargo.toml --target-dir target/mutants-tool -- {{what}}

# The mutants of the lines that differ from a commit, each built alone and run against its own crate's tests: `just mutants-diff`, `just mutants-diff main`. Half an hour at most.
mutants-diff base="HEAD~1": cargo-mutants
    #!/bin/sh
    set -eu
    mkdir -p target/mutants
    git diff --merge-base "{{base}}" >target/mutants/changes.diff
    # A property of fewer cases finds a mutant as well.
    export CARGO_TARGET_DIR="$PWD/target" TOLLGATE_CASES=20000 PROPTEST_CASES=64
    timeout 1800 .tools/bin/cargo-mutants mutants --in-diff target/mutants/changes.diff --jobs 1 --timeout 120 \
        --build-timeout 600 --colors never --output target/mutants

[private]
cargo-component:
    #!/bin/sh
    set -eu
    if ! PATH="$PWD/.tools/bin:$PATH" command -v cargo-component >/dev/null; then
        echo 'installing cargo-component {{cargo_component}} into .tools (once, about 3 minutes)' >&2
        {{install}} --version {{cargo_component}} cargo-component
    fi

[private]
cargo-deny:
    #!/bin/sh
    set -eu
    if ! [ -x .tools/bin/cargo-deny ]; then
        echo 'installing cargo-deny {{cargo_deny}} into .tools (once, about 2 minutes)' >&2
        {{install}} --version {{cargo_deny}} cargo-deny
    fi

[private]
cargo-cyclonedx:
    #!/bin/sh
    set -eu
    if ! [ -x .tools/bin/cargo-cyclonedx ]; then
        echo 'installing cargo-cyclonedx {{cargo_cyclonedx}} into .tools (once, about a minute)' >&2
        {{install}} --version {{cargo_cyclonedx}} cargo-cyclonedx
    fi

# Without its server, which no recipe needs.
[private]
get-mdbook:
    #!/bin/sh
    set -eu
    if ! [ -x .tools/bin/mdbook ]; then
        echo 'installing mdbook {{mdbook}} into .tools (once, about a minute)' >&2
        {{install}} --version {{mdbook}} --no-default-features --features search mdbook
    fi

# The tools that the later steps of CI need.
[private]
tools: cargo-component cargo-deny get-mdbook

[private]
cargo-mutants:
    #!/bin/sh
    set -eu
    if ! [ -x .tools/bin/cargo-mutants ]; then
        echo 'installing cargo-mutants {{cargo_mutants}} into .tools (once, about 3 minutes)' >&2
        cargo install --quiet --locked --root .tools --version {{cargo_mutants}} cargo-mutants
    fi

# Licences, sources and versions of all that is linked, and the advisories on it, which are on GitHub.
audit: cargo-deny
    #!/bin/sh
    set -eu
    for manifest in Cargo.toml fuzz/Cargo.toml; do
        deny() { .tools/bin/cargo-deny --locked --manifest-path "$manifest" "$@"; }
        deny --log-level error check --hide-inclusion-graph bans licenses sources
        if deny --log-level off fetch db 2>/dev/null; then
            deny check --disable-fetch advisories
        else
            echo 'audit: NOT CHECKED for advisories: their database on github.com cannot be reached' >&2
        fi
    done
