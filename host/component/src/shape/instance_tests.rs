//! Tests of the data of instances: each instantiation counts the data of its module once more, wherever it comes from.

use super::*;

fn data(bytes: &[u8]) -> u64 {
    match within(&Shape::of(100), PROPOSALS, bytes, |_| Ok(())) {
        Ok(scanned) => scanned.instance_data,
        Err(refusal) => panic!("{refusal}"),
    }
}

/// A module with `count` globals, each of which takes 16 bytes.
fn globals(count: usize) -> Bytes {
    section(1, &module(&[items(6, count, b"\x7f\0\x41\0\x0b")]))
}

/// `count` instances of the module at `index`.
fn instances(count: usize, index: usize) -> Bytes {
    items(2, count, &[b"\0", number(index).as_slice(), b"\0"].concat())
}

const EMPTY: u64 = 1_024;

#[test]
fn each_part_of_a_module_counts() {
    let one = |sections: &[Bytes]| {
        let module = section(1, &module(sections));
        data(&component(&[module, instances(1, 0)])) - EMPTY
    };
    assert_eq!(one(&[]), 0);
    let memory = || items(5, 1, b"\0\x01");
    let table = || items(4, 1, b"\x70\0\x01");
    assert_eq!(one(&[memory()]), 256);
    assert_eq!(one(&[table()]), 256);
    assert_eq!(one(&[items(6, 3, b"\x7f\0\x41\0\x0b")]), 3 * 16);
    // Memories of 0 pages from outside. They do not exist, since only the module is read.
    let exports = items(7, 1, b"\x01m\x02\0");
    assert_eq!(one(&[memory(), exports]), 256 + 32);
    // Two active segments of three null references each.
    let segment = b"\x04\x41\0\x0b\x03\xd0\x70\x0b\xd0\x70\x0b\xd0\x70\x0b";
    let segments = items(9, 2, segment);
    assert_eq!(one(&[table(), segments]), 256 + 2 * (48 + 3 * 48));
    let bytes = items(11, 2, b"\0\x41\0\x0b\0");
    assert_eq!(one(&[memory(), bytes]), 256 + 2 * 48);
}

#[test]
fn a_module_that_nobody_instantiates_takes_nothing() {
    assert_eq!(data(&component(&[globals(100)])), 0);
    let two = component(&[globals(100), globals(10), instances(2, 1)]);
    assert_eq!(data(&two), 2 * (EMPTY + 160));
}

#[test]
fn a_component_counts_as_often_as_it_is_instantiated() {
    let inner = component(&[globals(10), instances(3, 0)]);
    let outer = component(&[section(4, &inner), items(5, 4, b"\0\0\0")]);
    assert_eq!(data(&outer), 4 * 3 * (EMPTY + 160));
}

/// A module named by an alias counts as much as one that is written, and takes an index.
#[test]
fn modules_of_the_component_around_count() {
    let alias = section(6, b"\x01\0\x11\x02\x01\0");
    let inner = component(&[alias, globals(20), instances(1, 0), instances(1, 1)]);
    let whole = component(&[globals(10), section(4, &inner), items(5, 2, b"\0\0\0")]);
    // Two components with an alias, of 64 bytes, each.
    let each = (EMPTY + 160) + (EMPTY + 320) + 64;
    assert_eq!(data(&whole), 2 * each);
}

/// A module that is passed in may be any, one further down in the file as well.
#[test]
fn modules_from_outside_count_as_the_largest() {
    let ty = section(3, b"\x01\x50\0");
    let import = section(10, b"\x01\0\x01m\0\x11\0");
    let inner = component(&[ty, import, instances(2, 0)]);
    let instance = section(5, b"\x01\0\0\x01\x01m\0\x11\0");
    let whole = component(&[section(4, &inner), globals(10), instance]);
    // And the argument, of 64 bytes.
    assert_eq!(data(&whole), 2 * (EMPTY + 160) + 64);
}
