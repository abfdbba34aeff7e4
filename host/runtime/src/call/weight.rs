//! The memory that the host needs for values of a type, beside the bytes that the engine counts when it reads them.

use tollgate_component::value::Type;

/// The most bytes that the host holds for a byte that the engine counts when it reads a value of type `ty`.
///
/// The engine (wasmtime 48, `component/values.rs`) counts the bytes of strings and names, and the size of its own value,
/// 40 bytes, for an element of a list, a field and a payload. It holds more: vectors that grow by doubling, our value
/// beside its own, and for each name a string (24 bytes) with an allocation of its own (32 bytes at least).
pub(super) fn weight(ty: &Type) -> u64 {
    match ty {
        Type::List(of) | Type::Option(of) => weight(of).max(2),
        Type::Tuple(types) => types.iter().map(weight).max().unwrap_or(1).max(2),
        Type::Result(ok, err) => {
            let cases = [ok, err].into_iter().flatten();
            cases.map(|of| weight(of)).max().unwrap_or(1)
        }
        Type::Record(fields) => {
            let fields = fields.iter().map(|field| weight(&field.ty));
            fields.max().unwrap_or(1).max(5)
        }
        Type::Variant(cases) => {
            let cases = cases.iter().filter_map(|case| case.ty.as_ref());
            cases.map(weight).max().unwrap_or(1).max(5)
        }
        Type::Enum(_) => 5,
        // A name of one byte counts as one byte, and the element of a list that contains it counts once.
        Type::Flags(names) => {
            let shortest = names.iter().map(String::len).min().unwrap_or(1);
            81 / (shortest.max(1) as u64) + 1
        }
        _ => 1,
    }
}
