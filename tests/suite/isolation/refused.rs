//! A grant or interface that cannot cross to another process is refused with its reason; nothing is left out in silence.

use support::cli::tollgate;
use support::harness::{builder, policy, source};
use support::http_server::Names;
use tollgate::blocking::Runtime;
use tollgate::load::Unsupported;
use tollgate::{Builder, CallError, Compiler, Guest, Isolation, LoadError, Outcome};

use super::{isolating, load};

fn refusal(builder: Builder, guest: &str, policy_text: &str) -> String {
    let runtime: Runtime = builder.build().into();
    match runtime.load(&source(guest), &policy(policy_text)) {
        Err(LoadError::Unsupported(why @ Unsupported::Isolated { .. })) => why.to_string(),
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("loaded"),
    }
}

#[test]
fn a_policy_that_needs_this_process_is_refused() {
    let with = || isolating(tollgate());
    let clock = || {
        with()
            .interface("acme:clock/sleep@0.1.0", support::clock::clock)
            .unwrap()
    };
    for (builder, guest, policy_text, says) in [
        (
            with(),
            "standard-store",
            "grants.store = true\ngrants.config = {}\ngrants.wasi = \"inert\"",
            "`grants.store`",
        ),
        (
            clock(),
            "sleeper",
            support::clock::CLOCK,
            "`grants.interfaces`",
        ),
        (
            with().allow_inherited_stdio(),
            "hello-command",
            "grants.wasi = { stdio = \"inherit\" }",
            "`grants.wasi.stdio`",
        ),
        (
            with().resolver(Names::default()),
            "http-client",
            "grants.wasi = \"inert\"\ngrants.http = [{ url = \"https://example.com/**\" }]",
            "`grants.http` of a host by name",
        ),
        (
            builder()
                .compiler(Compiler::InProcess)
                .isolation(Isolation::Process),
            "echo",
            "",
            "`Compiler::Worker`",
        ),
    ] {
        let text = refusal(builder, guest, policy_text);
        assert!(text.contains(says), "{text}");
        assert!(text.contains("`Isolation::Thread`"), "{text}");
    }
    // An address needs no resolver.
    let granted = "grants.wasi = \"inert\"\ngrants.http = [{ url = \"http://127.0.0.1/**\" }]";
    let runtime: Runtime = with().resolver(Names::default()).build().into();
    assert!(
        runtime
            .load(&source("http-client"), &policy(granted))
            .is_ok()
    );
}

/// A policy that was built in code may be longer than the text of one may be.
#[test]
fn a_policy_that_does_not_come_across_whole_is_refused() {
    let mut long = policy("grants.config = {}");
    let settings = long.grants.config.as_mut().unwrap();
    for number in 0..40_000 {
        settings.insert(format!("key-{number}"), "a value of some length".repeat(2));
    }
    let runtime: Runtime = isolating(tollgate()).build().into();
    match runtime.load(&source("echo"), &long) {
        Err(LoadError::Unsupported(Unsupported::Isolated { what, .. })) => {
            assert!(what.contains("longer"), "{what}");
        }
        other => panic!("{:?}", other.map(|_| "loaded")),
    }
}

/// A closure over the store of this process has no store.
#[test]
fn a_typed_call_is_refused_and_the_session_goes_on() {
    let mut session = load("counter", "").session();
    let call = session.call(async |_: &mut Guest<'_>| Ok(Ok::<(), ()>(())));
    match call {
        Err(error @ CallError::Isolated) => {
            assert!(error.to_string().contains("use `run`, `wave`"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    let next = session.wave("next()").unwrap();
    assert_eq!(next.outcome, Outcome::Returned("1".to_owned()));
}

/// A program that is no worker of this library gives an error of the host, with its name in the log, and no report.
#[test]
fn a_program_that_is_not_there_or_ends_at_once_is_an_error() {
    let folder = tempfile::TempDir::new().unwrap();
    for (line, says) in [
        ("exit 3", "exit status: 3"),
        ("exec /nowhere", "is no worker"),
    ] {
        let program = super::compiles_and(&folder, line);
        let runtime: Runtime = isolating(program).build().into();
        let provider = runtime.load(&source("echo"), &policy("")).unwrap();
        for _ in 0..2 {
            match provider.session().run(b"") {
                Err(CallError::Host(error)) => {
                    assert!(error.detail().contains(says), "{}", error.detail());
                }
                other => panic!("{other:?}"),
            }
        }
    }
}
