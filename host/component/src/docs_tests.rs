use wasm_encoder::{ComponentSection as _, CustomSection};
use wit_parser::Resolve;

use super::*;
use crate::source::Source;

const COMPONENT: &str = r#"(component
    (core module $m (func (export "f")))
    (core instance $i (instantiate $m))
    (func $f (canon lift (core func $i "f")))
    (instance $rates (export "convert" (func $f)) (export "all" (func $f)))
    (export "run" (func $f))
    (export "acme:report/rates@1.0.0" (instance $rates)))"#;

const WIT: &str = "package acme:report@1.0.0;
    interface rates {
        /// Converts an amount.
        ///
        /// At the rate of the day.
        convert: func();
        all: func();
    }
    /// Reports of money.
    world plugin {
        export rates;
        /// Makes the report.
        export run: func();
    }
    world other { export run: func(); }";

fn component(text: &str) -> Vec<u8> {
    let buffer = wast::parser::ParseBuffer::new(text).unwrap();
    let mut wat = wast::parser::parse::<wast::Wat<'_>>(&buffer).unwrap();
    wat.encode().unwrap()
}

fn with(mut bytes: Vec<u8>, name: &str, section: &[u8]) -> Vec<u8> {
    let section = CustomSection {
        name: name.into(),
        data: section.into(),
    };
    section.append_to_component(&mut bytes);
    bytes
}

fn docs(bytes: &[u8]) -> Docs {
    let source = Source::bytes("test", bytes.to_vec());
    source.inspect().unwrap().docs
}

/// The documentation of `COMPONENT` with this JSON.
fn of_json(name: &str, json: &str) -> Docs {
    docs(&with(
        component(COMPONENT),
        name,
        &[b"\x01", json.as_bytes()].concat(),
    ))
}

fn document(bytes: &[u8], wit: &str, world: &str) -> Result<Vec<u8>, String> {
    let mut resolve = Resolve::default();
    let package = resolve.push_source("test.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some(world)).unwrap();
    let documented = documented(bytes, &resolve, world).map_err(|error| error.to_string());
    documented.map(|(bytes, functions)| {
        assert_eq!(functions, 2);
        bytes
    })
}

const CONVERT: &str = "acme:report/rates@1.0.0.convert";

#[test]
fn doc_comments_are_written_and_read() {
    let plain = component(COMPONENT);
    assert!(docs(&plain).is_empty());
    let bytes = document(&plain, WIT, "plugin").unwrap();
    let found = docs(&bytes);
    assert_eq!(found.world(), Some("Reports of money."));
    assert_eq!(found.named("run"), Some("Makes the report."));
    assert_eq!(
        found.named(CONVERT),
        Some("Converts an amount.\n\nAt the rate of the day.")
    );
    assert_eq!(found.named("acme:report/rates@1.0.0.all"), None);
    assert_eq!(found.len(), 2);
    // They take the place of those that were there, and nothing else changes.
    assert_eq!(document(&bytes, WIT, "plugin").unwrap(), bytes);
    assert_eq!(without_docs(&bytes).unwrap(), plain);
    let wit = Source::bytes("test", bytes).wit().unwrap();
    for comment in [
        "/// Reports of money.",
        "    /// Converts an amount.\n    ///\n    /// At the rate of the day.\n    convert: func();",
        "/// Makes the report.",
    ] {
        assert!(wit.contains(comment), "{wit}");
    }
    let none = document(&plain, WIT, "other").unwrap_err();
    assert!(none.contains("`other` has no doc comments"), "{none}");
    assert!(document(b"\0asm\x0d\0\x01\0\0\x05", WIT, "plugin").is_err());
}

/// As wit-docs-inject writes it: the names are those of the package, and several worlds are there.
#[test]
fn the_section_of_a_package_is_read() {
    let json = r#"{
        "docs": "The package.", "new": { "field": [1] },
        "worlds": {
            "plugin": { "funcs": { "run": { "docs": "Runs.", "stability": {} } } },
            "other": { "func_exports": { "run": "Runs." }, "types": { "t": { "docs": "T" } } }
        },
        "interfaces": { "rates": { "docs": "Rates.", "funcs": { "convert": { "docs": "Converts." }, "all": null } } }
    }"#;
    let bytes = with(
        component(COMPONENT),
        "package-docs",
        &[b"\x01", json.as_bytes()].concat(),
    );
    let found = docs(&bytes);
    assert_eq!(found.world(), Some("The package."));
    assert_eq!(found.named("run"), Some("Runs."));
    assert_eq!(found.named(CONVERT), Some("Converts."));
    assert_eq!(found.len(), 2);
    // The decoder of WIT refuses such a component, whose world has another name there.
    let wit = Source::bytes("test", bytes.clone()).wit().unwrap();
    assert!(wit.contains("/// Converts.\n    convert: func();"), "{wit}");
    // The section that is of this component is read first.
    let own = br#"{"worlds":{"w":{"func_exports":{"run":{"docs":"Own."}}}}}"#;
    let bytes = with(bytes, "component-docs", &[b"\x01", &own[..]].concat());
    assert_eq!(docs(&bytes).named("run"), Some("Own."));
    assert_eq!(docs(&bytes).named(CONVERT), None);
}

