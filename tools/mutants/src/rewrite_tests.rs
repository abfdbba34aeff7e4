//! Tests of the rewritten text, form by form.

use crate::{
    list::{Genre, Position, Span},
    places::{NoSwitch, Place, Places},
    rewrite::{Blame, Rewritten, Switch, rewrite},
};

/// The text that a mutant changes, and its replacement.
type Change<'a> = (Genre, &'a str, &'a str);

/// `source` with these changes behind switches 1, 2, …; each applies to the first such text.
fn written(source: &str, changes: &[Change<'_>]) -> Rewritten {
    let places = Places::of(source).unwrap();
    let found: Vec<Place> = changes
        .iter()
        .map(|change| find(&places, source, change).unwrap())
        .collect();
    let switches: Vec<Switch<'_>> = (1..)
        .zip(&found)
        .zip(changes)
        .map(|((id, place), (_, _, replacement))| Switch {
            id,
            place,
            replacement,
        })
        .collect();
    rewrite(source, &switches)
}

fn find(
    places: &Places,
    source: &str,
    (genre, text, replacement): &Change<'_>,
) -> Result<Place, NoSwitch> {
    let start = source.find(text).unwrap();
    let mutant = crate::list::Mutant {
        name: String::new(),
        file: String::new(),
        span: Span {
            start: position(source, start),
            end: position(source, start + text.len()),
        },
        replacement: (*replacement).to_owned(),
        genre: *genre,
    };
    places.find(&mutant).cloned()
}

fn position(source: &str, byte: usize) -> Position {
    let before = &source[..byte];
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// The text, with switches shown as `#1`.
fn text(source: &str, changes: &[Change<'_>]) -> String {
    written(source, changes)
        .text
        .replace("crate::tollgate_switch::on", "on")
}

fn why_not(source: &str, change: Change<'_>) -> NoSwitch {
    find(&Places::of(source).unwrap(), source, &change).unwrap_err()
}

#[test]
fn an_operator() {
    assert_eq!(
        text(
            "fn f() -> u8 { a() + 1 }",
            &[
                (Genre::BinaryOperator, "+", "-"),
                (Genre::BinaryOperator, "+", "*")
            ]
        ),
        "fn f() -> u8 { (if on(1) { (a()) - (1) } else if on(2) { (a()) * (1) } else { (a() + 1) }) }"
    );
}

#[test]
fn operators_nest_and_mutants_hold_no_switches() {
    assert_eq!(
        text(
            "fn f() { g(a < b && c) }",
            &[
                (Genre::BinaryOperator, "&&", "||"),
                (Genre::BinaryOperator, "<", "<=")
            ]
        ),
        "fn f() { g((if on(1) { (a < b) || (c) } else { ((if on(2) { (a) <= (b) } else { (a < b) }) && c) })) }"
    );
}

#[test]
fn a_changed_operator_keeps_its_operands() {
    // As text, `a - b * c` would take the `*` first.
    assert_eq!(
        text(
            "fn f() { a + (b - c) / d; }",
            &[(Genre::BinaryOperator, "/", "*")]
        ),
        "fn f() { a + (if on(1) { ((b - c)) * (d) } else { ((b - c) / d) }); }"
    );
    assert_eq!(
        text(
            "fn f() { a - b + c; }",
            &[(Genre::BinaryOperator, "+", "*")]
        ),
        "fn f() { (if on(1) { (a - b) * (c) } else { (a - b + c) }); }"
    );
}

#[test]
fn an_assignment() {
    assert_eq!(
        text(
            "fn f() { x.y += 1; }",
            &[(Genre::BinaryOperator, "+=", "-=")]
        ),
        "fn f() { (if on(1) { (x.y) -= (1) } else { (x.y += 1) }); }"
    );
}

#[test]
fn an_operator_that_is_deleted() {
    assert_eq!(
        text(
            "fn f() { if !x.is() {} }",
            &[(Genre::UnaryOperator, "!", "")]
        ),
        "fn f() { if (if on(1) { (x.is()) } else { (!x.is()) }) {} }"
    );
}

#[test]
fn the_result_of_a_function() {
    assert_eq!(
        text(
            "fn f() -> bool { let x = 1; x == y }",
            &[
                (Genre::FnValue, "let x = 1; x == y", "true"),
                (Genre::FnValue, "let x = 1; x == y", "false"),
                (Genre::BinaryOperator, "==", "!="),
            ]
        ),
        "fn f() -> bool { if on(1) { return true; } if on(2) { return false; } let x = 1; \
         (if on(3) { (x) != (y) } else { (x == y) }) }"
    );
    // The first expression starts at the same place as the function's body.
    assert_eq!(
        text(
            "fn f() -> bool { !x }",
            &[
                (Genre::UnaryOperator, "!", ""),
                (Genre::FnValue, "!x", "true")
            ]
        ),
        "fn f() -> bool { if on(2) { return true; } (if on(1) { (x) } else { (!x) }) }"
    );
}

#[test]
fn an_arm_that_is_deleted() {
    assert_eq!(
        text(
            "fn f() { match x { A | B => 1, _ => 2 } }",
            &[(Genre::MatchArm, "A | B => 1,", "")]
        ),
        "fn f() { match x { A | B if !on(1) => 1, _ => 2 } }"
    );
}

#[test]
fn the_guard_of_an_arm() {
    assert_eq!(
        text(
            "fn f() { match x { A if !y => 1, _ => 2 } }",
            &[
                (Genre::MatchArmGuard, "!y", "true"),
                (Genre::MatchArmGuard, "!y", "false"),
                (Genre::UnaryOperator, "!", ""),
            ]
        ),
        "fn f() { match x { A if (if on(1) { (true) } else if on(2) { (false) } else \
         { ((if on(3) { (y) } else { (!y) })) }) => 1, _ => 2 } }"
    );
}

#[test]
fn a_field_that_is_deleted() {
    assert_eq!(
        text(
            "fn f() { S { a: 1, b: 2, ..s } }",
            &[(Genre::StructField, "a: 1,", "")]
        ),
        "fn f() { (if on(1) { (S {  b: 2, ..s }) } else { (S { a: 1, b: 2, ..s }) }) }"
    );
}

#[test]
fn what_runs_in_the_compiler_has_no_switch() {
    let operator = (Genre::BinaryOperator, "*", "+");
    assert_eq!(
        why_not("const A: u8 = 2 * 3;", operator),
        NoSwitch::Constant
    );
    assert_eq!(
        why_not("static A: u8 = 2 * 3;", operator),
        NoSwitch::Constant
    );
    assert_eq!(
        why_not("const fn f() -> u8 { 2 * 3 }", operator),
        NoSwitch::Constant
    );
    assert_eq!(
        why_not("const fn f() -> u8 { 23 }", (Genre::FnValue, "23", "0")),
        NoSwitch::Constant
    );
    assert_eq!(
        why_not("fn f() { let a = [0; 2 * 3]; }", operator),
        NoSwitch::Constant
    );
    assert_eq!(
        why_not("fn f() { let a: [u8; 2 * 3] = x; }", operator),
        NoSwitch::Constant
    );
    assert_eq!(
        why_not("enum E { A = 2 * 3 }", operator),
        NoSwitch::Constant
    );
    // A closure in a static runs when it is called.
    assert_eq!(
        text("static A: L<u8> = L::new(|| 2 * 3);", &[operator]),
        "static A: L<u8> = L::new(|| (if on(1) { (2) + (3) } else { (2 * 3) }));"
    );
}

#[test]
fn no_switch_is_put_around_a_let() {
    let source = "fn f() { if a && let Some(b) = c && d == e {} }";
    assert_eq!(
        why_not(source, (Genre::BinaryOperator, "&&", "||")),
        NoSwitch::Unviable
    );
    assert_eq!(
        text(source, &[(Genre::BinaryOperator, "==", "!=")]),
        "fn f() { if a && let Some(b) = c && (if on(1) { (d) != (e) } else { (d == e) }) {} }"
    );
}

#[test]
fn a_function_that_returns_some_iterator_has_no_switch() {
    let source = "fn f() -> impl Iterator<Item = u8> { g() }";
    let value = (Genre::FnValue, "g()", "::std::iter::empty()");
    assert_eq!(why_not(source, value), NoSwitch::ImplTrait);
}

#[test]
fn complaints_are_of_the_innermost() {
    let written = written(
        "fn f() { g(a < b && c) }",
        &[
            (Genre::BinaryOperator, "&&", "||"),
            (Genre::BinaryOperator, "<", "<="),
        ],
    );
    let at = |text: &str| {
        let start = written.text.find(text).unwrap();
        written.blame(&(start..start + text.len()))
    };
    assert_eq!(at("(a < b) || (c)"), Some(Blame::Mutant(1)));
    assert_eq!(at("(a) <= (b)"), Some(Blame::Mutant(2)));
    assert_eq!(at("else { (a < b) }"), Some(Blame::Switch(vec![2])));
    assert_eq!(at("&& c"), Some(Blame::Switch(vec![1])));
    assert_eq!(at("fn f"), None);
}
