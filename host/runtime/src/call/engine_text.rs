//! The texts of the errors that the engine raises without a public type, when a guest breaks the component model's
//! rules or lacks an export that its caller needs. A bare error with another text is not the engine's: a host function
//! of the embedding program made it, and it may hold secrets of the program.

/// The errors of reading values out of a guest, of writing them into it and of its handles, whole, with `#` for a
/// number: those of wasmtime 48, in `component/func/{typed,host,options}.rs`, `component/resources`, `vm/component` and
/// in the code that `#[derive(ComponentType)]` generates. A beginning would not do: a program's error may begin with a
/// text that a guest gave it.
const RULES: &[&str] = &[
    "borrow handles still remain at the end of the call",
    "byte length overflow",
    "byte length too large",
    "cannot allocate another handle: index overflow",
    "cannot allocate another handle: store handle limit exceeded",
    "cannot lend resource: store handle limit exceeded",
    "cannot lend resource: too many active lends",
    "cannot lift own resource from a borrow",
    "cannot lower a `borrow` resource into an `own`",
    "cannot remove owned resource while borrowed",
    "discriminant # out of range [0..#)",
    "handle index # used with the wrong type, expected guest-defined resource but found a different guest-defined resource",
    "handle index # used with the wrong type, expected guest-defined resource but found host resource",
    "handle index # used with the wrong type, expected host resource but found guest-defined resource",
    "host resource already consumed",
    "host-owned resource was already de-allocated",
    "index # is not a resource",
    "index # is not an own resource",
    "index is not a resource",
    "invalid expected discriminant",
    "invalid option discriminant",
    "invalid utf16 encoding",
    "invalid utf8 encoding",
    "list pointer is not aligned",
    "list pointer/length out of bounds of memory",
    "mismatched resource types",
    "pointer not aligned",
    "pointer out of bounds",
    "pointer out of bounds of memory",
    "pointer size overflow",
    "realloc return: beyond end of memory",
    "realloc return: result not aligned",
    "resource type mismatch",
    "return pointer not aligned",
    "size overflow copying a list",
    "string length of # too large to copy into wasm",
    "string pointer not aligned to #",
    "string pointer/length out of bounds of memory",
    "unexpected discriminant: #",
    "unknown handle index #",
];

/// The beginning of the error of an instance that would be one too many.
const TOO_MANY: &str = "resource limit exceeded: ";

/// The whole text of the error by which the engine stops reading a value that is larger than its bound.
const TOO_MUCH: &str = "too much data is being copied between the host and the guest: \
                        fuel allocated for hostcalls has been exhausted";

/// The beginnings of the errors of bindings that find other exports than those of their world, by the engine and by the
/// code that `bindgen!` generates.
const EXPORTS: &[&str] = &[
    "export `",
    "failed to convert function to given type",
    "failed to find function export",
    "instance export `",
    "no export `",
    "no exported instance named `",
];

/// Whether the engine says this of a guest that broke the component model's rules.
pub(super) fn is_of_rules(text: &str) -> bool {
    RULES.iter().any(|rule| is_like(text, rule))
}

/// Whether a text is that of a rule, with a number of at most twenty digits for each `#`.
fn is_like(text: &str, rule: &str) -> bool {
    let mut parts = rule.split('#');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    for part in parts {
        let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = rest.len().saturating_sub(behind.len());
        let Some(next) = behind.strip_prefix(part) else {
            return false;
        };
        if digits == 0 || digits > 20 {
            return false;
        }
        rest = next;
    }
    rest.is_empty()
}

/// Whether the engine says this of an instance that it does not make, since there are too many.
pub(super) fn is_too_many(text: &str) -> bool {
    text.starts_with(TOO_MANY)
}

/// Whether the engine says this of more data than it may read.
pub(super) fn is_too_much(text: &str) -> bool {
    text == TOO_MUCH
}

/// Whether bindings say this of a component with other exports.
pub(super) fn is_of_exports(text: &str) -> bool {
    EXPORTS.iter().any(|begin| text.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_a_whole_text() {
        for text in [
            "unknown handle index 7",
            "discriminant 300 out of range [0..3)",
            "pointer out of bounds",
            "index is not a resource",
        ] {
            assert!(is_of_rules(text), "{text}");
        }
        for text in [
            "unknown handle index 7: postgres://report:hunter2@db.example",
            "unknown handle index ",
            "unknown handle index x7",
            "unknown handle index 777777777777777777777",
            "index 7 not found in postgres://report:hunter2@db.example",
            "discriminant 300 out of range [0..3) ",
            "the pointer out of bounds",
            "",
        ] {
            assert!(!is_of_rules(text), "{text}");
        }
    }
}
