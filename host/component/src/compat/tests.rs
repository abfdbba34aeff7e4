use wit_parser::{Resolve, WorldId};

use super::*;

struct Read(Resolve, WorldId);

impl Read {
    /// The only world of the last of some packages.
    fn of(packages: &[&str]) -> Read {
        let mut resolve = Resolve::default();
        let mut last = None;
        for text in packages {
            last = Some(resolve.push_source("test.wit", text).unwrap());
        }
        let world = resolve.select_world(&[last.unwrap()], None).unwrap();
        Read(resolve, world)
    }

    fn side(&self, is_component: bool) -> Side<'_> {
        Side {
            resolve: &self.0,
            world: self.1,
            is_component,
        }
    }
}

/// An interface of two versions of a world, imported and exported.
fn world(version: &str, interface: &str) -> Read {
    Read::of(&[&format!(
        "package acme:report@{version};
         interface rates {{ {interface} }}
         world plugin {{ import rates; export rates; export run: func(); }}"
    )])
}

/// Each difference of an import, with the letters of those it breaks: components, hosts, names.
fn told(found: &Compat, direction: Direction) -> Vec<String> {
    let of = found.differences.iter();
    let of = of.filter(|difference| difference.direction == direction);
    of.map(|difference| {
        let Breaks {
            old_components,
            old_hosts,
            names,
        } = difference.breaks;
        let letters = [(old_components, 'c'), (old_hosts, 'h'), (names, 'n')];
        let letters = letters.iter().filter(|(breaks, _)| *breaks);
        let letters: String = letters.map(|(_, letter)| *letter).collect();
        format!("{letters} {} {}", difference.level, difference.change)
    })
    .collect()
}

const OLD: &str = "
    enum currency { eur, usd }
    flags options { round, sign }
    record row { name: string, amount: u64 }
    variant answer { none, some(row) }
    type money = u64;
    resource book { constructor(name: string); page: func(number: u32) -> option<string>; }
    rate: func(of: currency, how: options) -> f64;
    rows: func(of: list<row>) -> result<answer, string>;
    pay: func(amount: money);
    lend: func(it: borrow<book>) -> book;
";

