//! `grants.stub`: imports that the host does not give, linked so that the component loads, and denied when they are called.

use tollgate::Source;
use tollgate::policy::Reason;

use support::harness::{
    ALL, all_but, attack_by, blocking, load, policy, refused, run, source, wave,
};

/// The stubs of the guest `stubs`.
const STUB: &str = "grants.stub = ['acme:telemetry/*']";

#[test]
fn a_component_that_calls_no_stub_runs() {
    let report = wave("stubs", STUB, "quiet()");
    assert_eq!(report.outcome.returned().as_deref(), Some("7"));
    assert!(report.denials.is_empty());
    let named = "grants.stub = ['acme:telemetry/metrics', 'acme:telemetry/traces@1.0.0']";
    let report = wave("stubs", named, "quiet()");
    assert_eq!(report.outcome.returned().as_deref(), Some("7"));
}

#[test]
fn an_import_that_is_not_named_is_no_stub() {
    for (text, count) in [
        ("", 2),
        ("grants.stub = ['acme:telemetry/metrics']", 1),
        ("grants.stub = ['acme:telemetry/*@2.0.0']", 2),
        ("grants.stub = ['acme:telemetry-2/*']", 2),
    ] {
        let refusal = refused(&source("stubs"), text);
        assert_eq!(refusal.kind.label(), "imports");
        assert_eq!(refusal.imports.len(), count, "{text}: {refusal}");
    }
    // The linker would take another version for the one that is served.
    let text = "grants.log = true\ngrants.stub = ['tollgate:provider/*']";
    let refusal = refused(&source("newer-version"), text);
    assert_eq!(refusal.kind.label(), "world-version");
    // Not a whole interface.
    let stub = "grants.stub = ['evil:pkg/*', 'tollgate:provider/*']";
    let refusal = refused(&source("unknown-imports"), stub);
    assert_eq!(refusal.imports.len(), 5, "{refusal}");
}

/// A10-unknown-imports
#[test]
fn the_first_call_of_a_stub_is_denied_and_ends_the_call() {
    for (call, target) in [
        ("loop()", "acme:telemetry/metrics@1.0.0 record"),
        ("make()", "acme:telemetry/metrics@1.0.0 [constructor]span"),
    ] {
        let report = wave("stubs", STUB, call);
        let fault = report.outcome.fault().unwrap();
        assert_eq!(fault.label(), "trap");
        assert_eq!(fault.trap.as_deref(), Some("host-function"));
        assert!(
            fault.to_string().contains(&format!("{target} is a stub")),
            "{fault}"
        );
        assert_eq!(report.usage.host_calls, 1);
        let [denial] = &report.denials[..] else {
            panic!("{:?}", report.denials);
        };
        assert_eq!(
            (denial.capability, denial.target.as_str()),
            ("stub", target)
        );
        assert_eq!(denial.reason, Reason::NotGranted);
        attack_by("stubs", call, STUB).faults("trap");
    }
    attack_by("stubs", "flood()", STUB).faults("host-data");
    // No handle is valid, since nothing makes one.
    let report = wave("stubs", STUB, "invent()");
    assert_eq!(report.outcome.fault().unwrap().label(), "trap");
    assert!(report.denials.is_empty());
}

#[test]
fn a_grant_is_stronger_than_a_stub() {
    let text = format!("{ALL}\ngrants.stub = ['tollgate:provider/*']");
    for call in ["hash", "ping"] {
        let (with, without) = (run("hostile", &text, call), run("hostile", ALL, call));
        assert_eq!(with.outcome.label(), without.outcome.label());
        assert!(with.denials.is_empty());
    }
    // One that is known and not granted is a stub, too.
    let text = format!(
        "{}\ngrants.stub = ['tollgate:provider/http']",
        all_but("http")
    );
    let report = run("hostile", &text, "ping");
    assert_eq!(report.outcome.label(), "returned");
    drop(load("hostile", &text));
}

/// A stub that uses a resource of a granted interface has that resource.
#[test]
fn a_resource_of_a_granted_interface_stays_its_own() {
    let text = r#"(component
        (import "wasi:io/error@0.2.0" (instance $io (export "error" (type (sub resource)))))
        (alias export $io "error" (type $error))
        (import "acme:telemetry/errors@1.0.0" (instance
            (alias outer 1 $error (type $of-io))
            (export "error" (type $error (eq $of-io)))
            (export "send" (func (param "error" (borrow $error))))))
        (core module $m (func (export "f") (result i32) i32.const 7))
        (core instance $i (instantiate $m))
        (func (export "f") (result u32) (canon lift (core func $i "f"))))"#;
    let source = Source::bytes("errors", wat::parse_str(text).unwrap());
    let policy = policy("grants.wasi = 'inert'\ngrants.stub = ['acme:telemetry/*']");
    let provider = blocking().load(&source, &policy).unwrap();
    let report = provider.session().wave("f()").unwrap();
    assert_eq!(report.outcome.returned().as_deref(), Some("7"));
}