#[test]
fn a_text_that_may_be_of_another_function_is_left_out() {
    let two_worlds = r#"{"worlds":{"a":{"docs":"A.","funcs":{"run":"One."}},"b":{"docs":"B.","funcs":{"run":"Two."}}}}"#;
    assert_eq!(of_json("package-docs", two_worlds), Docs::default());
    let rates = r#"{"interfaces":{"rates":{"funcs":{"convert":"Converts."}}}}"#;
    let text = COMPONENT.replace(
        "(export \"run\" (func $f))",
        "(export \"other:report/rates@1.0.0\" (instance $rates))",
    );
    let two = with(
        component(&text),
        "package-docs",
        &[b"\x01", rates.as_bytes()].concat(),
    );
    assert_eq!(docs(&two), Docs::default());
    // An interface within a world has no package.
    let text = COMPONENT.replace("acme:report/rates@1.0.0", "rates");
    for field in ["interfaces", "interface_exports"] {
        let json =
            format!(r#"{{"worlds":{{"w":{{"{field}":{{"rates":{{"funcs":{{"all":"L"}}}}}}}}}}}}"#);
        let section = [b"\x01", json.as_bytes()].concat();
        let found = docs(&with(component(&text), "package-docs", &section));
        assert_eq!(found.named("rates.all"), Some("L"), "{field}");
    }
}

#[test]
fn a_hostile_section_is_passed_over_or_cut() {
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = format!(r#"{{"docs":"{}"}}"#, "x".repeat(MAX_SECTION));
    for json in [
        "",
        "{",
        "[]",
        "\0",
        &nested,
        &long,
        r#"{"docs":1}"#,
        "\u{feff}{}",
    ] {
        for name in SECTIONS {
            assert_eq!(of_json(name, json), Docs::default());
        }
    }
    let unknown = with(component(COMPONENT), SECTIONS[0], b"\x02{\"docs\":\"x\"}");
    assert_eq!(docs(&unknown), Docs::default());
    assert_eq!(
        docs(&with(component(COMPONENT), SECTIONS[0], b"")),
        Docs::default()
    );
    let long = format!(r#"{{"docs":"{}"}}"#, "é".repeat(MAX_TEXT));
    let cut = of_json(SECTIONS[0], &long);
    let text = cut.world().unwrap();
    assert!(
        text.len() <= MAX_TEXT && text.ends_with("é…"),
        "{}",
        text.len()
    );
    // In a component within it, it is of another one.
    let nested = format!(
        r#"(component (component (@custom "{}" "\01{{\22docs\22:\22x\22}}")))"#,
        SECTIONS[0]
    );
    assert_eq!(docs(&component(&nested)), Docs::default());
}

#[test]
fn all_texts_together_are_bounded() {
    let count = 2 * MAX_TEXTS / MAX_TEXT;
    let names: Vec<String> = (0..count).map(|number| format!("f{number}")).collect();
    let exports: String = names
        .iter()
        .map(|name| format!("(export \"{name}\" (func $f))"))
        .collect();
    let text = COMPONENT.replace("(export \"run\" (func $f))", &exports);
    let long = "x".repeat(MAX_TEXT);
    let functions = names
        .iter()
        .map(|name| (name.clone(), FunctionDocs::Text(Some(long.clone()))));
    let world = WorldDocs {
        func_exports: functions.collect(),
        ..WorldDocs::default()
    };
    let package = Package {
        worlds: BTreeMap::from([("w".to_owned(), world)]),
        ..Package::default()
    };
    let json = serde_json::to_vec(&package).unwrap();
    let section = [&b"\x01"[..], &json].concat();
    assert!(section.len() <= MAX_SECTION);
    let found = docs(&with(component(&text), SECTIONS[0], &section));
    let held: usize = found
        .functions
        .iter()
        .map(|(name, text)| name.len() + text.len())
        .sum();
    assert!(
        held <= MAX_TEXTS && held > MAX_TEXTS - 2 * MAX_TEXT,
        "{held}"
    );
}
