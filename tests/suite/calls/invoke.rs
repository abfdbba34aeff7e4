//! Calls with values: their results, and the refusals before any code of the guest runs.

use std::fmt::Write as _;

use tollgate::value::{Field, Function, Type, Value};
use tollgate::{CallError, LoadError, Outcome, Policy, Source, blocking};

use support::harness::{blocking as runtime_blocking, load};

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
    let mut functions = counter.functions();
    let work = functions
        .find(|function| &*function.name == "work")
        .unwrap();
    assert_eq!(work.interface, None);
    let types: Vec<&Type> = work.params.iter().map(|Field { ty, .. }| ty).collect();
    assert_eq!((types, &work.result), (vec![&Type::U32], &None));
    let releases = load(
        "registry-releases",
        "grants = { log = true, config = {}, files = [{ root = \"data\", path = \"samples\", access = \"read\" }] }",
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
    let provider = runtime_blocking()
        .load(&source, &Policy::default())
        .unwrap();
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

/// In every enclosing type, and in every way of calling the function: nothing runs, and nothing panics.
#[test]
fn a_resource_within_other_types_is_described_and_not_called() {
    for (definition, core) in [
        (
            "(record (field \"a\" u8) (field \"b\" (own $thing)))",
            "i32",
        ),
        ("(list (own $thing))", "i32"),
        ("(tuple (own $thing) string)", "i32"),
        ("(option (own $thing))", "i32"),
        ("(result (own $thing))", "i32"),
        ("(result u8 (error (own $thing)))", "i32"),
        ("(variant (case \"a\") (case \"b\" (own $thing)))", "i32"),
        ("(list (option (tuple (own $thing))))", "i32"),
    ] {
        let text = format!(
            r#"(component
            (type $own (resource (rep i32)))
            (export $thing "thing" (type $own))
            (type $inner {definition})
            (export $outer "outer" (type $inner))
            (core module $m
                (memory (export "mem") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                (func (export "make") (result {core}) unreachable)
                (func (export "take") (param i32) unreachable))
            (core instance $i (instantiate $m))
            (func $make (result $outer)
                (canon lift (core func $i "make") (memory $i "mem") (realloc (func $i "realloc"))))
            (func $borrow (param "it" (borrow $thing)) (canon lift (core func $i "take")))
            (export "make" (func $make))
            (export "[method]thing.borrow" (func $borrow))
            (instance $all (export "thing" (type $thing)) (export "outer" (type $outer))
                (export "make" (func $make)))
            (export "a:b/c@1.0.0" (instance $all)))"#
        )
        .replace("[method]thing.borrow\" (func", "borrow-it\" (func");
        let source = Source::bytes("things", wat::parse_str(&text).unwrap());
        let provider = runtime_blocking()
            .load(&source, &Policy::default())
            .unwrap();
        let functions = provider.as_async().functions();
        let functions: Vec<String> = functions.map(ToString::to_string).collect();
        assert_eq!(functions.len(), 3, "{functions:?}");
        for told in &functions {
            assert!(told.contains("a resource"), "{told}");
        }
        for name in ["make", "borrow-it", "a:b/c.make", "a:b/c@1.0.0.make"] {
            for call in ["invoke", "wave", "wave with an argument"] {
                let mut session = provider.session();
                let done = match call {
                    "invoke" => session.invoke(name, &[]).map(drop),
                    "wave" => session.wave(&format!("{name}()")).map(drop),
                    _ => session.wave(&format!("{name}(1)")).map(drop),
                };
                match done {
                    Err(CallError::Arguments(told)) => {
                        assert!(told.contains("a resource"), "{told}")
                    }
                    Err(CallError::Refused(_)) if name == "make" => {}
                    other => panic!("{definition}, {call} {name}: {other:?}"),
                }
            }
        }
        // `run` does not have its type.
        assert!(provider.session().run(b"").is_err());
        // WIT has no words for some of these.
        let _ = source.wit();
    }
}

/// The types of proposals that are off: such a component is not loaded, and not described.
#[test]
fn futures_and_streams_are_no_types_here() {
    for ty in [
        "(future u8)",
        "(stream u8)",
        "error-context",
        "(map string u8)",
        "(list u8 4)",
    ] {
        let text = format!("(component (type $t {ty}) (export \"t\" (type $t)))");
        let source = Source::bytes("types", wat::parse_str(&text).unwrap());
        let loaded = runtime_blocking().load(&source, &Policy::default());
        match loaded.map(drop) {
            Err(LoadError::Refused(refusal)) => {
                assert_eq!(refusal.kind.label(), "proposal", "{ty}: {refusal}");
            }
            other => panic!("{ty}: {other:?}"),
        }
    }
}

/// A component with `functions` functions `f0`, `f1` … that take one parameter of the last of these types.
fn taking(types: &str, last: &str, functions: usize) -> Source {
    let mut text = format!(
        r#"(component {types}
        (core module $m
            (memory (export "memory") 1)
            (func (export "f") (param i32))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 16))
        (core instance $i (instantiate $m))
        (func $f (param "x" {last}) (canon lift (core func $i "f")
            (memory $i "memory") (realloc (func $i "realloc"))))"#
    );
    for number in 0..functions {
        let _ = write!(text, "(export \"f{number}\" (func $f))");
    }
    text.push(')');
    Source::bytes("large", wat::parse_str(&text).unwrap())
}

