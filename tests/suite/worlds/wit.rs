//! Interfaces written as WIT: a component at which the decoder panics is refused before, and one that WIT cannot
//! express is refused, too.

use tollgate::Source;
use tollgate::load::RefusalKind;

fn of(text: &str) -> Result<String, tollgate::load::Refusal> {
    Source::bytes("guest", wat::parse_str(text).unwrap()).wit()
}

#[test]
fn interfaces_are_written() {
    let text = of(r#"(component
        (import "a:b/c" (instance (export "r" (type (sub resource)))))
        (type $t (list u8))
        (import "t" (type $named (eq $t)))
        (import "f" (func (param "x" $named))))"#);
    let text = text.unwrap();
    for part in [
        "import a:b/c;",
        "type t = list<u8>;",
        "import f: func(x: t);",
        "resource r;",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

/// Found by fuzzing: each is a valid component.
#[test]
fn what_wit_has_no_words_for_is_refused() {
    for (text, why) in [
        (
            r#"(component (type $f (func)) (import "f" (type (eq $f))))"#,
            "`f` is the type of a function, an instance or a component",
        ),
        (
            r#"(component (type $i (instance)) (import "i" (type (eq $i))))"#,
            "`i` is the type of",
        ),
        (
            r#"(component (type $c (component)) (export "c" (type $c)))"#,
            "`c` is the type of",
        ),
        (
            r#"(component (import "a:b/c" (instance (type $f (func)) (export "t" (type (eq $f))))))"#,
            "`t` is the type of",
        ),
        (
            r#"(component (import "a:b/c" (func)))"#,
            "`a:b/c` is a function",
        ),
        (
            r#"(component (import "m" (core module)))"#,
            "`m` is a core module",
        ),
        (
            r#"(component (import "c" (component)))"#,
            "`c` is a component",
        ),
        (
            r#"(component (import "a:b/c" (instance (export "i" (instance)))))"#,
            "`i` is an interface in an interface",
        ),
    ] {
        let refusal = of(text).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Malformed, "{text}");
        assert!(refusal.message.contains(why), "{text}: {}", refusal.message);
    }
}
