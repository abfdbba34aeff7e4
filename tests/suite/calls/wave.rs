//! Calls by text: the errors of calls that do not fit, and the function that a name means.

use tollgate::embed::check_expression;
use tollgate::{CallError, Policy, Source};

use support::harness::{blocking, load};

fn told(call: &str) -> String {
    match load("counter", "").session().wave(call) {
        Err(CallError::Arguments(told)) => told,
        other => panic!("{call}: {:?}", other.map(|report| report.outcome)),
    }
}

#[test]
fn arguments_that_do_not_fit_are_told_with_what_would() {
    for call in ["work(\"x\")", "work(1, 2)", "work(-1)", "work()"] {
        let told = told(call);
        assert!(
            told.starts_with(&format!("`{call}`, at character ")),
            "{told}"
        );
        assert!(told.ends_with("; it is `work: func(u32)`"), "{told}");
    }
}

/// Before a component is compiled for it.
#[test]
fn what_is_no_call_is_told_without_a_component() {
    for text in [
        "work",
        "(1)",
        "",
        "work(",
        "work(1))",
        "work(1",
        "work(\"a)",
    ] {
        let error = check_expression(text).unwrap_err();
        assert!(matches!(error, CallError::Arguments(_)), "{text}");
    }
    check_expression("any:thing/at-all@1.2.3.is(1, [\"two\"], none)").unwrap();
    let long = format!("{}\u{1b}[2J(", "x".repeat(100_000));
    let told = check_expression(&long).unwrap_err().to_string();
    assert!(
        told.len() < 1_000 && !told.contains('\u{1b}'),
        "{told:.100}"
    );
}

/// Calls as a person writes them: without optional arguments, with a blank before the bracket.
#[test]
fn what_is_optional_may_be_left_out() {
    let text = r#"(component
        (core module $m
            (func (export "f") (param i32 i32 i32 i32) (result i32) (i32.add (local.get 0) (local.get 2)))
            (func (export "g") (param i32 i32 i32) (result i32) (local.get 1)))
        (core instance $i (instantiate $m))
        (func (export "f") (param "a" (option u32)) (param "b" (option u32)) (result u32)
            (canon lift (core func $i "f")))
        (func (export "g") (param "a" u32) (param "b" (option u32)) (result u32) (canon lift (core func $i "g"))))"#;
    let source = Source::bytes("optional", wat::parse_str(text).unwrap());
    let provider = blocking().load(&source, &Policy::default()).unwrap();
    let call = |text: &str| {
        let report = provider.session().wave(text);
        report.map(|report| report.outcome.returned().unwrap_or_default())
    };
    // The guest returns the number of options that are set.
    for (text, found) in [
        ("f()", "0"),
        ("f(none)", "0"),
        ("f(some(7))", "1"),
        ("f(7, 8)", "2"),
        ("g(1)", "0"),
        ("g (1, 2)", "1"),
        ("f \t()", "0"),
    ] {
        assert_eq!(call(text).unwrap(), found, "{text}");
    }
    for text in ["g()", "g ()"] {
        let told = call(text).unwrap_err().to_string();
        assert!(told.contains(&format!("`{text}`, at character ")), "{told}");
    }
}

#[test]
fn a_full_name_means_that_function_and_no_other() {
    let text = r#"(component
        (core module $m
            (func (export "one") (result i32) i32.const 1)
            (func (export "two") (result i32) i32.const 2))
        (core instance $i (instantiate $m))
        (func $one (result u32) (canon lift (core func $i "one")))
        (func $two (result u32) (canon lift (core func $i "two")))
        (instance $inner (export "f" (func $two)) (export "g" (func $two)))
        (export "f" (func $one))
        (export "a:b/c@1.0.0" (instance $inner))
        (export "a:b/d" (instance $inner)))"#;
    let source = Source::bytes("names", wat::parse_str(text).unwrap());
    let provider = blocking().load(&source, &Policy::default()).unwrap();
    let call = |name: &str| {
        let report = provider.session().wave(&format!("{name}()"));
        report.map(|report| report.outcome.returned().unwrap_or_default())
    };
    assert_eq!(call("f").unwrap(), "1");
    assert_eq!(call("a:b/c@1.0.0.f").unwrap(), "2");
    assert_eq!(call("a:b/c.g").unwrap(), "2");
    let error = call("g").unwrap_err().to_string();
    assert!(error.contains("write a:b/c@1.0.0.g or a:b/d.g"), "{error}");
}