/// A call of it is refused, whichever way it is made, and says why.
fn is_too_large(provider: &blocking::Provider, function: &str) {
    let calls = [
        provider
            .session()
            .invoke(function, &[Value::Bool(true)])
            .map(|_| ()),
        provider
            .session()
            .wave(&format!("{function}(1)"))
            .map(|_| ()),
    ];
    for call in calls {
        match call {
            Err(CallError::Arguments(told)) => assert!(told.contains("too large"), "{told}"),
            other => panic!("{function}: {other:?}"),
        }
    }
}

/// Fifteen types, each a tuple of two of the one before, mean 65,535; twelve functions take one each. Validation allows a
/// million in one component, which would be 60 MB of descriptions.
#[test]
fn a_type_that_means_millions_is_not_described() {
    let mut types = "(type $t0 (tuple u8 u8))".to_owned();
    for level in 1..15 {
        let before = level - 1;
        let _ = write!(types, "(type $t{level} (tuple $t{before} $t{before}))");
    }
    let source = taking(&types, "$t14", 12);
    let provider = runtime_blocking()
        .load(&source, &Policy::default())
        .unwrap();
    assert_eq!(provider.functions().len(), 12);
    assert!(bytes_of(&provider) < 8 << 20);
    is_too_large(&provider, "f0");
    is_too_large(&provider, "f11");
}

/// An enumeration counts as one type for validation, however many names it has: 900 places of 1,000 names are 60 MB, and
/// 90,000 are 6 GB.
#[test]
fn names_count_where_types_are_described() {
    let mut types = "(type $e' (enum".to_owned();
    for number in 0..1_000 {
        let _ = write!(types, " \"{}{number}\"", "n".repeat(44));
    }
    types.push_str("))(export $e \"e\" (type $e'))");
    let tuple =
        |name: &str, of: &str| format!("(type ${name} (tuple{}))", format!(" ${of}").repeat(30));
    types.push_str(&tuple("t0", "e"));
    types.push_str(&tuple("t1", "t0"));
    let source = taking(&types, "$t1", 2);
    let provider = runtime_blocking()
        .load(&source, &Policy::default())
        .unwrap();
    assert!(bytes_of(&provider) < 8 << 20);
    is_too_large(&provider, "f0");
}

/// One function under 900 names in each of 100 interfaces with names of 4,000 bytes.
#[test]
fn functions_beyond_the_budget_are_left_out() {
    let mut text = r#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (instance $in"#
        .to_owned();
    for number in 0..900 {
        let _ = write!(text, "(export \"f{number}\" (func $f))");
    }
    text.push(')');
    for number in 0..100 {
        let _ = write!(
            text,
            "(export \"a:b/{}{number}\" (instance $in))",
            "c".repeat(4_000)
        );
    }
    text.push(')');
    let source = Source::bytes("many", wat::parse_str(&text).unwrap());
    let provider = runtime_blocking()
        .load(&source, &Policy::default())
        .unwrap();
    let described = provider.functions().len();
    assert!((1_000..90_000).contains(&described), "{described}");
    match provider.session().invoke("no-such", &[]) {
        Err(CallError::Refused(refusal)) => {
            assert!(
                refusal.to_string().contains("that are described"),
                "{refusal}"
            );
        }
        other => panic!("{:?}", other.map(|report| report.outcome)),
    }
}

/// Bytes of the descriptions, by their contents.
fn bytes_of(provider: &blocking::Provider) -> usize {
    fn of(ty: &Type) -> usize {
        let named = |name: &String| name.len() + size_of::<String>();
        size_of::<Type>()
            + match ty {
                Type::Tuple(types) => types.iter().map(of).sum(),
                Type::Enum(names) => names.iter().map(named).sum(),
                _ => 0,
            }
    }
    let params = provider.functions().flat_map(|function| &function.params);
    params.map(|param| of(&param.ty)).sum()
}

/// A denormal takes 326 characters: the text of a result is bounded by `output` as well as the result itself.
#[test]
fn the_text_of_a_result_is_bounded_by_output() {
    let text = r#"(component
        (core module $m
            (memory (export "memory") 2)
            (func (export "f") (result i32)
                (local $at i32)
                (loop $l
                    (i64.store offset=8 (local.get $at) (i64.const 1))
                    (local.set $at (i32.add (local.get $at) (i32.const 8)))
                    (br_if $l (i32.lt_u (local.get $at) (i32.const 80000))))
                (i32.store (i32.const 0) (i32.const 8))
                (i32.store (i32.const 4) (i32.const 10000))
                i32.const 0))
        (core instance $i (instantiate $m))
        (func (export "f") (result (list f64)) (canon lift (core func $i "f") (memory $i "memory"))))"#;
    let source = Source::bytes("floats", wat::parse_str(text).unwrap());
    let policy = support::harness::policy("limits.output = \"1MiB\"");
    let provider = runtime_blocking().load(&source, &policy).unwrap();
    let report = provider.session().invoke("f", &[]).unwrap();
    assert_eq!(report.outcome.label(), "returned");
    let report = provider.session().wave("f()").unwrap();
    assert_eq!(
        report.outcome.fault().map(|fault| fault.label()),
        Some("output")
    );
    assert_eq!(report.usage.output_bytes, Some(0));
}
