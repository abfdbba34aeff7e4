//! Compiling in a process of its own: A4-loop-parameters to A8-register-allocation, for components that the scan before
//! it allows.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use tollgate::load::Refusal;
use tollgate::{Compiler, Limits, LoadError, Provider, Runtime, Source};

use support::cli::{program, tollgate};
use support::harness::{alone, made_of, policy, returned, source, wait};
use support::invariant;
use support::processes::{children, cpu_time, script};

fn runtime(program: impl Into<PathBuf>) -> Runtime {
    let program = program.into();
    let compiler = Compiler::Worker { program };
    support::harness::builder()
        .concurrency(4)
        .compiler(compiler)
        .build()
}

fn load(source: &Source, limits: &str) -> Result<Provider, LoadError> {
    wait(runtime(tollgate()).load(source, &policy(limits)))
}

fn refused(source: &Source, limits: &str) -> Refusal {
    match load(source, limits) {
        Err(LoadError::Refused(refusal)) => refusal,
        Err(other) => panic!("not refused, but: {other}"),
        Ok(_) => panic!("loaded"),
    }
}

/// A component of honest shape that takes a second or more to compile.
fn long() -> &'static Source {
    static LONG: OnceLock<Source> = OnceLock::new();
    LONG.get_or_init(|| made_of(1_000, 150))
}

