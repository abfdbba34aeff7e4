//! Tests of expansion: each instantiation counts its component once more.

use super::*;

/// An instantiated component is written in the one that instantiates it, or in one around that: none is passed in.
#[test]
fn components_that_are_passed_are_not_instantiated() {
    let ty = section(7, b"\x01\x41\0");
    let import = section(10, b"\x01\0\x01a\x04\0");
    let refused = refusal(
        &Shape::of(100),
        &component(&[ty, import, section(5, b"\x01\0\0\0")]),
    )
    .unwrap();
    assert_eq!(refused.kind, RefusalKind::CompileLimit, "{refused}");
    let outer = component(&[section(6, b"\x01\x04\x02\x01\0"), section(5, b"\x01\0\0\0")]);
    let whole = component(&[section(4, &component(&[])), section(4, &outer)]);
    assert!(refusal(&Shape::of(100), &whole).is_none());
    // A component named by an alias counts as much as one that is written.
    let many = component(&[section(1, &module(&[])), items(2, 900, b"\0\0\0")]);
    let outer = component(&[section(6, b"\x01\x04\x02\x01\0"), items(5, 12, b"\0\0\0")]);
    let whole = component(&[
        section(4, &many),
        section(4, &outer),
        section(5, b"\x01\0\x01\0"),
    ]);
    let refused = refusal(&Shape::of(100), &whole).unwrap();
    assert!(refused.message.contains("instances"), "{refused}");
}

/// A component of an imported instance may be any component, so it is not instantiated.
#[test]
fn components_of_instances_are_not_instantiated() {
    let ty = section(7, b"\x01\x42\x02\x01\x41\0\x04\0\x01c\x04\0");
    let import = section(10, b"\x01\0\x01a\x05\0");
    let alias = section(6, b"\x01\x04\0\0\x01c");
    let small = section(4, &component(&[]));
    let first = section(5, b"\x01\0\0\0");
    let whole = component(&[
        ty.clone(),
        import.clone(),
        alias.clone(),
        small.clone(),
        first,
    ]);
    let refused = refusal(&Shape::of(100), &whole).unwrap();
    assert_eq!(refused.kind, RefusalKind::CompileLimit, "{refused}");
    let second = section(5, b"\x01\0\x01\0");
    let refused = refusal(
        &Shape::of(100),
        &component(&[ty, import, alias, small, second]),
    );
    assert!(refused.is_none(), "{refused:?}");
}

/// Every item that brings a component takes an index, and the component at the instantiated index is counted.
#[test]
fn components_are_counted_by_their_index() {
    let ty = section(7, b"\x01\x41\0");
    let import = section(10, b"\x01\0\x01a\x04\0");
    let export = section(11, b"\x01\0\x01b\x04\0\0");
    let small = || section(4, &component(&[]));
    for (times, many) in [(1, false), (12, true)] {
        let large = component(&[section(1, &module(&[])), items(2, 900, b"\0\0\0")]);
        let instances = |index| items(5, times, &[b"\0", number(index).as_slice(), b"\0"].concat());
        for bytes in [
            component(&[ty.clone(), import.clone(), section(4, &large), instances(1)]),
            component(&[small(), export.clone(), section(4, &large), instances(2)]),
            component(&[section(4, &large), export.clone(), instances(1)]),
        ] {
            let refused = refusal(&Shape::of(100), &bytes);
            assert_eq!(refused.is_some(), many, "{refused:?}");
            assert!(refused.is_none_or(|refused| refused.message.contains("instances")));
        }
    }
}

/// An instance of a component has the types of the instances in it: the counts are multiplied, wherever the types are
/// written.
#[test]
fn types_are_counted_for_each_instance_they_are_in() {
    let many = items(7, 100, b"\x7f");
    let innermost = component(&[
        many.clone(),
        section(4, &component(&[])),
        items(5, 1, b"\0\0\0"),
    ]);
    for (bytes, is_many) in [
        (chain(innermost.clone(), 2, 72), true),
        (chain(innermost, 2, 10), false),
        // Around the components, beside an import of an instance.
        (
            component(&[
                items(7, 19_000, b"\x7f"),
                section(7, b"\x01\x42\0"),
                section(
                    10,
                    &[
                        number(27),
                        (0..27).flat_map(|n| [0, 1, b'a' + n % 26, 5, 0]).collect(),
                    ]
                    .concat(),
                ),
            ]),
            true,
        ),
    ] {
        let refused = refusal(&Shape::of(100), &bytes);
        let counted = refused
            .as_ref()
            .is_some_and(|it| it.message.contains("once for each instance"));
        assert_eq!(counted, is_many, "{refused:?}");
    }
}
