//! Components by the byte: sections, items and types, of which there may be as many as a test wants.

use super::Bytes;

pub(super) fn number(mut n: usize) -> Bytes {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push((n & 0x7f) as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

pub(super) fn sized(bytes: &[u8]) -> Bytes {
    [&number(bytes.len()), bytes].concat()
}

pub(super) fn section(id: u8, content: &[u8]) -> Bytes {
    [&[id], sized(content).as_slice()].concat()
}

/// A section of `count` equal items.
pub(super) fn items(id: u8, count: usize, item: &[u8]) -> Bytes {
    section(id, &[number(count), item.repeat(count)].concat())
}

pub(super) fn module(sections: &[Bytes]) -> Bytes {
    [b"\0asm\x01\0\0\0", sections.concat().as_slice()].concat()
}

pub(super) fn component(sections: &[Bytes]) -> Bytes {
    [b"\0asm\x0d\0\x01\0", sections.concat().as_slice()].concat()
}

/// A component with one core module.
pub(super) fn core(sections: &[Bytes]) -> Bytes {
    component(&[section(1, &module(sections))])
}

pub(super) const NULLARY: &[u8] = b"\x60\0\0";
pub(super) const EXPORT: &[u8] = b"\0\x01f\0\0";

/// `count` functions with the same body and `locals` locals, in a module whose type 1 takes and gives `width` numbers.
pub(super) fn functions(count: usize, locals: usize, width: usize, code: &[u8]) -> Bytes {
    let numbers = [number(width), vec![0x7f; width]].concat();
    let wide = [b"\x60", numbers.as_slice(), numbers.as_slice()].concat();
    let types = [b"\x02", NULLARY, &wide].concat();
    let body = [b"\x01", number(locals).as_slice(), b"\x7f", code, b"\x0b"].concat();
    core(&[
        section(1, &types),
        items(3, count, b"\0"),
        items(10, count, &sized(&body)),
    ])
}

pub(super) fn function(locals: usize, code: &[u8]) -> Bytes {
    functions(1, locals, 0, code)
}

pub(super) fn nested(before: &[u8], depth: usize) -> Bytes {
    [before.repeat(depth), b"\x0b".repeat(depth)].concat()
}

/// A component that is instantiated `times` by one around it, repeated `length` times.
pub(super) fn chain(innermost: Bytes, length: usize, times: usize) -> Bytes {
    (0..length).fold(innermost, |inside, _| {
        component(&[section(4, &inside), items(5, times, b"\0\0\0")])
    })
}

/// A component with `count` canonical functions: drops of one resource.
pub(super) fn canonical(count: usize) -> Bytes {
    component(&[section(7, b"\x01\x3f\x7f\0"), items(8, count, b"\x03\0")])
}

/// Two instances of exports, each with as many as the reader accepts in one.
pub(super) fn bundle(export: &[u8]) -> Bytes {
    let one = [b"\x01", number(100_000).as_slice(), &export.repeat(100_000)].concat();
    [b"\x02", one.repeat(2).as_slice()].concat()
}

pub(super) fn tuple(count: usize) -> Bytes {
    [b"\x6f", number(count).as_slice(), &vec![0x7d; count]].concat()
}

/// A function, record, variant, flags or enum with `count` parts.
pub(super) fn labels(kind: &[u8], count: usize, part: &[u8], end: &[u8]) -> Bytes {
    [kind, number(count).as_slice(), &part.repeat(count), end].concat()
}

pub(super) fn types(count: usize, ty: &[u8]) -> Bytes {
    component(&[items(7, count, ty)])
}