#[test]
fn every_kind_of_change_is_told_with_the_programs_that_it_breaks() {
    for (from, to, imported, exported) in [
        (
            "enum currency { eur, usd }",
            "enum currency { eur, usd, chf }",
            "ch major enum `currency`: case `chf` is added",
            "ch major enum `currency`: case `chf` is added",
        ),
        (
            "enum currency { eur, usd }",
            "enum currency { usd, eur }",
            "ch major enum `currency`: the order of its cases is another",
            "ch major enum `currency`: the order of its cases is another",
        ),
        (
            "flags options { round, sign }",
            "flags options { round }",
            "ch major flags `options`: flag `sign` is removed",
            "ch major flags `options`: flag `sign` is removed",
        ),
        (
            "amount: u64 }",
            "amount: s64 }",
            "ch major record `row`: field `amount` has `s64`, and had `u64`",
            "ch major record `row`: field `amount` has `s64`, and had `u64`",
        ),
        (
            "variant answer { none,",
            "variant answer { none(u8),",
            "ch major variant `answer`: case `none` has `u8`, and had nothing",
            "ch major variant `answer`: case `none` has `u8`, and had nothing",
        ),
        (
            "type money = u64;",
            "type money = f64;",
            "ch major type `money`: is `f64`, and was `u64`",
            "ch major type `money`: is `f64`, and was `u64`",
        ),
        (
            "variant answer { none, some(row) }",
            "record answer { of: row }",
            "ch major variant `answer`: is `record { of: row }`, and was `variant { none, some(row) }`",
            "ch major variant `answer`: is `record { of: row }`, and was `variant { none, some(row) }`",
        ),
        (
            "rate: func(of: currency, how: options) -> f64;",
            "rate: func(of: currency) -> f64;",
            "ch major function `rate` is `func(of: currency) -> f64`, and was `func(of: currency, how: options) -> f64`",
            "ch major function `rate` is `func(of: currency) -> f64`, and was `func(of: currency, how: options) -> f64`",
        ),
        (
            "pay: func(amount: money);",
            "pay: func(sum: money);",
            "n major function `pay` is `func(sum: money)`, and was `func(amount: money)`",
            "n major function `pay` is `func(sum: money)`, and was `func(amount: money)`",
        ),
        (
            "pay: func(amount: money);",
            "",
            "c major function `pay` is removed",
            "h major function `pay` is removed",
        ),
        (
            "pay: func(amount: money);",
            "pay: func(amount: money); owe: func();",
            "h minor function `owe` is added",
            "c major function `owe` is added",
        ),
        (
            "page: func(number: u32) -> option<string>;",
            "page: func(number: u32) -> option<string>; close: func();",
            "h minor function `[method]book.close` is added",
            "c major function `[method]book.close` is added",
        ),
        (
            "lend: func(it: borrow<book>)",
            "lend: func(it: book)",
            "ch major function `lend` is `func(it: book) -> book`, and was `func(it: borrow<book>) -> book`",
            "ch major function `lend` is `func(it: book) -> book`, and was `func(it: borrow<book>) -> book`",
        ),
    ] {
        assert!(OLD.contains(from), "{from}");
        let (old, new) = (world("1.0.0", OLD), world("1.0.0", &OLD.replace(from, to)));
        let found = compare(old.side(false), new.side(false));
        assert_eq!(told(&found, Direction::Import), [imported], "{to}");
        assert_eq!(told(&found, Direction::Export), [exported], "{to}");
        assert!(!found.compatible, "{to}");
    }
    // A type that no function uses breaks nothing, with a version or without one.
    let idle = OLD.replace(
        "type money = u64;",
        "type money = u64; record idle { a: u8 }",
    );
    let (old, new) = (world("1.0.0", OLD), world("1.0.0", &idle));
    let found = compare(old.side(false), new.side(false));
    assert_eq!(
        told(&found, Direction::Import),
        [" patch type `idle` is added"]
    );
    assert!(found.compatible);
    let plain = |types: &str| {
        Read::of(&[&format!(
            "package acme:plain; interface i {{ {types} f: func(); }} world w {{ import i; }}"
        )])
    };
    let (old, new, more) = (plain(""), plain("type idle = u8;"), plain("g: func();"));
    assert!(compare(old.side(false), new.side(false)).compatible);
    assert!(!compare(old.side(false), more.side(false)).compatible);
    // The same, and the same with another name for a type.
    let (old, same) = (world("1.0.0", OLD), world("1.0.0", OLD));
    let found = compare(old.side(false), same.side(false));
    assert!(found.compatible && found.differences.is_empty() && found.packages.is_empty());
    let new = world("1.0.0", &OLD.replace("money", "cents"));
    let found = compare(old.side(false), new.side(false));
    let says = [
        "n major type `money` is removed",
        " patch type `cents` is added",
        "n major function `pay` is `func(amount: cents)`, and was `func(amount: money)`",
    ];
    assert_eq!(told(&found, Direction::Import), says);
}