fn gone(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

fn soon(what: impl Fn() -> bool) -> bool {
    (0..200).any(|_| {
        let done = what();
        if !done {
            std::thread::sleep(Duration::from_millis(25));
        }
        done
    })
}

#[test]
fn what_a_worker_compiles_runs_as_if_compiled_here() {
    let provider = load(&source("echo"), "").unwrap();
    let there = wait(async { provider.session().run(b"hello").await }).unwrap();
    assert_eq!(returned(&there), "hello");
    let here = support::harness::run("echo", "", "hello");
    assert_eq!(there.usage.fuel, here.usage.fuel);
    // The refusal has the same words, too.
    let bad = Source::bytes("bad", *b"\0asm\x0d\0\x01\0\xff");
    assert_eq!(refused(&bad, "").kind.label(), "malformed");
}

#[test]
fn a_worker_over_its_time_is_ended() {
    let _alone = alone();
    let attack = || {
        let refusal = refused(long(), "limits.compile-time = \"100ms\"");
        assert_eq!(refusal.kind.label(), "compile-limit");
        assert!(
            refusal.message.contains("100ms") && refusal.message.contains("limits.compile-time")
        );
        assert!(children(std::process::id()).is_empty());
    };
    invariant::holds(attack);
}

/// A program that reads its input and sleeps: no limit of the kernel on processor time ends it.
fn sleeper(folder: &tempfile::TempDir) -> PathBuf {
    script(folder.path(), "exec /bin/sleep 30")
}

/// The clock ends it, since a worker that waits uses no processor time.
#[test]
fn a_worker_that_waits_is_ended_by_the_clock() {
    let folder = tempfile::TempDir::new().unwrap();
    let runtime = runtime(sleeper(&folder));
    let limits = policy("limits.compile-time = \"200ms\"");
    match wait(runtime.load(&source("echo"), &limits)) {
        Err(LoadError::Refused(refusal)) => {
            assert!(refusal.message.contains("200ms"), "{refusal}");
        }
        Err(other) => panic!("not refused, but: {other}"),
        Ok(_) => panic!("loaded"),
    }
}

/// The worker would continue for half a minute.
#[test]
fn a_worker_of_nobody_is_ended() {
    let folder = tempfile::TempDir::new().unwrap();
    let runtime = runtime(sleeper(&folder));
    wait(async {
        let policy = policy("");
        let echo = source("echo");
        let load = runtime.load(&echo, &policy);
        assert!(
            tokio::time::timeout(Duration::from_millis(100), load)
                .await
                .is_err()
        );
    });
    assert!(soon(|| children(std::process::id()).is_empty()));
}

#[test]
fn a_worker_over_its_memory_is_ended() {
    // One function: the compiler holds all of it at once.
    let large = made_of(1, 60_000);
    let refusal = refused(&large, "limits.compile-memory = \"256MiB\"");
    assert_eq!(refusal.kind.label(), "compile-limit", "{refusal}");
    assert!(
        refusal.message.contains("limits.compile-memory"),
        "{refusal}"
    );
}

#[test]
fn a_load_that_is_given_up_ends_its_worker() {
    wait(async {
        let runtime = runtime(tollgate());
        let policy = policy("");
        let load = runtime.load(long(), &policy);
        let given_up = tokio::time::timeout(Duration::from_millis(100), load).await;
        assert!(given_up.is_err(), "it was quicker than thought");
    });
    assert!(soon(|| children(std::process::id()).is_empty()));
}

/// A4-loop-parameters and its like end the worker, and killing the host ends it too: no worker compiles without a host.
#[test]
fn a_worker_does_not_outlive_its_host() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("long.wasm");
    // It compiles for more than the 5 seconds of `soon`, in which a worker without a host would find out by itself.
    std::fs::write(&file, made_of(4_000, 150).as_bytes()).unwrap();
    let mut host = program()
        .args(["run", file.to_str().unwrap()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert!(
        soon(|| !children(host.id()).is_empty()),
        "no worker was started"
    );
    let workers = children(host.id());
    let compiles = |worker: &u32| cpu_time(*worker) > Duration::from_secs(4);
    let begins = || (0..4).any(|_| soon(|| workers.iter().any(compiles)));
    assert!(begins(), "the worker does not compile");
    host.kill().unwrap();
    host.wait().unwrap();
    assert!(soon(|| workers.iter().all(|worker| gone(*worker))));
}

#[test]
fn the_program_says_which_limit_and_how_to_raise_it() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("long.wasm");
    std::fs::write(&file, long().as_bytes()).unwrap();
    let output = program()
        .args([
            "run",
            file.to_str().unwrap(),
            "--compile-time",
            "100ms",
            "--report",
            "-",
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let report: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(report["refusal"]["kind"], "compile-limit", "{report}");
}

/// A program that is no worker is the embedder's mistake, not the component's.
#[test]
fn a_program_that_is_no_worker_is_a_host_error() {
    for program in ["/bin/true", "/bin/cat", "/no/such/program", "/bin/echo"] {
        match wait(runtime(program).load(&source("echo"), &policy(""))) {
            Err(LoadError::Host(error)) => assert!(error.detail().contains(program), "{error:?}"),
            Err(other) => panic!("{program}: {other}"),
            Ok(_) => panic!("{program} compiled it"),
        }
    }
}

/// No other process can read the memory of a worker, and no program is a worker by accident.
#[test]
fn a_worker_that_is_started_by_hand_does_nothing() {
    for args in [
        &["--tollgate-compile-worker"][..],
        &["--tollgate-compile-worker", "x", "y"],
        &[
            "--tollgate-compile-worker",
            "unmetered",
            "1000000000",
            "5",
            "100",
            "load",
        ],
        &[
            "--tollgate-compile-worker",
            "fuel",
            "1000000000",
            "5",
            "100",
        ],
        &[
            "--tollgate-compile-worker",
            "fuel",
            "1000000000",
            "5",
            "load",
        ],
        &[
            "--tollgate-compile-worker",
            "fuel",
            "1000000000",
            "5",
            "100",
            "run",
        ],
        // No bytes are no component.
        &[
            "--tollgate-compile-worker",
            "fuel",
            "1000000000",
            "5",
            "100",
            "load",
        ],
    ] {
        let mut program = program();
        let output = program.args(args).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        // The last has its wall around it by then, and says so in a byte.
        assert!(output.stdout.len() <= usize::from(args.last() == Some(&"load")));
        assert!(output.stderr.is_empty());
    }
}

/// Nothing is declared that is not enforced: in-process, these two cannot be.
#[test]
fn limits_of_compiling_need_a_worker() {
    let inside = support::harness::builder().concurrency(4).build();
    for limit in ["compile-time = \"59s\"", "compile-memory = \"1GiB\""] {
        let policy = policy(&format!("limits.{limit}"));
        match wait(inside.load(&source("echo"), &policy)) {
            Err(error @ LoadError::Unsupported(tollgate::load::Unsupported::CompileLimits)) => {
                assert!(error.to_string().contains("Compiler::Worker"), "{error}");
            }
            other => panic!("{:?}", other.err()),
        }
    }
    let provider = load(&source("echo"), "").unwrap();
    for (name, value) in [("compile-memory", "1GiB"), ("complexity", "90")] {
        let mut limits = Limits::default();
        limits.set(name, value).unwrap();
        match provider.with_limits(limits) {
            Err(LoadError::Unsupported(tollgate::load::Unsupported::FixedAtLoad { key })) => {
                assert_eq!(key, name)
            }
            other => panic!("{:?}", other.err()),
        }
    }
}
