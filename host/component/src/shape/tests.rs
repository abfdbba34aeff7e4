//! For every limit, a component that exceeds it: refused by that limit, and by no other once it is lifted.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod encode;

use super::*;
use encode::*;
use limits::Bound;

#[path = "corpus_tests.rs"]
mod corpus;

#[path = "expansion_tests.rs"]
mod expansion;

#[path = "instance_tests.rs"]
mod instance;

type Bytes = Vec<u8>;

fn refusal(shape: &Shape, bytes: &[u8]) -> Option<Refusal> {
    within(shape, PROPOSALS, bytes, |_| Ok(())).err()
}

/// The type of a core module may declare 100,000 items, and the type of an instance many such types.
#[test]
fn what_module_types_declare_is_counted_as_well() {
    let module = |count: usize, declaration: &[u8]| {
        [
            b"\x50",
            number(count).as_slice(),
            &declaration.repeat(count),
        ]
        .concat()
    };
    let instance = |declarations: &[Bytes]| {
        let inner: Bytes = declarations
            .iter()
            .flat_map(|ty| [b"\0", ty.as_slice()].concat())
            .collect();
        let ty = [b"\x01\x42", number(declarations.len()).as_slice(), &inner].concat();
        component(&[section(7, &ty)])
    };
    let wide = [b"\x01\x60\xe8\x07", vec![0x7f; 1_000].as_slice(), b"\0"].concat();
    let long = [number(4_097), vec![b'x'; 4_097]].concat();
    let export = [b"\x03", long.as_slice(), b"\0\0"].concat();
    let import = [b"\0\x01a", long.as_slice(), b"\0\0"].concat();
    let shape = Shape::of(100);
    for (ty, limit) in [
        (module(1_000, b"\x01\x60\0\0"), &shape.types),
        (module(10, &wide), &shape.signatures),
        (module(1, &export), &shape.name),
        (module(1, &import), &shape.name),
    ] {
        let text = format!("{}; {} is the most", limit.limit.what, limit.most);
        let many = vec![ty.clone(); 21];
        for bytes in [component(&[items(3, 21, &ty)]), instance(&many)] {
            let refusal = refusal(&Shape::of(100), &bytes).map(|refusal| refusal.to_string());
            assert!(
                refusal.as_ref().is_some_and(|told| told.contains(&text)),
                "{text}: {refusal:?}"
            );
        }
    }
}

