//! Components that would cost the compiler its time or its memory are refused: A4-loop-parameters to A9-variants, at the sizes
//! at which they did.

use std::time::Duration;

use tollgate::Source;
use tollgate::cache::CodeOrigin;
use tollgate::load::{Refusal, RefusalKind};

use support::harness::{alone, load, refused};
use support::processes::cpu_time;

/// The refusal, which takes a small part of the compiler's time: of its processor time, so that other work of the
/// machine makes no difference.
fn too_much(text: &str, within: Duration) -> Refusal {
    let _alone = alone();
    let source = Source::bytes("shape", wat::parse_str(text).unwrap());
    let this = std::process::id();
    let before = cpu_time(this);
    let refusal = refused(&source, "");
    let used = cpu_time(this) - before;
    assert!(used < within, "{used:?}");
    assert_eq!(refusal.kind, RefusalKind::CompileLimit, "{refusal}");
    assert!(
        refusal.message.contains("is the most that is compiled"),
        "{refusal}"
    );
    refusal
}

fn function(locals: &str, code: &str) -> String {
    format!("(component (core module (func {locals} {code})))")
}

const AT_ONCE: Duration = Duration::from_millis(500);

/// A4-loop-parameters: 400 loops of 400 parameters (3 KB) cost 3.6 s and 1.5 GB, 1,000 of 900 (7 KB) the process.
#[test]
fn loops_with_many_parameters() {
    for (loops, width) in [(400, 400), (1_000, 900)] {
        let types = "i64 ".repeat(width);
        let code = format!(
            "{} {} i32.const 0 br_if 0 {} {}",
            "i64.const 0 ".repeat(width),
            "loop (type 0) ".repeat(loops),
            "end ".repeat(loops),
            "drop ".repeat(width),
        );
        let text = format!(
            "(component (core module (type (func (param {types}) (result {types}))) (func {code})))"
        );
        too_much(&text, AT_ONCE);
    }
}

/// A4-loop-parameters: the same by locals, of which 100 loops around 1,000 (9 KB) cost 37 s.
#[test]
fn loops_around_many_locals() {
    let sets: String = (0..1_000)
        .map(|n| format!("local.get {n} i64.const 1 i64.add local.set {n} "))
        .collect();
    let locals = format!("(local {})", "i64 ".repeat(1_000));
    let code = format!("{} {sets} {}", "loop ".repeat(100), "end ".repeat(100));
    let refusal = too_much(&function(&locals, &code), AT_ONCE);
    assert!(refusal.message.contains("loops"), "{refusal}");
}

/// A5-tiny-functions: 200,000 functions cost 25 s and 1.1 GB.
#[test]
fn a_flood_of_tiny_functions() {
    let text = format!("(component (core module {}))", "(func)".repeat(200_000));
    let refusal = too_much(&text, Duration::from_secs(2));
    assert_eq!(
        refusal.message,
        "the component has 200000 functions; 70000 is the most that is compiled; raise `limits.complexity` in the policy"
    );
}

/// A6-nested-blocks: 20,000 blocks cost up to 5 s, 4,000 loops 35 s.
#[test]
fn blocks_and_loops_nested_deep() {
    for (block, count) in [
        ("block", 20_000),
        ("i32.const 0 if", 20_000),
        ("loop", 4_000),
    ] {
        let code = [format!("{block} ").repeat(count), "end ".repeat(count)].concat();
        let refusal = too_much(&function("", &code), AT_ONCE);
        assert!(refusal.message.contains("deep"), "{refusal}");
    }
}

/// A7-nested-components: siblings, and components that each instantiate the one before ten times.
#[test]
fn many_components() {
    let module = "(core module (func)) (core instance (instantiate 0))";
    let siblings = format!(
        "(component {})",
        format!("(component {module})").repeat(900)
    );
    too_much(&siblings, AT_ONCE);
    let instances = "(instance (instantiate $c))".repeat(10);
    let chain = (0..9).fold(format!("(component $c {module})"), |inside, _| {
        format!("(component $c {inside} {instances})")
    });
    let refusal = too_much(&chain, AT_ONCE);
    assert!(refusal.message.contains("instances"), "{refusal}");
}

/// A7-nested-components, by types: reading them recursed until the stack was gone, and with it the process.
#[test]
fn types_nested_deep() {
    for depth in [1_000, 30_000, 300_000] {
        let types = [
            b"\x01".as_slice(),
            &b"\x42\x01\x01".repeat(depth),
            b"\x42\0",
        ]
        .concat();
        let mut bytes = b"\0asm\x0d\0\x01\0\x07".to_vec();
        let mut size = types.len();
        while size >= 0x80 {
            bytes.push(size as u8 | 0x80);
            size >>= 7;
        }
        bytes.push(size as u8);
        bytes.extend(types);
        let refusal = refused(&Source::bytes("types", bytes), "");
        assert_eq!(
            refusal.message,
            "the component nests types 33 deep; 32 is the most that is compiled; raise `limits.complexity` in the policy"
        );
    }
}

