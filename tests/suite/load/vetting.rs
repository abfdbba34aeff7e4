//! Inspection needs the protection of compiling, too: a worker finds the contents of a component, under its limits and
//! after the checks that parse nothing, at every door. A55-validation and A56-workers.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tollgate::cache::{Cache, CodeOrigin};
use tollgate::load::{Refusal, RefusalKind};
use tollgate::policy::Lock;
use tollgate::{Compiler, LoadError, Policy, Runtime, Source};

use support::cli::{program, tollgate};
use support::harness::{
    alone, builder, instances_of_types, made_of, policy, slow_to_validate, source, wait,
};
use support::invariant;
use support::processes::{children, script, until};

fn runtime(program: impl Into<PathBuf>) -> tollgate::Builder {
    let program = program.into();
    builder()
        .concurrency(4)
        .compiler(Compiler::Worker { program })
}

fn refusal<T>(result: Result<T, LoadError>) -> Refusal {
    match result {
        Err(LoadError::Refused(refusal)) => refusal,
        Err(other) => panic!("not refused, but: {other}"),
        Ok(_) => panic!("let in"),
    }
}

/// The refusals at the doors of the library.
fn at_each_door(runtime: &Runtime, source: &Source, policy: &Policy) -> [Refusal; 3] {
    wait(async {
        [
            refusal(runtime.inspect(source, policy).await),
            refusal(runtime.wit(source, policy).await),
            refusal(runtime.load(source, policy).await),
        ]
    })
}

/// The bytes are no component, which a process that never answers does not say.
#[test]
fn no_door_parses_in_this_process() {
    let folder = tempfile::TempDir::new().unwrap();
    let runtime = runtime(sleeper(&folder)).build();
    let none = Source::bytes("none", *b"no component");
    let policy = policy("limits.compile-time = \"200ms\"");
    for refusal in at_each_door(&runtime, &none, &policy) {
        assert_eq!(refusal.kind, RefusalKind::CompileLimit, "{refusal}");
    }
}

/// A55-validation
#[test]
fn validation_is_bounded_at_every_door() {
    let _alone = alone();
    let (slow, runtime) = (slow_to_validate(), runtime(tollgate()).build());
    invariant::holds(|| {
        for (limit, said) in [
            (
                "limits.compile-time = \"200ms\"",
                "takes longer than the 200ms",
            ),
            (
                "limits.compile-memory = \"256MiB\"",
                "takes more than the 268435456 bytes",
            ),
        ] {
            for refusal in at_each_door(&runtime, &slow, &policy(limit)) {
                assert_eq!(refusal.kind, RefusalKind::CompileLimit, "{refusal}");
                let said = format!("validating it {said}");
                assert!(refusal.message.starts_with(&said), "{refusal}");
                assert!(children(std::process::id()).is_empty());
            }
        }
    });
    assert_eq!(slow.inspected(), None);
}

/// A55-validation, at the doors of the program.
#[test]
fn validation_is_bounded_in_every_command() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("slow.wasm");
    std::fs::write(&file, slow_to_validate().as_bytes()).unwrap();
    let file = file.to_str().unwrap();
    for args in [
        &["inspect", file][..],
        &["inspect", file, "--wit"],
        &["inspect", file, "--emit-policy"],
        &["check", file],
        &["run", file],
        &["call", file, "f()"],
    ] {
        let limit = ["--compile-time", "200ms", "--report", "-"];
        let output = program().args(args).args(limit).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{args:?}: {output:?}");
        let report: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
        assert_eq!(report["refusal"]["kind"], "compile-limit", "{report}");
    }
    let list = [
        "list",
        folder.path().to_str().unwrap(),
        "--compile-time",
        "200ms",
    ];
    let output = program().args(list).output().unwrap();
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(table.contains("compile-limit"), "{table}");
}

#[test]
fn an_inspection_that_is_given_up_ends_its_worker() {
    let folder = tempfile::TempDir::new().unwrap();
    wait(async {
        // It never answers, and may take long.
        let runtime = runtime(script(folder.path(), "exec /bin/sleep 300")).build();
        let policy = policy("limits.compile-time = \"1h\"");
        let echo = source("echo");
        let inspect = runtime.inspect(&echo, &policy);
        let given_up = tokio::time::timeout(Duration::from_millis(200), inspect).await;
        assert!(given_up.is_err(), "it was quicker than thought");
    });
    until("ended", || children(std::process::id()).is_empty());
}