#[test]
fn each_limit_is_the_one_that_refuses() {
    const LOOP: &[u8] = b"\x03\x40";
    const BLOCK: &[u8] = b"\x02\x40";
    let table = |targets| {
        [
            b"\x41\0\x0e",
            number(targets).as_slice(),
            &vec![0; targets + 1],
        ]
        .concat()
    };
    let small = core(&[]);
    let deep = |before: &[u8], depth| function(0, &nested(before, depth));
    let named = [number(4_097), vec![b'x'; 4_097]].concat();
    type Pick = fn(&mut Shape) -> &mut Bound;
    let cases: Vec<(Pick, Bytes)> = vec![
        (
            |s| &mut s.nesting,
            (0..32).fold(component(&[]), |c, _| component(&[section(4, &c)])),
        ),
        (
            |s| &mut s.modules_and_components,
            component(&[
                section(4, &component(&vec![section(1, &module(&[])); 600])),
                vec![section(1, &module(&[])); 500].concat(),
            ]),
        ),
        (
            |s| &mut s.instances,
            chain(
                component(&[section(1, &module(&[])), items(2, 10, b"\0\0\0")]),
                3,
                10,
            ),
        ),
        (
            |s| &mut s.items,
            chain(
                component(&[section(7, b"\x01\x7f"), items(6, 1_501, b"\x03\x02\0\0")]),
                2,
                10,
            ),
        ),
        (|s| &mut s.items, canonical(150_001)),
        (
            |s| &mut s.items,
            component(&[section(2, &bundle(b"\x01a\0\0"))]),
        ),
        (
            |s| &mut s.items,
            component(&[section(5, &bundle(b"\0\x01a\x01\0"))]),
        ),
        (|s| &mut s.adapters, chain(canonical(401), 1, 10)),
        (
            |s| &mut s.adapter_cases,
            chain(
                component(&[
                    items(7, 20, &tuple(900)),
                    section(7, b"\x01\x3f\x7f\0"),
                    items(8, 112, b"\x03\x14"),
                ]),
                1,
                1,
            ),
        ),
        (|s| &mut s.functions, functions(70_001, 0, 0, b"")),
        (|s| &mut s.core_types, core(&[items(1, 10_001, NULLARY)])),
        (
            |s| &mut s.signatures,
            core(&[items(
                1,
                101,
                &[b"\x60\xe8\x07", vec![0x7f; 1_000].as_slice(), b"\0"].concat(),
            )]),
        ),
        (
            |s| &mut s.core_imports,
            core(&[section(1, b"\x01\x60\0\0"), items(2, 100_001, b"\0\0\0\0")]),
        ),
        (|s| &mut s.core_exports, core(&[items(7, 100_001, EXPORT)])),
        (
            |s| &mut s.globals,
            core(&[items(6, 10_001, b"\x7f\0\x41\0\x0b")]),
        ),
        (|s| &mut s.segments, core(&[items(11, 250_001, b"\x01\0")])),
        (|s| &mut s.segments, core(&[items(9, 250_001, b"\x01\0\0")])),
        (
            |s| &mut s.elements,
            core(&[items(
                9,
                101,
                &[b"\x01\0", items(0, 1_000, b"\0").get(3..).unwrap()].concat(),
            )]),
        ),
        (
            |s| &mut s.imports,
            component(&[
                section(7, b"\x01\x42\0"),
                items(10, 10_001, b"\0\x01a\x05\0"),
            ]),
        ),
        (
            |s| &mut s.exports,
            component(&[items(11, 10_001, b"\0\x01a\x01\0\0")]),
        ),
        (
            |s| &mut s.remapped,
            component(&[
                items(7, 1_000, b"\x7f"),
                section(4, &component(&[])),
                items(5, 501, b"\0\0\0"),
            ]),
        ),
        (|s| &mut s.types, types(20_001, b"\x7f")),
        (|s| &mut s.types, component(&[items(3, 20_001, NULLARY)])),
        (
            |s| &mut s.type_nesting,
            component(&[section(
                7,
                &[b"\x01".as_slice(), &b"\x42\x01\x01".repeat(33), b"\x42\0"].concat(),
            )]),
        ),
        (|s| &mut s.cases, types(1, &tuple(6_001))),
        (
            |s| &mut s.cases,
            types(1, &labels(b"\x72", 6_001, b"\x01a\x7f", b"")),
        ),
        (
            |s| &mut s.cases,
            types(1, &labels(b"\x71", 6_001, b"\x01a\0\0", b"")),
        ),
        (
            |s| &mut s.cases,
            types(1, &labels(b"\x6d", 6_001, b"\x01a", b"")),
        ),
        // The reader accepts no more of these in one type.
        (
            |s| &mut s.all_cases,
            types(51, &labels(b"\x40", 1_000, b"\x01a\x7f", b"\x01\0")),
        ),
        (
            |s| &mut s.all_cases,
            types(51, &labels(b"\x6e", 1_000, b"\x01a", b"")),
        ),
        (|s| &mut s.all_cases, types(51, &tuple(1_000))),
        (
            |s| &mut s.name,
            component(&[
                section(7, b"\x01\x42\0"),
                section(10, &[b"\x01\0", named.as_slice(), b"\x05\0"].concat()),
            ]),
        ),
        (|s| &mut s.body, function(0, &b"\x01".repeat(4 << 20))),
        (|s| &mut s.locals, function(10_001, b"")),
        (|s| &mut s.all_locals, functions(251, 2_000, 0, b"")),
        (|s| &mut s.depth, deep(BLOCK, 4_000)),
        (
            |s| &mut s.all_depths,
            functions(101, 0, 0, &nested(BLOCK, 3_999)),
        ),
        (|s| &mut s.loop_depth, deep(LOOP, 65)),
        (
            |s| &mut s.loop_depth_by_locals,
            function(9_400, &nested(LOOP, 3)),
        ),
        (
            |s| &mut s.loops_by_locals,
            function(2_000, &b"\x03\x40\x0b".repeat(401)),
        ),
        (
            |s| &mut s.all_loops_by_locals,
            functions(10, 2_000, 0, &b"\x03\x40\x0b".repeat(201)),
        ),
        (
            |s| &mut s.edges_by_locals,
            function(2_000, &b"\x02\x40\x0c\0\x0b".repeat(6_001)),
        ),
        // A table without targets is also a branch.
        (
            |s| &mut s.edges_by_locals,
            function(2_000, &b"\x02\x40\x41\0\x0e\0\0\x0b".repeat(6_001)),
        ),
        (
            |s| &mut s.all_edges_by_locals,
            functions(16, 2_000, 0, &b"\x02\x40\x0c\0\x0b".repeat(1_501)),
        ),
        (
            |s| &mut s.stack,
            function(
                0,
                &[b"\x41\0".repeat(1_001), b"\x1a".repeat(1_001)].concat(),
            ),
        ),
        (
            |s| &mut s.body_by_live,
            function(1_999, &b"\x01".repeat(201_000)),
        ),
        (
            |s| &mut s.all_body_by_live,
            functions(16, 2_000, 0, &b"\x01".repeat(51_000)),
        ),
        (
            |s| &mut s.values,
            functions(
                1,
                0,
                500,
                &[
                    b"\x41\0".repeat(500),
                    b"\x02\x01\x0b".repeat(81),
                    b"\x1a".repeat(500),
                ]
                .concat(),
            ),
        ),
        (
            |s| &mut s.all_values,
            functions(
                100,
                0,
                500,
                &[
                    b"\x41\0".repeat(500),
                    b"\x02\x01\x0b".repeat(21),
                    b"\x1a".repeat(500),
                ]
                .concat(),
            ),
        ),
        (|s| &mut s.targets, function(0, &table(65_537))),
        (|s| &mut s.all_targets, functions(5, 0, 0, &table(50_001))),
    ];
    let mut wrong = Vec::new();
    for (pick, bytes) in cases {
        let mut lifted = Shape::of(100);
        let bound = pick(&mut lifted);
        let text = format!("{}; {} is the most", bound.limit.what, bound.most);
        bound.most = u64::MAX;
        match refusal(&Shape::of(100), &bytes) {
            Some(refusal)
                if refusal.kind == RefusalKind::CompileLimit && refusal.message.contains(&text) => {
            }
            other => wrong.push(format!("{text}: {other:?}")),
        }
        if let Some(other) = refusal(&lifted, &bytes)
            && other.kind == RefusalKind::CompileLimit
        {
            wrong.push(format!("{text}, lifted: {other}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(refusal(&Shape::of(100), &small).is_none());
}

/// The margin is for real components that are larger than those measured.
#[test]
fn each_limit_is_four_times_the_largest_real_component() {
    for limit in SHAPE_LIMITS {
        assert!(limit.most >= 4 * limit.largest, "{limit:?}");
    }
}

#[test]
fn a_name_is_bounded_wherever_it_is() {
    let named = [number(4_097), vec![b'x'; 4_097]].concat();
    let part = |id, before: &[u8], behind: &[u8]| {
        section(id, &[b"\x01", before, named.as_slice(), behind].concat())
    };
    for bytes in [
        core(&[part(2, b"", b"\0\0\0")]),
        core(&[part(2, b"\0", b"\0\0")]),
        core(&[part(7, b"", b"\0\0")]),
        component(&[part(10, b"\0", b"\x05\0")]),
        component(&[part(11, b"\0", b"\x01\0\0")]),
    ] {
        let refused = refusal(&Shape::of(100), &bytes).unwrap();
        assert_eq!(refused.kind, RefusalKind::CompileLimit, "{refused}");
        assert!(refused.message.starts_with("the name `xxx"), "{refused}");
    }
}

#[test]
fn a_refusal_says_what_and_where() {
    let bytes = function(0, &nested(b"\x02\x40", 20_000));
    assert_eq!(
        refusal(&Shape::of(100), &bytes).unwrap().message,
        "function 0 of core module 0 nests blocks 4001 deep; 4000 is the most that is compiled; raise \
         `limits.complexity` in the policy"
    );
    // The function is in the second module: the modules follow the head of the component.
    let second = [
        component(&[section(1, &module(&[]))]),
        bytes.get(8..).unwrap().to_vec(),
    ]
    .concat();
    let refused = refusal(&Shape::of(100), &second).unwrap();
    assert!(
        refused
            .message
            .starts_with("function 0 of core module 1 nests")
    );
}

/// A policy allows more of each, or less. The needed complexity is the least limit that allows the component.
#[test]
fn complexity_is_a_percentage_of_each_limit() {
    let needs =
        |complexity, bytes: &[u8]| scan(bytes, complexity, |_| Ok(())).map(|it| it.complexity);
    let deep = function(0, &nested(b"\x02\x40", 6_000));
    assert_eq!(needs(200, &deep).unwrap(), 151);
    assert_eq!(needs(151, &deep).unwrap(), 151);
    let refused = needs(150, &deep).unwrap_err();
    assert_eq!(refused.kind, RefusalKind::CompileLimit);
    assert_eq!(
        refused.remedy,
        Some(crate::Remedy::RaiseLimit("complexity"))
    );
    assert!(refused.message.contains("6000 is the most"), "{refused}");
    // One level of nesting of 32, and the smallest function.
    assert_eq!(needs(100, &core(&[])).unwrap(), 7);
    assert!(needs(6, &core(&[])).is_err());
}