/// Peers look at the first difference only; here all are told.
#[test]
fn all_differences_are_told_and_judged_by_package() {
    let types = |version: &str, cases: &str| {
        format!(
            "package acme:types@{version}; interface types {{ enum color {{ {cases} }} record row {{ of: color }} }}"
        )
    };
    let report = |version: &str, types: &str, more: &str| {
        format!(
            "package acme:report@{version};
             interface show {{ use acme:types/types@{types}.{{row}}; show: func(rows: list<row>); }}
             world plugin {{ {more} export show; }}"
        )
    };
    let old = [types("1.0.0", "red, blue"), report("1.0.0", "1.0.0", "")];
    let old = Read::of(&[&old[0], &old[1]]);
    // The type is another, its package says nothing of it, and the world has one more import.
    let more = "import log: func(text: string); import more: interface { f: func(); }";
    let new = [
        types("1.0.1", "red, blue, green"),
        report("1.1.0", "1.0.1", more),
    ];
    let new = Read::of(&[&new[0], &new[1]]);
    let found = compare(old.side(false), new.side(false));
    assert_eq!(
        told(&found, Direction::Import),
        [
            "ch major enum `color`: case `green` is added",
            "h minor interface is added",
            "h minor function is added"
        ]
    );
    assert_eq!(found.differences[0].item, "acme:types/types");
    let judged: Vec<_> = found
        .packages
        .iter()
        .map(|it| {
            (
                it.name.as_str(),
                it.level,
                it.asked.as_ref().unwrap().to_string(),
                it.admits,
            )
        })
        .collect();
    assert_eq!(
        judged,
        [
            ("acme:types", Level::Major, "2.0.0".to_owned(), false),
            ("acme:report", Level::Minor, "1.1.0".to_owned(), true)
        ]
    );
    assert!(!found.compatible);
    // On another track, the types are other ones, and it says so.
    let new = [
        types("2.0.0", "red, blue, green"),
        report("2.0.0", "2.0.0", more),
    ];
    let new = Read::of(&[&new[0], &new[1]]);
    let found = compare(old.side(false), new.side(false));
    assert!(found.compatible, "{found:?}");
    let all = told(&found, Direction::Import);
    assert!(
        all.contains(&"ch major its version is 2.0.0, and was 1.0.0".to_owned()),
        "{all:?}"
    );
}

/// A component has what it uses, and promises nothing by a version.
#[test]
fn a_component_fits_a_world_or_does_not() {
    let whole = world("1.0.0", OLD);
    let part = Read::of(&["package root:component;
        world root { import acme:report/rates@1.0.0; export acme:report/rates@1.0.0; export run: func(); export more: func(); }
        package acme:report@1.0.0 { interface rates { enum currency { eur, usd } flags options { round, sign }
            rate: func(of: currency, how: options) -> f64; } }"]);
    // It exports less of `rates` than a host of the world calls.
    let found = compare(whole.side(false), part.side(true));
    assert!(!found.compatible);
    assert!(told(&found, Direction::Import).is_empty(), "{found:?}");
    assert!(
        told(&found, Direction::Export).contains(&"h major function `pay` is removed".to_owned()),
        "{found:?}"
    );
    assert!(found.packages.is_empty());
    // An old component, on a host of a world that has another type.
    let other = world("1.0.0", &OLD.replace("eur, usd", "eur"));
    let found = compare(part.side(true), other.side(false));
    assert_eq!(
        told(&found, Direction::Import),
        ["ch major enum `currency`: case `usd` is removed"]
    );
    assert!(!found.compatible);
    // A component that is to replace another: one import less and one export more are no harm.
    let less = Read::of(&["package root:component;
        world root { export acme:report/rates@1.0.0; export run: func(); export more: func(); export other: func(); }
        package acme:report@1.0.0 { interface rates { enum currency { eur, usd } flags options { round, sign }
            rate: func(of: currency, how: options) -> f64; } }"]);
    let found = compare(part.side(true), less.side(true));
    assert!(found.compatible, "{found:?}");
    assert_eq!(found.differences.len(), 2, "{found:?}");
}

/// A type of 2^2000 parts ends in time, in whichever order its parts are written. The parser bounds how deep a type without
/// names is nested.
#[test]
fn types_of_any_size_are_compared() {
    let parts = |order: &mut dyn Iterator<Item = u32>| -> String {
        let records = order.map(|n| format!("record t{n} {{ a: t{}, b: t{} }}", n - 1, n - 1));
        let records: String = records.collect();
        format!("type t0 = u8; {records} f: func(x: t1999);")
    };
    for interface in [parts(&mut (1..2000)), parts(&mut (1..2000).rev())] {
        let (old, new) = (world("1.0.0", &interface), world("1.0.0", &interface));
        let found = compare(old.side(false), new.side(false));
        assert!(found.compatible && found.differences.is_empty());
    }
}
