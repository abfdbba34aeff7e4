//! Components that are small to send and large to validate or to compile: A4-loop-parameters to A9-variants,
//! A55-validation and A56-workers. Each is stopped, by the scan that comes first or by the limits of the process that
//! vets and compiles.

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use tollgate::blocking::Runtime;
use tollgate::{Compiler, LoadError, Source};

use crate::attack_case::{Case, Row, load_kind};
use support::harness::{instances_of_types, policy, slow_to_validate};
use support::processes::children;

/// Less than the defaults, by which a round would take a minute. Each of these needs ten times as much.
const LIMITS: &str = "limits.compile-time = \"100ms\"\nlimits.compile-memory = \"256MiB\"";

pub(crate) const ROWS: &[Row] = &[
    Row {
        id: "A4-loop-parameters",
        attack: "loops x block parameters",
        cases: || vec![bomb(loops(1_000, 1_000))],
    },
    Row {
        id: "A5-tiny-functions",
        attack: "200,000 tiny functions",
        cases: || vec![bomb(core("(func)".repeat(200_000)))],
    },
    Row {
        id: "A6-nested-blocks",
        attack: "20,000 nested blocks",
        cases: || {
            let nested = format!("{}{}", "block ".repeat(20_000), "end ".repeat(20_000));
            vec![bomb(core(format!("(func {nested})")))]
        },
    },
    Row {
        id: "A7-nested-components",
        attack: "10,000 nested components",
        cases: || vec![bomb(nested(10_000))],
    },
    Row {
        id: "A8-register-allocation",
        attack: "register-allocation bomb",
        cases: || vec![bomb(registers(60_000))],
    },
    Row {
        id: "A9-variants",
        attack: "variants of 1,001 cases",
        cases: || vec![bomb(variants(1_001))],
    },
    Row {
        id: "A55-validation",
        attack: "slow to validate",
        cases: || {
            let instances = instances_of_types(15_000, 900);
            vec![of(slow_to_validate()), inspected(), of(instances)]
        },
    },
    Row {
        id: "A56-workers",
        attack: "twelve loads at once",
        cases: || vec![at_once()],
    },
];

/// Workers at the same time.
const WORKERS: u32 = 2;

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let compiler = Compiler::this_program().unwrap();
        let builder = support::harness::builder().concurrency(4).workers(WORKERS);
        builder.compiler(compiler).build().into()
    })
}

fn bomb(bytes: Vec<u8>) -> Case {
    of(Source::bytes("bomb", bytes))
}

fn of(source: Source) -> Case {
    Case::new("compile-limit", move |_| {
        load_kind(runtime().load(&source, &policy(LIMITS)))
    })
}

/// At the other doors, where nothing is compiled.
fn inspected() -> Case {
    let slow = slow_to_validate();
    Case::new("compile-limit", move |time| {
        let found = match time % 2 {
            0 => runtime().inspect(&slow, &policy(LIMITS)).err(),
            _ => runtime().wit(&slow, &policy(LIMITS)).err(),
        };
        match found {
            Some(LoadError::Refused(refusal)) => refusal.kind.label().to_owned(),
            other => format!("{other:?}"),
        }
    })
}

