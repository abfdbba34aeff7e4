//! Backtraces without the frames that every guest has.

/// Namespaces of Rust's standard library.
const LIBRARY: &[&str] = &["std::", "core::", "alloc::", "panic_abort::"];

/// The beginnings of names of functions that are not the guest's own: the start of a panic, allocators, generated bindings.
const MACHINERY: &[&str] = &[
    "std::panicking::",
    "core::panicking::",
    "core::ops::function::",
    "std::sys::",
    "std::rt::",
    "std::alloc::",
    "alloc::alloc::",
    "alloc::raw_vec::",
    "dlmalloc::",
    "wit_bindgen::",
    "tollgate_guest::",
    "__rust",
    "rust_begin_unwind",
    "rust_panic",
    "cabi_realloc",
];

/// The frames of the guest's own functions, innermost first: without the standard library's at the inner end, which
/// raise a panic, and without allocators and bindings. All of them, if nothing else is there.
pub(crate) fn of_guest(frames: &[String]) -> Vec<&String> {
    let inner = frames
        .iter()
        .skip_while(|frame| is_of(frame, LIBRARY) || is_of(frame, MACHINERY));
    let own: Vec<&String> = inner.filter(|frame| !is_of(frame, MACHINERY)).collect();
    match own.is_empty() {
        true => frames.iter().collect(),
        false => own,
    }
}

/// Whether a function is in one of these namespaces: by its path, or as `<path::Type as Trait>::method`.
fn is_of(frame: &str, namespaces: &[&str]) -> bool {
    let path = frame.trim_start_matches(['<', '&', '_']);
    namespaces
        .iter()
        .any(|space| frame.starts_with(space) || path.starts_with(space))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guests_frames_remain() {
        let frames: Vec<String> = [
            "__rustc::rust_panic",
            "rust_begin_unwind",
            "core::panicking::panic_fmt",
            "core::option::unwrap_failed",
            "ledger::parse",
            "<ledger::Row as core::str::FromStr>::from_str",
            "core::iter::traits::iterator::Iterator::map",
            "<alloc::raw_vec::RawVec<T> as Drop>::drop",
            "<dlmalloc::Dlmalloc as A>::malloc",
            "std::sys::wasip2::start",
            "wit_bindgen::rt::run",
            "run",
            "cabi_realloc",
            "function 7",
        ]
        .map(str::to_owned)
        .into();
        let own: Vec<&str> = of_guest(&frames).into_iter().map(String::as_str).collect();
        assert_eq!(
            own,
            [
                "ledger::parse",
                "<ledger::Row as core::str::FromStr>::from_str",
                "core::iter::traits::iterator::Iterator::map",
                "run",
                "function 7",
            ]
        );
        assert_eq!(of_guest(&frames[..3]).len(), 3, "nothing else is there");
    }
}
