//! Shapes that published components have: each loads under the default limits and runs. The largest of each kind is
//! known from public reports; the packages of `just corpus` have the rest.

use tollgate::value::Value;
use tollgate::{Policy, Source};

use support::harness::blocking;

/// The result of `export` of the component `text` under the default policy.
fn result(name: &str, text: String, export: &str, arguments: &[Value]) -> Value {
    let source = Source::bytes(name, wat::parse_str(text).unwrap());
    let provider = blocking()
        .load(&source, &Policy::default())
        .unwrap_or_else(|error| panic!("{name} does not load: {error}"));
    let report = provider.session().invoke(export, arguments).unwrap();
    report.outcome.returned().unwrap().unwrap()
}

/// An enumeration of 1,424 cases, as one of all icons of a set has.
#[test]
fn an_enumeration_of_many_cases() {
    let cases: String = (0..1_424).map(|n| format!(r#""c{n}" "#)).collect();
    let text = format!(
        r#"(component
            (core module $m (func (export "f") (param i32) (result i32) (i32.sub (i32.const 1423) (local.get 0))))
            (core instance $i (instantiate $m))
            (type $t (enum {cases}))
            (export $e "t" (type $t))
            (func (export "f") (param "a" $e) (result $e) (canon lift (core func $i "f"))))"#
    );
    let other = result("enumeration", text, "f", &[Value::Enum("c3".into())]);
    assert_eq!(other, Value::Enum("c1420".into()));
}

/// 1,600 exports: bindings of a large library.
#[test]
fn many_exports() {
    let functions: String = (0..1_600)
        .map(|n| format!(r#"(func (export "f{n}") (result i32) i32.const {n})"#))
        .collect();
    let exports: String = (0..1_600)
        .map(|n| {
            format!(r#"(func (export "f{n}") (result u32) (canon lift (core func $i "f{n}")))"#)
        })
        .collect();
    let text = format!(
        "(component (core module $m {functions}) (core instance $i (instantiate $m)) {exports})"
    );
    assert_eq!(
        result("exports", text, "f1599", &[]),
        Value::from(1_599_u32)
    );
}

/// 262 modules that share one memory and one table, as Python with its extensions does.
#[test]
fn many_modules() {
    let module = |n: usize| {
        format!(
            r#"(core module $m{n}
                (import "main" "memory" (memory 1))
                (import "main" "table" (table 300 funcref))
                (func $f (result i32) (i32.load8_u (i32.const {n})))
                (data (i32.const {n}) "\{byte:02x}")
                (elem (i32.const {n}) $f))
            (core instance (instantiate $m{n} (with "main" (instance $main))))"#,
            byte = n % 256,
        )
    };
    let modules: String = (0..261).map(module).collect();
    let text = format!(
        r#"(component
            (core module $m
                (type $f (func (result i32)))
                (memory (export "memory") 1)
                (table (export "table") 300 funcref)
                (func (export "f") (param i32) (result i32) (call_indirect (type $f) (local.get 0))))
            (core instance $main (instantiate $m))
            {modules}
            (func (export "f") (param "n" u32) (result u32) (canon lift (core func $main "f"))))"#
    );
    let byte = result("modules", text, "f", &[Value::from(260_u32)]);
    assert_eq!(byte, Value::from(4_u32));
}

/// 53,028 segments of data, as a published program in Go has.
#[test]
fn many_segments() {
    let segments: String = (0..53_028)
        .map(|n| format!(r#"(data (i32.const {}) "\{:02x}")"#, n * 4, n % 251))
        .collect();
    let text = format!(
        r#"(component
            (core module $m
                (memory 4)
                (func (export "f") (param i32) (result i32) (i32.load (local.get 0)))
                {segments})
            (core instance $i (instantiate $m))
            (func (export "f") (param "at" u32) (result u32) (canon lift (core func $i "f"))))"#
    );
    let last = result("segments", text, "f", &[Value::from(53_027_u32 * 4)]);
    assert_eq!(last, Value::from(53_027_u32 % 251));
}

/// A component composed with a shim that answers each function of WASI with an error, as a host's "deny all" and the
/// output of WASI-Virt are: 40 interfaces of 12 functions between the two, each with a result and strings.
#[test]
fn a_shim_that_denies_all() {
    const INTERFACES: usize = 40;
    const FUNCTIONS: usize = 12;
    let codes: String = (0..37).map(|n| format!(r#""e{n}" "#)).collect();
    let codes = format!("(type $c (enum {codes}))");
    let all = || (0..INTERFACES).flat_map(|i| (0..FUNCTIONS).map(move |f| (i, f)));
    // The type of each function: a path in, bytes or a code out.
    let typed =
        |code: &str| format!(r#"(param "path" string) (result (result (list u8) (error {code})))"#);
    let memory = r#"(memory (export "memory") 1)
        (global $next (mut i32) (i32.const 4096))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            global.get $next (global.set $next (i32.add (global.get $next) (local.get 3))))"#;
    let options = r#"(memory (core memory $i "memory")) (realloc (core func $i "realloc"))"#;

    // Each function stores `error(e<number of its interface>)` and returns where.
    let denials: String = all()
        .map(|(i, f)| {
            format!(
                r#"(func (export "{i}-{f}") (param i32 i32) (result i32)
                    (i32.store8 (i32.const 16) (i32.const 1)) (i32.store8 (i32.const 20) (i32.const {}))
                    i32.const 16)"#,
                i % 37
            )
        })
        .collect();
    let lifted: String = (0..INTERFACES)
        .map(|i| {
            let functions: String = (0..FUNCTIONS)
                .map(|f| {
                    format!(
                        r#"(func $f{i}-{f} {} (canon lift (core func $i "{i}-{f}") {options}))"#,
                        typed("$c")
                    )
                })
                .collect();
            let exports: String = (0..FUNCTIONS)
                .map(|f| format!(r#"(export "f{f}" (func $f{i}-{f}))"#))
                .collect();
            format!(r#"{functions} (instance $x{i} (export "code" (type $c)) {exports}) (export "wasi:i{i}/x" (instance $x{i}))"#)
        })
        .collect();
    let shim = format!(
        r#"(component $shim {codes}
            (core module $m {memory} {denials})
            (core instance $i (instantiate $m))
            {lifted})"#
    );

    let imports: String = (0..INTERFACES)
        .map(|i| {
            let functions: String = (0..FUNCTIONS)
                .map(|f| format!(r#"(export "f{f}" (func {}))"#, typed("$e")))
                .collect();
            format!(
                r#"(import "wasi:i{i}/x" (instance $x{i}
                    (alias outer $program $c (type $d)) (export "code" (type $e (eq $d))) {functions}))"#
            )
        })
        .collect();
    let lowered: String = all()
        .map(|(i, f)| {
            let options = options.replace("$i ", "$libc ");
            format!(
                r#"(alias export $x{i} "f{f}" (func $x{i}-{f})) (core func $l{i}-{f} (canon lower (func $x{i}-{f}) {options}))"#
            )
        })
        .collect();
    let needs: String = all()
        .map(|(i, f)| format!(r#"(import "wasi" "{i}-{f}" (func $w{i}-{f} (param i32 i32 i32)))"#))
        .collect();
    // Adds the codes of all functions.
    let calls: String = all()
        .map(|(i, f)| {
            format!(
                r#"(call $w{i}-{f} (i32.const 0) (i32.const 3) (i32.const 32))
                (local.set 0 (i32.add (local.get 0) (i32.load8_u (i32.const 36))))"#
            )
        })
        .collect();
    let given: String = all()
        .map(|(i, f)| format!(r#"(export "{i}-{f}" (func $l{i}-{f}))"#))
        .collect();
    let program = format!(
        r#"(component $program {codes} {imports}
            (core module $libc {memory})
            (core instance $libc (instantiate $libc))
            {lowered}
            (core module $m {needs}
                (import "libc" "memory" (memory 1))
                (data (i32.const 0) "a/b")
                (func (export "f") (result i32) (local i32) {calls} local.get 0))
            (core instance $i (instantiate $m (with "wasi" (instance {given})) (with "libc" (instance $libc))))
            (func (export "f") (result u32) (canon lift (core func $i "f"))))"#
    );
    let with: String = (0..INTERFACES)
        .map(|i| format!(r#"(with "wasi:i{i}/x" (instance $shim "wasi:i{i}/x"))"#))
        .collect();
    let text = format!(
        r#"(component {shim} {program}
            (instance $shim (instantiate $shim))
            (instance $program (instantiate $program {with}))
            (export "f" (func $program "f")))"#
    );
    let expected: usize = all().map(|(i, _)| i % 37).sum();
    assert_eq!(
        result("shim", text, "f", &[]),
        Value::from(u32::try_from(expected).unwrap())
    );
}