/// Twelve loads, of which each would start a process: there are as many as there are places.
fn at_once() -> Case {
    let slow = slow_to_validate();
    Case::new("compile-limit", move |_| {
        let (this, policy) = (std::process::id(), policy(LIMITS));
        let load = || load_kind(runtime().load(&slow, &policy));
        std::thread::scope(|scope| {
            let loads: Vec<_> = (0..12).map(|_| scope.spawn(load)).collect();
            while loads.iter().any(|load| !load.is_finished()) {
                // One that ends while the list is read is no worker beside the next.
                let (seen, still) = (children(this), children(this));
                let is_worker = |id: &&u32| still.contains(id) && is_worker(**id);
                let workers = seen.iter().filter(is_worker).count();
                if workers > WORKERS as usize {
                    return format!("{workers} workers");
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            let mut kinds = loads.into_iter().map(|load| load.join().unwrap());
            let other = kinds.find(|kind| kind != "compile-limit");
            other.unwrap_or_else(|| "compile-limit".to_owned())
        })
    })
}

/// This program is also its own hostile server, which is no worker.
fn is_worker(id: u32) -> bool {
    let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).contains("--tollgate-compile-worker")
}

fn core(functions: String) -> Vec<u8> {
    let text = format!("(component (core module $m {functions}) (core instance (instantiate $m)))");
    wat::parse_str(text).unwrap()
}

/// Every loop has every parameter, so that the compiler has a value for each pair of them.
fn loops(depth: usize, parameters: usize) -> Vec<u8> {
    let types = "i32 ".repeat(parameters);
    core(format!(
        "(type $t (func (param {types}) (result {types}))) (func {} {} {} {})",
        "i32.const 0 ".repeat(parameters),
        "loop (type $t) ".repeat(depth),
        "end ".repeat(depth),
        "drop ".repeat(parameters),
    ))
}

/// Components within components, outermost first, each with the size of the rest.
fn nested(depth: usize) -> Vec<u8> {
    let head = *b"\0asm\x0d\0\x01\0";
    let mut bytes = head.to_vec();
    for _ in 0..depth {
        let mut outer = head.to_vec();
        outer.push(4);
        let mut size = bytes.len();
        loop {
            let last = size < 0x80;
            outer.push((size & 0x7f) as u8 | if last { 0 } else { 0x80 });
            size >>= 7;
            if last {
                break;
            }
        }
        outer.append(&mut bytes);
        bytes = outer;
    }
    bytes
}

/// One function in which every value is used again far away.
fn registers(values: usize) -> Vec<u8> {
    let mut body = String::new();
    for value in 0..values {
        write!(
            body,
            "(local.set $a (i64.add (i64.mul (local.get $a) (i64.const {value})) (i64.load (i32.wrap_i64 \
             (local.get $a)))))"
        )
        .unwrap();
    }
    core(format!(
        "(memory 1) (func (param $a i64) (result i64) {body} (local.get $a))"
    ))
}

/// Two components that hand each other lists of variants, in many functions: the compiler writes code for
/// every case of each of them.
fn variants(cases: usize) -> Vec<u8> {
    const FUNCTIONS: usize = 400;
    let cases: String = (0..cases)
        .map(|case| format!("(case \"c{case}\" string)"))
        .collect();
    let each = |text: fn(usize) -> String| (0..FUNCTIONS).map(text).collect::<String>();
    let exported = each(|n| format!(r#"(func (export "f{n}") (param i32 i32))"#));
    let lifted = each(|n| {
        format!(
            r#"(func (export "f{n}") (param "a" (list $w)) (canon lift (core func $i "f{n}")
                 (memory (core memory $m "m")) (realloc (core func $m "r"))))"#
        )
    });
    let lowered = each(|n| {
        format!(
            r#"(import "f{n}" (func $f{n} (param "a" (list $w))))
               (core func $g{n} (canon lower (func $f{n})
                 (memory (core memory $m "m")) (realloc (core func $m "r"))))
               (core module $code{n} (import "" "g" (func (param i32 i32))))
               (core instance (instantiate $code{n}
                 (with "" (instance (export "g" (func $g{n}))))))"#
        )
    });
    let handed = each(|n| format!(r#"(with "f{n}" (func $one "f{n}"))"#));
    let text = format!(
        r#"(component
          (core module $memory (memory (export "m") 1)
            (func (export "r") (param i32 i32 i32 i32) (result i32) i32.const 0))
          (component $callee
            (type $v (variant {cases}))
            (export $w "v" (type $v))
            (core instance $m (instantiate $memory))
            (core module $code {exported})
            (core instance $i (instantiate $code))
            {lifted})
          (component $caller
            (type $v (variant {cases}))
            (import "v" (type $w (eq $v)))
            (core instance $m (instantiate $memory))
            {lowered})
          (instance $one (instantiate $callee))
          (instance (instantiate $caller (with "v" (type $one "v")) {handed})))"#
    );
    wat::parse_str(text).unwrap()
}
