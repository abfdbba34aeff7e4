//! Honest processes: each result of a call in one is the same as without one, and no other session ends.

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use support::harness::{blocking, policy, source};
use tempfile::TempDir;
use tollgate::blocking::{Provider, Session};
use tollgate::embed::CommandInput;
use tollgate::{Policy, Source};

use super::runtime;

/// Makes the same call here and in a process, in which another session has to continue. Returns the common result.
fn same(source: &Source, policy: &Policy, call: impl Fn(&mut Session) -> String) -> String {
    let here = blocking().load(source, policy).unwrap();
    let there = runtime().load(source, policy).unwrap();
    let mut other = there.session();
    let is_whole = |session: &mut Session| session.invoke("one", &[]).unwrap().outcome.label();
    assert_eq!(is_whole(&mut other), "returned");
    let here = call(&mut here.session());
    let told = call(&mut there.session());
    assert_eq!(is_whole(&mut other), "returned", "{told}");
    let short = |text: &str| text.chars().take(500).collect::<String>();
    assert!(told == here, "{}\n{}", short(&told), short(&here));
    here
}

fn invoked(name: &'static str) -> impl Fn(&mut Session) -> String {
    move |session| format!("{:?}", session.invoke(name, &[]).unwrap().outcome)
}

fn limited(output: usize) -> Policy {
    policy(&format!("limits.output = {output}"))
}

