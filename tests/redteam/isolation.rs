//! With `Isolation::Process`: a call that ends affects no other.

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use tempfile::TempDir;
use tollgate::blocking::{Provider, Runtime};
use tollgate::embed::CommandInput;
use tollgate::{Compiler, Isolation, Source};

use support::audit_log::heard;
use support::cli::tollgate;
use support::harness::{blocking, builder, policy, source};

/// A folder with another in it, and so on, as deep as a path can tell.
fn deep() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    // A path of this length is too long to be made at once.
    let mut at = rustix::fs::open(folder.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..1900 {
        mkdirat(&at, "a", Mode::RWXU).unwrap();
        at = openat(&at, "a", OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    (folder, ["a"; 1900].join("/"))
}

/// A job of the file system that outlives its session notes a denial when the session is gone; the host takes it for a lie
/// and kills the process, with the other sessions of the provider.
#[test]
fn a_call_that_ends_in_a_file_job_ends_no_other_session() {
    let (folder, path) = deep();
    let program = tollgate().to_path_buf();
    let runtime: Runtime = builder()
        .concurrency(16)
        .compiler(Compiler::Worker { program })
        .isolation(Isolation::Process)
        .build()
        .into();
    let text = format!(
        "grants.wasi = {{ preopens = [\"data\"] }}\n\
         grants.files = [{{ root = \"data\", path = \"{}\", access = \"read-write\", max-files = 1 }}]\n\
         limits.deadline = \"50ms\"\nlimits.fuel = 100_000_000_000",
        folder.path().display()
    );
    let provider = runtime.load(&source("raw-files"), &policy(&text)).unwrap();
    let attack = |provider: &Provider| {
        let args = ["raw-files", "again", &format!("data/{path}")];
        let input = CommandInput {
            args: args.map(str::to_owned).to_vec(),
            stdin: Vec::new(),
        };
        let report = provider.session().command(input).unwrap();
        report
            .outcome
            .fault()
            .map(|fault| fault.label().to_owned())
            .unwrap_or_else(|| format!("{:?}", report.outcome))
    };
    let threads = (0..3).map(|_| {
        let (provider, attack) = (provider.clone(), attack.clone());
        let path = path.clone();
        let _ = path;
        std::thread::scope(|scope| {
            let all: Vec<_> = (0..2)
                .map(|_| scope.spawn(|| (0..40).map(|_| attack(&provider)).collect::<Vec<_>>()))
                .collect();
            all.into_iter()
                .flat_map(|it| it.join().unwrap())
                .collect::<Vec<_>>()
        })
    });
    let ends: Vec<String> = threads.flatten().collect();
    let crashed = ends.iter().filter(|end| **end != "deadline").count();
    assert_eq!(crashed, 0, "of {}: {ends:?}", ends.len());
}

/// A runtime whose providers have processes of their own.
fn isolating(program: impl Into<std::path::PathBuf>) -> Runtime {
    let program = program.into();
    builder()
        .concurrency(16)
        .compiler(Compiler::Worker { program })
        .isolation(Isolation::Process)
        .build()
        .into()
}

/// A component whose `many` returns so many sets of 32 flags, all of them set.
fn flags(count: u32) -> Source {
    let names: String = (0..32).map(|n| format!(" \"f{n}\"")).collect();
    let text = format!(
        "(component
            (core module $m
                (memory (export \"memory\") 16)
                (func (export \"many\") (result i32)
                    (memory.fill (i32.const 1024) (i32.const 255) (i32.const {bytes}))
                    (i32.store (i32.const 16) (i32.const 1024))
                    (i32.store (i32.const 20) (i32.const {count}))
                    i32.const 16)
                (func (export \"one\") (result i32) i32.const 1))
            (core instance $i (instantiate $m))
            (type $flags' (flags{names}))
            (export $flags \"set\" (type $flags'))
            (func (export \"many\") (result (list $flags))
                (canon lift (core func $i \"many\") (memory $i \"memory\")))
            (func (export \"one\") (result u32) (canon lift (core func $i \"one\"))))",
        bytes = count * 4
    );
    Source::bytes("flags", wat::parse_str(text).unwrap())
}

/// The host counts a result that came from a process in other sizes than the engine: one that the engine lets pass is
/// taken for a lie.
#[test]
fn a_result_that_the_engine_lets_pass_ends_no_other_session() {
    let source = flags(60_000);
    let policy = policy("");
    let here = blocking().load(&source, &policy).unwrap();
    let report = here.session().invoke("many", &[]).unwrap();
    assert!(
        report.outcome.fault().is_none(),
        "{:?}",
        report.outcome.fault()
    );
    let there = isolating(tollgate()).load(&source, &policy).unwrap();
    let mut other = there.session();
    other.invoke("one", &[]).unwrap();
    let report = there.session().invoke("many", &[]).unwrap();
    let attack = report.outcome.fault().map(|fault| fault.label().to_owned());
    let report = other.invoke("one", &[]).unwrap();
    assert_eq!(
        report.outcome.fault().map(|fault| fault.label()),
        None,
        "the other session"
    );
    assert_eq!(attack, None, "the call itself");
}

/// The text of a failure is that of the process, which a guest may have taken over: in the log it is escaped.
#[test]
fn what_a_process_says_of_its_failure_is_escaped_in_the_log() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("program");
    let text = "\\033]0;owned\\007\\nERROR forged";
    let length = "\x1b]0;owned\x07\nERROR forged".len();
    let version = env!("CARGO_PKG_VERSION");
    let real = tollgate().display();
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in --tollgate-compile-worker) exec '{real}' \"$@\";; esac\n\
         printf '\\020\\000\\000\\000\\000\\000\\000\\000\\000\\{ready:03o}\\000\\000\\000\\000{version}' >&0\nsleep 1\n\
         printf '\\022\\001\\000\\000\\000\\000\\000\\000\\000\\{answer:03o}\\000\\000\\000\\002\\{length:03o}{text}' >&0\nsleep 5\n",
        ready = version.len() + 1,
        answer = length + 2,
    );
    let written = folder.path().join("written");
    std::fs::write(&written, script).unwrap();
    std::fs::set_permissions(
        &written,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    std::fs::rename(&written, &program).unwrap();
    let provider = isolating(program)
        .load(&source("echo"), &policy(""))
        .unwrap();
    let mut said = String::new();
    let log = heard(|| said = format!("{:?}", provider.session().run(b"x")));
    let texts: Vec<String> = log
        .take()
        .into_iter()
        .flat_map(|event| event.fields.into_values().collect::<Vec<_>>())
        .collect();
    println!("{said} {texts:?}");
    assert!(
        texts.iter().any(|text| text.contains("owned")),
        "{said} {texts:?}"
    );
    assert!(
        !texts.iter().any(|text| text.contains(['\u{1b}', '\n'])),
        "{texts:?}"
    );
}

/// `output`: bytes as the host holds them (docs/security/limits.md).
#[test]
fn output_counts_flags_as_the_host_holds_them() {
    let provider = blocking().load(&flags(65_000), &policy("")).unwrap();
    let mut session = provider.session();
    session.invoke("one", &[]).unwrap();
    let before = support::counting::held();
    let report = session.invoke("many", &[]).unwrap();
    let held = support::counting::held() - before;
    assert!(
        report.outcome.fault().is_some() || held < 4 * (8 << 20),
        "{} MiB are held for a result under `output`, 8 MiB",
        held >> 20
    );
}

/// A component that traps behind sixteen functions with hostile names.
fn named() -> Source {
    let name = "\u{e0001}".repeat(512);
    let mut functions =
        String::from("(func $f0 (@name \"NAME\") unreachable)").replace("NAME", &name);
    for n in 1..20 {
        functions.push_str(&format!("(func $f{n} (@name \"{name}\") call $f{})", n - 1));
    }
    let text = format!(
        "(component
            (core module $m {functions}
                (func (export \"trap\") call $f19)
                (func (export \"one\") (result i32) i32.const 1))
            (core instance $i (instantiate $m))
            (func (export \"trap\") (canon lift (core func $i \"trap\")))
            (func (export \"one\") (result u32) (canon lift (core func $i \"one\"))))"
    );
    Source::bytes("named", wat::parse_str(text).unwrap())
}

/// The trace of a fault is longer than the host expects of any answer under these limits.
#[test]
fn a_trap_of_functions_with_long_names_ends_no_other_session() {
    let policy = policy("limits.output = \"1KiB\"\nlimits.log = \"1KiB\"\nlimits.stdio = \"1KiB\"");
    let here = blocking().load(&named(), &policy).unwrap();
    let report = here.session().invoke("trap", &[]).unwrap();
    let trace: usize = report
        .outcome
        .fault()
        .unwrap()
        .backtrace
        .iter()
        .map(String::len)
        .sum();
    println!("{trace} bytes of trace");
    let there = isolating(tollgate()).load(&named(), &policy).unwrap();
    let mut other = there.session();
    other.invoke("one", &[]).unwrap();
    let report = there.session().invoke("trap", &[]).unwrap();
    let attack = report.outcome.fault().map(|fault| fault.label().to_owned());
    let report = other.invoke("one", &[]).unwrap();
    assert_eq!(
        report.outcome.fault().map(|fault| fault.label()),
        None,
        "the other session"
    );
    assert_eq!(attack.as_deref(), Some("trap"), "the call itself");
}

/// A host call that decides on each of many roots: more decisions than the host expects of the calls that are allowed.
#[test]
fn a_call_that_asks_for_all_its_roots_is_no_lie() {
    let folder = TempDir::new().unwrap();
    let names: Vec<String> = (0..800).map(|n| format!("r{n}")).collect();
    let roots: String = names
        .iter()
        .map(|name| {
            format!(
                "{{ root = \"{name}\", path = \"{}\", access = \"read\" }},",
                folder.path().display()
            )
        })
        .collect();
    let text = format!(
        "grants.files = [{roots}]\ngrants.wasi = {{ preopens = {names:?} }}\nlimits.host-calls = 8\nlimits.handles = 10000"
    );
    let policy = policy(&text);
    let source = source("raw-files");
    let run = |runtime: &Runtime| {
        let provider = runtime.load(&source, &policy).unwrap();
        let input = CommandInput {
            args: vec!["raw-files".to_owned(), "kind".to_owned(), "r0".to_owned()],
            stdin: Vec::new(),
        };
        let report = provider.session().command(input).unwrap();
        (format!("{:?}", report.outcome), report.usage.host_calls)
    };
    let (here, calls) = run(&blocking());
    println!("{here} {calls}");
    let (there, _) = run(&isolating(tollgate()));
    assert_eq!(there, here);
}

/// A process that lies is believed within the limits: a message of the longest kind takes no many times its size in the host.
#[test]
fn a_lie_of_many_empty_parts_takes_no_more_memory_than_limits_allow() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("program");
    let strings: u32 = 15 << 20;
    let mut body = vec![0_u8, 5, 4];
    body.extend(b"trap");
    body.extend([0, 0, 0]);
    let mut left = strings;
    while left >= 0x80 {
        body.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    body.push(left as u8);
    body.resize(body.len() + strings as usize + 11, 0);
    let mut bytes = vec![18_u8];
    bytes.extend(1_u64.to_le_bytes());
    bytes.extend((body.len() as u32).to_le_bytes());
    bytes.extend(&body);
    std::fs::write(folder.path().join("lie"), bytes).unwrap();
    let version = env!("CARGO_PKG_VERSION");
    let mut ready = vec![
        16_u8,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        version.len() as u8 + 1,
        0,
        0,
        0,
        0,
    ];
    ready.extend(version.as_bytes());
    std::fs::write(folder.path().join("ready"), ready).unwrap();
    let at = folder.path().display();
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in --tollgate-compile-worker) exec '{}' \"$@\";; esac\ncat {at}/ready >&0\nsleep 1\ncat {at}/lie >&0\nsleep 5\n",
        tollgate().display()
    );
    let written = folder.path().join("written");
    std::fs::write(&written, script).unwrap();
    std::fs::set_permissions(
        &written,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    std::fs::rename(&written, &program).unwrap();
    let provider = isolating(program)
        .load(&source("echo"), &policy(""))
        .unwrap();
    let before = support::counting::held();
    let done = std::sync::atomic::AtomicBool::new(false);
    let (peak, outcome) = std::thread::scope(|scope| {
        let sampled = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                peak = peak.max(support::counting::held() - before);
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
            peak
        });
        let report = provider.session().run(b"x").unwrap();
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        (sampled.join().unwrap(), format!("{:?}", report.outcome))
    });
    println!("{} MiB: {outcome}", peak >> 20);
    assert!(
        peak < 100 << 20,
        "{} MiB are taken for a message of 15 MiB",
        peak >> 20
    );
}

/// The same from a worker that compiles: what it found in a component.
#[test]
fn findings_of_many_empty_parts_take_no_more_memory_than_they_are_long() {
    let folder = TempDir::new().unwrap();
    let program = folder.path().join("program");
    let exports: u32 = 15 << 20;
    let mut body = vec![1_u8, b'x', 8, 0];
    let mut left = exports;
    while left >= 0x80 {
        body.push((left & 0x7f) as u8 | 0x80);
        left >>= 7;
    }
    body.push(left as u8);
    body.resize(body.len() + 2 * exports as usize + 2, 0);
    // What the worker's wall lacks, and the message.
    let mut bytes = vec![0_u8, 4];
    bytes.extend((body.len() as u64).to_le_bytes());
    bytes.extend(blake3::hash(&body).as_bytes());
    bytes.extend(&body);
    std::fs::write(folder.path().join("lie"), bytes).unwrap();
    let at = folder.path().display();
    let written = folder.path().join("written");
    std::fs::write(&written, format!("#!/bin/sh\ncat {at}/lie\nsleep 2\n")).unwrap();
    std::fs::set_permissions(
        &written,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    std::fs::rename(&written, &program).unwrap();
    let runtime: Runtime = builder()
        .compiler(Compiler::Worker { program })
        .build()
        .into();
    let before = support::counting::held();
    let done = std::sync::atomic::AtomicBool::new(false);
    let (peak, outcome) = std::thread::scope(|scope| {
        let sampled = scope.spawn(|| {
            let mut peak = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                peak = peak.max(support::counting::held() - before);
                std::thread::sleep(std::time::Duration::from_micros(200));
            }
            peak
        });
        let loaded = runtime.load(&source("echo"), &policy(""));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        (sampled.join().unwrap(), format!("{:?}", loaded.err()))
    });
    println!("{} MiB: {outcome}", peak >> 20);
    assert!(
        peak < 200 << 20,
        "{} MiB are taken for a message of 30 MiB",
        peak >> 20
    );
}