/// Checks without parsing come before a process is started: its start would be an error of the host.
#[test]
fn what_is_refused_unparsed_starts_no_worker() {
    let runtime = runtime("/no/such/program").build();
    let echo = source("echo");
    for (text, kind) in [
        ("limits.component-size = \"1KiB\"", RefusalKind::TooLarge),
        ("trust.require = true", RefusalKind::Signature),
    ] {
        for refusal in at_each_door(&runtime, &echo, &policy(text)) {
            assert_eq!(refusal.kind, kind, "{refusal}");
        }
    }
    let mut strict = Lock::default();
    strict.strict = true;
    let mut pinned = policy("");
    pinned.trust.lock = Some(strict);
    for refusal in at_each_door(&runtime, &echo, &pinned) {
        assert_eq!(refusal.kind, RefusalKind::Digest, "{refusal}");
    }
    let inspected = wait(runtime.inspect(&echo, &policy("")));
    assert!(matches!(inspected, Err(LoadError::Host(_))));
}

/// A worker that vetted a component for a load waits to be asked for its code, and ends when it is not.
#[test]
fn a_worker_compiles_when_it_is_asked() {
    let bytes = source("echo").as_bytes().to_vec();
    for asked in [true, false] {
        let mut worker = program()
            .args([
                "--tollgate-compile-worker",
                "fuel",
                "2000000000",
                "60",
                "100",
                "load",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut stdin, mut stdout) = (worker.stdin.take().unwrap(), worker.stdout.take().unwrap());
        stdin
            .write_all(&(bytes.len() as u64).to_le_bytes())
            .unwrap();
        stdin.write_all(&bytes).unwrap();
        // The first byte names the parts of its wall that the kernel lacks.
        let mut head = [0; 42];
        stdout.read_exact(&mut head).unwrap();
        assert_eq!(head[1], 4, "findings");
        let length = u64::from_le_bytes(head[2..10].try_into().unwrap());
        let mut body = Vec::new();
        stdout.by_ref().take(length).read_to_end(&mut body).unwrap();
        if asked {
            stdin.write_all(&[1]).unwrap();
        }
        drop(stdin);
        let mut code = Vec::new();
        stdout.read_to_end(&mut code).unwrap();
        assert_eq!(code.is_empty(), !asked);
        assert!(worker.wait().unwrap().success());
    }
}

/// A component that is refused by its imports is not compiled: with a second of compiling it takes no second.
#[test]
fn what_a_worker_finds_is_judged() {
    let runtime = runtime(tollgate()).build();
    let hostile = source("hostile");
    let refusal = refusal(wait(runtime.load(&hostile, &policy(""))));
    assert_eq!(refusal.kind, RefusalKind::Imports);
    assert!(refusal.imports.len() > 5, "{refusal}");
    assert!(children(std::process::id()).is_empty());
    // The same is found by a worker and in this process, and kept in the source.
    let vetted = wait(runtime.inspect(&source("hostile"), &policy(""))).unwrap();
    assert_eq!(Some(&vetted.inspection), hostile.inspected());
    let here = source("hostile");
    assert_eq!(here.inspect().unwrap(), vetted.inspection);
    let wit = wait(runtime.wit(&source("hostile"), &policy(""))).unwrap();
    assert_eq!(here.wit().unwrap(), wit);
    let info = hostile.info(&policy(""));
    assert_eq!(info.world, vetted.inspection.world());
    assert!(info.world.is_some());
}

/// Everything about a component in the cache is in the cache: no worker is started for it, be it let in or refused.
#[test]
fn a_cached_load_starts_no_worker() {
    let folder = tempfile::TempDir::new().unwrap();
    let cache = Cache::open(folder.path().join("cache"), Cache::DEFAULT_SIZE).unwrap();
    let loads = |program: PathBuf, text: &str| {
        let runtime = runtime(program).cache(cache.clone()).build();
        wait(runtime.load(&source("hostile"), &policy(text)))
    };
    let granted = support::harness::ALL;
    let none = || PathBuf::from("/no/such/program");
    assert!(matches!(loads(none(), granted), Err(LoadError::Host(_))));
    let first = loads(tollgate().to_owned(), granted).unwrap();
    assert_eq!(first.code_origin(), CodeOrigin::Compiled);
    let second = loads(none(), granted).unwrap();
    assert_eq!(second.code_origin(), CodeOrigin::Cached);
    assert_eq!(second.info(), first.info());
    assert_eq!(second.exports(), first.exports());
    let refused = refusal(loads(none(), ""));
    assert_eq!(refused.kind, RefusalKind::Imports);
}

/// A program that reads its input and sleeps.
fn sleeper(folder: &tempfile::TempDir) -> PathBuf {
    script(folder.path(), "exec /bin/sleep 30")
}

/// A56-workers: twelve loads at once started twelve workers. The wait for a place is not counted: each has all of its
/// compile-time.
#[test]
fn workers_are_no_more_than_their_places() {
    let _alone = alone();
    let folder = tempfile::TempDir::new().unwrap();
    let runtime: tollgate::blocking::Runtime = runtime(sleeper(&folder)).workers(2).build().into();
    let (policy, this) = (
        policy("limits.compile-time = \"300ms\""),
        std::process::id(),
    );
    let (most, left) = (AtomicUsize::new(0), AtomicUsize::new(6));
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let refused = refusal(runtime.load(&source("echo"), &policy));
                assert!(refused.message.contains("300ms"), "{refused}");
                left.fetch_sub(1, Ordering::SeqCst);
            });
        }
        while left.load(Ordering::SeqCst) > 0 {
            // One that ends while the list is read is no worker beside the next.
            let (seen, still) = (children(this), children(this));
            let workers = seen.iter().filter(|id| still.contains(id)).count();
            most.fetch_max(workers, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    assert_eq!(most.into_inner(), 2);
    assert!(
        start.elapsed() >= Duration::from_millis(900),
        "three rounds"
    );
    assert!(children(this).is_empty());
}

/// A56-workers: a load that waits for a place is given up like any other.
#[test]
fn who_waits_for_a_worker_can_give_up() {
    let folder = tempfile::TempDir::new().unwrap();
    let runtime = runtime(sleeper(&folder)).workers(1).build();
    wait(async {
        let (policy, echo) = (policy("limits.compile-time = \"2s\""), source("echo"));
        let first = tokio::spawn({
            let (runtime, policy, echo) = (runtime.clone(), policy.clone(), echo.clone());
            async move { runtime.load(&echo, &policy).await }
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        let second = runtime.load(&echo, &policy);
        let given_up = tokio::time::timeout(Duration::from_millis(200), second).await;
        assert!(given_up.is_err());
        assert!(refusal(first.await.unwrap()).message.contains("2s"));
    });
    // The one that gave up is not waiting for the place that became free.
    std::thread::sleep(Duration::from_millis(300));
    assert!(children(std::process::id()).is_empty());
}

/// The shape of `slow_to_validate`'s elder, which took 4 GiB: a cheap count sees it.
#[test]
fn instances_times_types_are_counted() {
    let refused = support::harness::refused(&instances_of_types(15_000, 900), "");
    assert_eq!(refused.kind, RefusalKind::CompileLimit);
    assert!(
        refused.message.contains("once for each instance"),
        "{refused}"
    );
    assert!(instances_of_types(90, 90).inspect().is_ok());
}

/// 53 KB whose functions have types that take 90 s to be described.
#[test]
fn types_of_functions_are_counted_in_full() {
    let names: String = (0..1_000).map(|n| format!("\"a{n}\" ")).collect();
    let mut types = format!("(type $n (enum {names})) (export $t0 \"e\" (type $n))");
    for n in 1..=8 {
        let before = n - 1;
        types.push_str(&format!("(type $t{n} (tuple $t{before} $t{before}))"));
    }
    let functions = |count: usize| {
        let lift = "(func (param \"x\" $t8) (canon lift (core func $i \"f\")
            (memory (core memory $i \"m\")) (realloc (core func $i \"r\"))))";
        let text = format!(
            "(component {types}
                (core module $m (memory (export \"m\") 1) (func (export \"f\") (param i32))
                    (func (export \"r\") (param i32 i32 i32 i32) (result i32) unreachable))
                (core instance $i (instantiate $m)) {})",
            lift.repeat(count)
        );
        Source::bytes("types", wat::parse_str(text).unwrap())
    };
    let refused = support::harness::refused(&functions(900), "");
    assert_eq!(refused.kind, RefusalKind::CompileLimit);
    assert!(
        refused.message.contains("in the types of its functions"),
        "{refused}"
    );
    assert!(functions(2).inspect().is_ok());
}

/// One `compile-time` is for both: a component that is slow to vet leaves less for its compilation.
#[test]
fn vetting_and_compiling_share_their_time() {
    // A worker that is asked late for each: it gets the component after two seconds, and two seconds after the host
    // asks for the code it hears of it.
    let folder = tempfile::TempDir::new().unwrap();
    let asked = folder.path().join("asked");
    let (program, asked) = (tollgate().display(), asked.display());
    let component = made_of(1, 1);
    let bytes = component.as_bytes().len() + size_of::<u64>();
    let slow = script(
        folder.path(),
        &format!(
            "sleep 2\n{{ head -c {bytes}; head -c 1 > {asked}; sleep 2; cat {asked}; }} | {program} \"$@\""
        ),
    );
    let runtime = runtime(slow).build();
    let load = |time| {
        let policy = policy(&format!("limits.compile-time = \"{time}\""));
        wait(runtime.load(&component, &policy))
    };
    // More than either takes, and less than both. The rest is for a busy machine.
    let refused = refusal(load("3500ms"));
    let said = "compiling it takes longer";
    assert!(refused.message.starts_with(said), "{refused}");
    assert!(load("30s").is_ok());
}

/// A worker that was taken over, or another program in its place, cannot pass off another component's imports.
#[test]
fn a_worker_that_tells_of_other_bytes_is_none() {
    let folder = tempfile::TempDir::new().unwrap();
    let echo = folder.path().join("echo");
    let bytes = source("echo").as_bytes().to_vec();
    let length = (bytes.len() as u64).to_le_bytes();
    std::fs::write(&echo, [&length[..], &bytes].concat()).unwrap();
    let (program, echo) = (tollgate().display(), echo.display());
    let liar = script(folder.path(), &format!("exec {program} \"$@\" < {echo}"));
    let runtime = runtime(liar).build();
    assert!(wait(runtime.inspect(&source("echo"), &policy(""))).is_ok());
    let hostile = source("hostile");
    let inspected = wait(runtime.inspect(&hostile, &policy("")));
    assert!(
        matches!(inspected, Err(LoadError::Host(_))),
        "{inspected:?}"
    );
    assert_eq!(hostile.inspected(), None);
}

/// A report of a component that was refused names its world if it is known, and no parser is asked.
#[test]
fn a_report_parses_nothing() {
    let known = source("hello-command");
    assert_eq!(known.info(&policy("")).world, None);
    known.inspect().unwrap();
    let world = known.info(&policy("")).world.unwrap();
    assert!(world.starts_with("wasi:cli/command@"), "{world}");
    // It is not named either under a policy that does not trust the component.
    assert_eq!(known.info(&policy("trust.require = true")).world, None);
}

/// Limits that are not enforced are refused at this door as at the others.
#[test]
fn limits_of_inspecting_need_a_worker() {
    let inside = builder().concurrency(4).build();
    let policy = policy("limits.compile-time = \"59s\"");
    let echo = source("echo");
    wait(async {
        let unsupported = tollgate::load::Unsupported::CompileLimits;
        for result in [
            inside.inspect(&echo, &policy).await.err(),
            inside.wit(&echo, &policy).await.err(),
        ] {
            match result {
                Some(LoadError::Unsupported(error)) => assert_eq!(error, unsupported),
                other => panic!("{other:?}"),
            }
        }
    });
    // In-process inspection is available by its setting.
    let vetted = wait(inside.inspect(&echo, &support::harness::policy(""))).unwrap();
    assert_eq!(vetted.inspection, echo.inspect().unwrap());
    // A component that takes a second to compile is inspected at once.
    let runtime = runtime(tollgate()).build();
    assert!(wait(runtime.inspect(&made_of(1_000, 150), &support::harness::policy(""))).is_ok());
}