/// A8-register-allocation: values that are all alive at the same time, on the stack or in locals.
#[test]
fn more_values_alive_than_there_are_registers() {
    let code = format!(
        "{} {} drop",
        "i32.const 8 f64.load ".repeat(50_000),
        "f64.add ".repeat(49_999)
    );
    let text = format!("(component (core module (memory 1) (func {code})))");
    let refusal = too_much(&text, AT_ONCE);
    assert!(refusal.message.contains("operand stack"), "{refusal}");
    let locals = format!("(local {})", "f64 ".repeat(40_000));
    let sets: String = (0..40_000)
        .map(|n| format!("i32.const 8 f64.load local.set {n} "))
        .collect();
    let text = format!("(component (core module (memory 1) (func {locals} {sets})))");
    let refusal = too_much(&text, AT_ONCE);
    assert!(refusal.message.contains("locals"), "{refusal}");
}

/// A8-register-allocation, below those limits: sums of 2,000 locals in turn, 1.9 MB of which cost 102 s.
#[test]
fn sums_of_many_locals() {
    let locals = format!("(local {})", "i64 ".repeat(2_000));
    let sums: String = (0..190_000u64)
        .map(|n| {
            let (a, b, c) = (n * 7 % 1_999, n * 13 % 1_997, n * 31 % 1_993);
            format!("local.get {a} local.get {b} i64.add local.set {c} ")
        })
        .collect();
    let refusal = too_much(&function(&locals, &sums), Duration::from_secs(2));
    assert!(refusal.message.contains("alive"), "{refusal}");
}

/// Two components that pass a variant of `cases` cases, `pairs` times.
fn composed(cases: usize, pairs: usize) -> String {
    let payload = "u64 ".repeat(17);
    let cases: String = (0..cases).map(|n| format!("(case \"c{n}\" $p)")).collect();
    let types = format!("(type $p (tuple {payload})) (type $t (variant {cases}))");
    let realloc = r#"(memory (export "m") 1)
        (func (export "r") (param i32 i32 i32 i32) (result i32) unreachable)"#;
    let pair = r#"(instance (instantiate $b (with "f" (func $a "f")) (with "t" (type $a "t"))))"#;
    format!(
        r#"(component
            (component $a {types}
                (core module $m {realloc} (func (export "f") (param i32)))
                (core instance $i (instantiate $m))
                (export $e "t" (type $t))
                (func (export "f") (param "x" $e) (canon lift (core func $i "f")
                    (memory (core memory $i "m")) (realloc (core func $i "r")))))
            (component $b {types}
                (import "t" (type $e (eq $t)))
                (import "f" (func $f (param "x" $e)))
                (core module $m {realloc})
                (core instance $i (instantiate $m))
                (core func (canon lower (func $f)
                    (memory (core memory $i "m")) (realloc (core func $i "r")))))
            (instance $a (instantiate $a))
            {})"#,
        pair.repeat(pairs)
    )
}

/// A9-variants: variants of more than 6,000 cases, and smaller ones that many pairs of components pass.
#[test]
fn variants_of_many_cases() {
    for cases in [6_001, 9_000] {
        let refusal = too_much(&composed(cases, 1), AT_ONCE);
        assert!(refusal.message.contains("fields or cases"), "{refusal}");
    }
    too_much(&composed(900, 100), AT_ONCE);
    let source = Source::bytes("pair", wat::parse_str(composed(5_000, 1)).unwrap());
    let provider = support::harness::blocking().load(&source, &support::harness::policy(""));
    assert!(provider.is_ok(), "{:?}", provider.err());
}

/// Also of a component whose code is in the cache, and of one that was inspected before.
#[test]
fn what_was_vetted_is_held_to_the_complexity_of_each_policy() {
    let shelf = support::code_cache::Shelf::new();
    let source = support::harness::numbered(7);
    assert_eq!(shelf.number(&source, 7), CodeOrigin::Compiled);
    for again in [source, support::harness::numbered(7)] {
        let policy = support::harness::policy("limits.complexity = 5");
        let refused = shelf.runtime.load(&again, &policy).map(drop).unwrap_err();
        let text = refused.to_string();
        assert!(
            text.contains("needs a complexity of 7, and 5 is allowed"),
            "{text}"
        );
        let inspected = shelf.runtime.inspect(&again, &policy);
        assert!(inspected.is_err());
    }
    // More than the default, for a component that is over it.
    let deep = function(
        "",
        &format!("{} {}", "block ".repeat(5_000), "end ".repeat(5_000)),
    );
    let deep = Source::bytes("deep", wat::parse_str(deep).unwrap());
    let loads = |complexity: &str| {
        let policy = support::harness::policy(complexity);
        support::harness::blocking().load(&deep, &policy)
    };
    let refused = loads("").map(drop).unwrap_err().to_string();
    assert!(refused.contains("raise `limits.complexity`"), "{refused}");
    assert!(loads("limits.complexity = 126").is_ok());
}

/// A guest of a real toolchain is far below every limit; those of 20 MB are in `polyglot`.
#[test]
fn real_guests_are_compiled() {
    for guest in ["echo", "hello-command", "http-client"] {
        let inspection = support::harness::source(guest).inspect();
        assert!(inspection.is_ok(), "{guest}: {:?}", inspection.err());
    }
    load("echo", "");
}