/// A component whose `many` returns a hundred sets of 32 flags, all of them set.
fn flags() -> Source {
    let names: String = (0..32).map(|n| format!(" \"f{n}\"")).collect();
    let text = format!(
        "(component
            (core module $m
                (memory (export \"memory\") 1)
                (func (export \"many\") (result i32)
                    (memory.fill (i32.const 1024) (i32.const 255) (i32.const 400))
                    (i32.store (i32.const 16) (i32.const 1024))
                    (i32.store (i32.const 20) (i32.const 100))
                    i32.const 16)
                (func (export \"one\") (result i32) i32.const 1))
            (core instance $i (instantiate $m))
            (type $flags' (flags{names}))
            (export $flags \"set\" (type $flags'))
            (func (export \"many\") (result (list $flags))
                (canon lift (core func $i \"many\") (memory $i \"memory\")))
            (func (export \"one\") (result u32) (canon lift (core func $i \"one\"))))"
    );
    Source::bytes("flags", wat::parse_str(text).unwrap())
}

/// The host counts a result as the engine does: both allow the same results, to the byte.
#[test]
fn a_result_of_the_last_byte_is_read() {
    // An element and the names of its flags.
    let counted = 100 * (40 + 10 * 2 + 22 * 3);
    let told = same(&flags(), &limited(counted), invoked("many"));
    assert!(told.starts_with("Returned("), "{told}");
    let told = same(&flags(), &limited(counted - 1), invoked("many"));
    assert!(told.contains("Output("), "{told}");
}

/// A component that returns a thousand letters with accents, which it has in Latin-1, as a text and as an error.
fn latin() -> Source {
    let cases = [
        "invalid-input",
        "not-found",
        "access-denied",
        "quota-exceeded",
        "unavailable",
        "other",
    ];
    let cases = cases.map(|case| format!("(case \"{case}\" string)"));
    let text = format!(
        "(component
            (core module $m
                (memory (export \"memory\") 1)
                (func (export \"realloc\") (param i32 i32 i32 i32) (result i32) i32.const 4096)
                (func $fill
                    (memory.fill (i32.const 1024) (i32.const 0xe9) (i32.const 1000))
                    (i32.store (i32.const 24) (i32.const 1024))
                    (i32.store (i32.const 28) (i32.const 1000)))
                (func (export \"text\") (result i32)
                    call $fill
                    i32.const 24)
                (func (export \"run\") (param i32 i32) (result i32)
                    call $fill
                    (i32.store8 (i32.const 16) (i32.const 1))
                    (i32.store8 (i32.const 20) (i32.const 5))
                    i32.const 16)
                (func (export \"one\") (result i32) i32.const 1))
            (core instance $i (instantiate $m))
            (type $error' (variant {}))
            (export $error \"error\" (type $error'))
            (func (export \"text\") (result string)
                (canon lift (core func $i \"text\") (memory $i \"memory\") string-encoding=latin1+utf16))
            (func (export \"run\") (param \"input\" (list u8)) (result (result (list u8) (error $error)))
                (canon lift (core func $i \"run\") (memory $i \"memory\") (realloc (func $i \"realloc\"))
                    string-encoding=latin1+utf16))
            (func (export \"one\") (result u32) (canon lift (core func $i \"one\"))))",
        cases.concat()
    );
    Source::bytes("latin", wat::parse_str(text).unwrap())
}

/// The limit counts the bytes of the guest, and the host has twice as many of them.
#[test]
fn a_text_that_was_latin_is_read() {
    let run = |session: &mut Session| format!("{:?}", session.run(b"").unwrap().outcome);
    let told = same(&latin(), &limited(1_000), invoked("text"));
    assert!(told.contains("éé"), "{told}");
    let told = same(&latin(), &limited(1_000), run);
    assert!(told.contains("éé"), "{told}");
    assert!(same(&latin(), &limited(999), invoked("text")).contains("Output("));
    assert!(same(&latin(), &limited(999), run).contains("Output("));
}

/// The longest trace that there is: sixteen functions with names that take nine times their length on a terminal.
#[test]
fn a_trace_of_long_names_is_read() {
    let name = "\u{e0001}".repeat(600);
    let mut functions = format!("(func $f0 (@name \"{name}\") unreachable)");
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
    let source = Source::bytes("named", wat::parse_str(text).unwrap());
    let few = "limits.output = \"1KiB\"\nlimits.log = \"1KiB\"\nlimits.stdio = \"1KiB\"";
    let told = same(&source, &policy(few), invoked("trap"));
    assert!(told.len() > 16 * 512 * 9, "{} bytes", told.len());
}

fn command(args: &[&str]) -> CommandInput {
    CommandInput {
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        ..CommandInput::default()
    }
}

/// The result of a command, here and in a process.
fn commanded(source: &Source, policy: &Policy, args: &[&str]) -> String {
    let run = |provider: Provider| {
        let report = provider.session().command(command(args)).unwrap();
        format!("{:?} {:?}", report.outcome, report.denials)
    };
    let here = run(blocking().load(source, policy).unwrap());
    let there = run(runtime().load(source, policy).unwrap());
    assert_eq!(there, here);
    here
}

/// One host call asks for all folders that are granted, and each is decided on.
#[test]
fn a_call_that_asks_for_all_its_folders_is_no_lie() {
    let folder = TempDir::new().unwrap();
    let names: Vec<String> = (0..600).map(|n| format!("r{n}")).collect();
    let path = folder.path().display();
    let root = |name| format!("{{ root = '{name}', path = '{path}', access = 'read' }},");
    let roots: String = names.iter().map(root).collect();
    let text = format!(
        "grants.files = [{roots}]\ngrants.wasi = {{ preopens = {names:?} }}\n\
         limits.host-calls = 8\nlimits.handles = 10000"
    );
    let args = ["raw-files", "kind", "r0"];
    let told = commanded(&source("raw-files"), &policy(&text), &args);
    assert!(told.contains("HostCalls(8)"), "{told}");
}

/// The first call of WASI notes the name of each variable.
#[test]
fn a_call_that_asks_for_all_its_variables_is_no_lie() {
    let variables: String = (0..600).map(|n| format!("V{n} = 'x',")).collect();
    let text = format!("grants.wasi.env = {{ {variables} }}\nlimits.host-calls = 2");
    let told = commanded(&source("raw-files"), &policy(&text), &["raw-files"]);
    assert!(told.contains("HostCalls(2)"), "{told}");
}

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

/// A job of the file system outlives its call, and finds a reason to deny when the session is gone.
#[test]
fn a_call_that_ends_in_a_file_job_ends_no_other_session() {
    let (folder, path) = deep();
    let text = format!(
        "grants.wasi = {{ preopens = ['data'] }}\n\
         grants.files = [{{ root = 'data', path = '{}', access = 'read-write', max-files = 1 }}]\n\
         limits.deadline = '40ms'\nlimits.fuel = 100_000_000_000",
        folder.path().display()
    );
    let provider = runtime()
        .load(&source("raw-files"), &policy(&text))
        .unwrap();
    let path = format!("data/{path}");
    let end = || {
        let input = command(&["raw-files", "again", &path]);
        let report = provider.session().command(input).unwrap();
        let fault = report.outcome.fault();
        fault.map_or("none", |fault| fault.label()).to_owned()
    };
    let ends = std::thread::scope(|scope| {
        let all = [(); 2].map(|()| scope.spawn(|| (0..40).map(|_| end()).collect::<Vec<_>>()));
        all.map(|it| it.join().unwrap()).concat()
    });
    assert!(ends.iter().all(|end| end == "deadline"), "{ends:?}");
}

/// Sessions are there, and an instance here would serve nobody.
#[test]
fn no_instance_is_made_ahead_here() {
    let provider = runtime().load(&source("counter"), &policy("")).unwrap();
    let provider = provider.warm(1);
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(provider.warm_count(), 0);
    let report = provider.session().wave("next()").unwrap();
    assert_eq!(report.outcome.returned().as_deref(), Some("1"));
}
