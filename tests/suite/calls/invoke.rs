//! Calls with values: what comes back, and what is refused before any code of the guest runs.

use std::fmt::Write as _;

use tollgate::value::{Field, Function, Type, Value};
use tollgate::{CallError, Outcome, Policy, Source};

use support::harness::{blocking, load};

fn bytes(text: &str) -> Value {
    Value::from(text.as_bytes())
}

#[test]
fn the_ok_of_a_result_is_returned_and_its_err_is_the_providers_error() {
    let echo = load("echo", "");
    let report = echo.session().invoke("run", &[bytes("hello")]).unwrap();
    assert_eq!(report.outcome.returned(), Some(Some(bytes("hello"))));

    let ledger = load("ledger-csv", "grants = { log = true, config = {} }");
    let report = ledger
        .session()
        .invoke("parse", &[bytes("no csv")])
        .unwrap();
    let Outcome::Failed(error) = &report.outcome else {
        panic!("{:?}", report.outcome);
    };
    // The same error as a call in WAVE has, and the same words for it.
    let by_text = ledger
        .session()
        .wave("parse([110, 111, 32, 99, 115, 118])")
        .unwrap();
    let Outcome::Failed(text) = &by_text.outcome else {
        panic!("{:?}", by_text.outcome);
    };
    assert!(matches!(error.value, Some(Value::Record(_))), "{error:?}");
    let json = |report: serde_json::Value| report["error"].clone();
    assert_eq!(json(report.to_json()), json(by_text.to_json()));
    assert!(text.text.starts_with("err("), "{}", text.text);
}

#[test]
fn functions_are_described_with_their_types() {
    let counter = load("counter", "");
    let mut functions = counter.as_async().functions();
    let work = functions
        .find(|function| &*function.name == "work")
        .unwrap();
    assert_eq!(work.interface, None);
    let types: Vec<&Type> = work.params.iter().map(|Field { ty, .. }| ty).collect();
    assert_eq!((types, &work.result), (vec![&Type::U32], &None));
    let releases = load(
        "registry-releases",
        "grants = { log = true, config = {}, files = [{ root = \"data\", path = \".\", access = \"read\" }] }",
    );
    let names: Vec<String> = releases
        .as_async()
        .functions()
        .map(Function::full_name)
        .collect();
    let resolve = "tollgate:releases/resolve@0.1.0.resolve";
    assert!(names.iter().any(|name| name == resolve), "{names:?}");
}

#[test]
fn arguments_that_do_not_fit_are_told_and_nothing_has_run() {
    let mut session = load("counter", "").session();
    for (arguments, told) in [
        (vec![Value::from(1_u64)], "of type u64; pass u32"),
        (vec![], "it is called with 0; pass 1 argument"),
        (
            vec![Value::from(1_u32), Value::from(1_u32)],
            "it is called with 2; pass 1 argument",
        ),
    ] {
        match session.invoke("work", &arguments) {
            Err(CallError::Arguments(text)) => assert!(text.contains(told), "{text}"),
            other => panic!("{:?}", other.map(|report| report.outcome)),
        }
    }
    assert!(matches!(
        session.invoke("no-such", &[]),
        Err(CallError::Refused(_))
    ));
    // The session was never begun, and serves.
    let report = session.invoke("work", &[Value::from(1_u32)]).unwrap();
    assert_eq!(report.outcome.returned(), Some(None));
}

#[test]
fn a_function_of_resources_is_described_and_not_called() {
    let text = r#"(component
        (type $own (resource (rep i32)))
        (core func $new (canon resource.new $own))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (func (export "make") (result i32) (call $new (i32.const 7))))
        (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
        (export $thing "thing" (type $own))
        (func (export "make") (result (own $thing)) (canon lift (core func $i "make"))))"#;
    let source = Source::bytes("things", wat::parse_str(text).unwrap());
    let provider = blocking().load(&source, &Policy::default()).unwrap();
    let functions: Vec<String> = provider
        .as_async()
        .functions()
        .map(ToString::to_string)
        .collect();
    assert_eq!(functions, ["make: func() -> a resource"]);
    for call in ["invoke", "wave"] {
        let mut session = provider.session();
        let error = match call {
            "invoke" => session.invoke("make", &[]).map(|_| ()),
            _ => session.wave("make()").map(|_| ()),
        };
        match error {
            Err(CallError::Arguments(told)) => assert!(told.contains("a resource"), "{told}"),
            other => panic!("{call}: {other:?}"),
        }
    }
}

/// Fifteen types, each a tuple of two of the one before, mean 65,535; twelve functions take one each. Validation allows
/// a million in one component, which would be 60 MB of descriptions.
#[test]
fn a_type_that_means_millions_is_not_described() {
    let mut text = "(component (type $t0 (tuple u8 u8))".to_owned();
    for level in 1..15 {
        let before = level - 1;
        let _ = write!(text, "(type $t{level} (tuple $t{before} $t{before}))");
    }
    text.push_str(
        r#"(core module $m
            (memory (export "memory") 1)
            (func (export "f") (param i32))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 16))
        (core instance $i (instantiate $m))
        (func $f (param "x" $t14) (canon lift (core func $i "f")
            (memory $i "memory") (realloc (func $i "realloc"))))
        "#,
    );
    for number in 0..12 {
        let _ = write!(text, "(export \"f{number}\" (func $f))");
    }
    text.push(')');
    let source = Source::bytes("large", wat::parse_str(&text).unwrap());
    let provider = blocking().load(&source, &Policy::default()).unwrap();
    let functions: Vec<&Function> = provider.as_async().functions().collect();
    assert_eq!(functions.len(), 12);
    let nodes: usize = functions
        .iter()
        .flat_map(|it| &it.params)
        .map(|it| count(&it.ty))
        .sum();
    assert!(nodes < 101_000, "{nodes}");
    match provider.session().invoke("f0", &[Value::Tuple(vec![])]) {
        Err(CallError::Arguments(_)) => {}
        other => panic!("{:?}", other.map(|report| report.outcome)),
    }
}

fn count(ty: &Type) -> usize {
    match ty {
        Type::Tuple(types) => 1 + types.iter().map(count).sum::<usize>(),
        _ => 1,
    }
}
