//! Errors of the embedder's host functions: the host's, unless they are declared as the guest's. The text of such an
//! error, for example a database URL with its password, is for the operator. A65-host-error.

use tollgate::report::HostErrorReport;
use tollgate::{CallError, Fault, Outcome, Source, blocking};

use support::harness::{policy, source};
use support::rates::{CANARY, Database, RATES, rates};

fn provider() -> blocking::Provider {
    let builder = support::harness::builder();
    let builder = builder.interface("acme:report/rates@1.0.0", rates).unwrap();
    let runtime = blocking::Runtime::from(builder.build());
    runtime.load(&source("asker"), &policy(RATES)).unwrap()
}

fn fault(provider: &blocking::Provider, call: &str) -> Fault {
    let report = provider.session().wave(call).unwrap();
    assert!(!report.to_json().to_string().contains("hunter2"));
    match report.outcome {
        Outcome::Faulted(fault) => fault,
        other => panic!("{call}: {other:?}"),
    }
}

/// The report has a number, and the operator the text, for each kind of error.
#[test]
fn an_error_of_a_host_function_is_the_hosts() {
    let provider = provider();
    assert_eq!(
        provider
            .session()
            .wave("ask(\"EUR\")")
            .unwrap()
            .outcome
            .label(),
        "returned"
    );
    for of in [
        "early",
        "early-typed",
        "bare",
        "typed",
        "index ",
        "unknown handle index 7",
        "context",
        "utf-8",
        "number",
    ] {
        for call in ["ask", "grow-and-ask"] {
            let error = provider
                .session()
                .wave(&format!("{call}({of:?})"))
                .unwrap_err();
            let CallError::Host(host) = &error else {
                panic!("{of}: {error}");
            };
            assert!(!error.to_string().contains("hunter2"), "{of}: {error}");
            let report = HostErrorReport::new(provider.as_async().info(), host);
            assert!(!serde_json::to_string(&report).unwrap().contains("hunter2"));
            let told = ["utf-8", "number"].contains(&of) || host.detail().contains(CANARY);
            assert!(told, "{of}: {}", host.detail());
        }
    }
}

/// A function that fails is the start function itself, so that no frame of the guest is there.
#[test]
fn an_error_of_a_start_function_is_the_hosts() {
    for function in ["refresh", "refresh-bare"] {
        let text = format!(
            "(component
              (import \"acme:report/rates@1.0.0\" (instance $rates (export \"{function}\" (func))))
              (core func $f (canon lower (func $rates \"{function}\")))
              (core module $m (import \"h\" \"f\" (func $f)) (func (export \"go\")) (start $f))
              (core instance $i (instantiate $m (with \"h\" (instance (export \"f\" (func $f))))))
              (func (export \"go\") (canon lift (core func $i \"go\"))))"
        );
        let starter = Source::bytes("starter", wat::parse_str(text).unwrap());
        let builder = support::harness::builder();
        let builder = builder.interface("acme:report/rates@1.0.0", rates).unwrap();
        let runtime = blocking::Runtime::from(builder.build());
        let provider = runtime.load(&starter, &policy(RATES)).unwrap();
        match provider.session().wave("go()") {
            Err(CallError::Host(host)) => assert_eq!(host.detail(), CANARY),
            other => panic!("{function}: {other:?}"),
        }
    }
}

/// An error that the embedder declares as the guest's is a fault, in the words of the embedder.
#[test]
fn an_error_may_be_declared_as_the_guests() {
    let fault = fault(&provider(), "ask(\"guest\")");
    assert_eq!(fault.label(), "trap");
    assert_eq!(fault.trap.as_deref(), Some("host-function"));
    assert!(
        fault.to_string().contains("there is no such\\ncurrency"),
        "{fault}"
    );
}

/// A guest that breaks the rules around a host function of the embedder's is no failure of the host.
#[test]
fn a_guest_that_breaks_the_rules_is_not_the_hosts_failure() {
    let provider = provider();
    for (call, says) in [
        ("ask-at(\"EUR\", 4294967280)", "pointer out of bounds"),
        ("ask-at(\"EUR\", 17)", "pointer not aligned"),
        ("ask-and-lie(\"EUR\")", "realloc return"),
        ("ask-bad-text()", "utf-8"),
    ] {
        let fault = fault(&provider, call);
        assert_eq!(fault.label(), "trap", "{call}: {fault}");
        assert!(fault.to_string().contains(says), "{call}: {fault}");
    }
}

/// The closure of a typed call is the embedder's as well.
#[test]
fn an_error_of_a_typed_calls_closure_is_the_hosts() {
    let provider = provider();
    for error in [wasmtime::Error::msg(CANARY), Database.into()] {
        let work = async move |_: &mut tollgate::Guest<'_>| -> wasmtime::Result<Result<(), ()>> {
            Err(error)
        };
        match provider.session().call(work) {
            Err(CallError::Host(host)) => assert_eq!(host.detail(), CANARY),
            other => panic!("{other:?}"),
        }
    }
}

/// Bindings of another world: the caller's mistake, in a refusal, not the guest's.
#[test]
fn other_exports_than_a_typed_call_wants_are_refused() {
    let provider = provider();
    let refused = provider.session().call(async |guest| {
        let ask = guest
            .instance
            .get_typed_func::<(u32,), ()>(&mut *guest.store, "ask")?;
        Ok(Ok::<(), ()>(ask.call_async(&mut *guest.store, (1,)).await?))
    });
    match refused {
        Err(CallError::Refused(refusal)) => {
            assert_eq!(refusal.kind.label(), "missing-export");
            let says = "expected `u32` found `string`";
            assert!(refusal.message.contains(says), "{refusal}");
        }
        other => panic!("{other:?}"),
    }
}
