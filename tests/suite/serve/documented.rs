//! The documentation that a component carries, wherever a server tells of its functions: hostile text.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use tollgate::{Catalog, Source};
use tollgate_serve::{Mcp, Server};

use support::harness::{policy, runtime, wait};
use support::watched_folder::{add_section, bytes};

use super::Served;
use super::mcp::Session;

/// Text that recolours a terminal, turns the reading direction, hides words from people, and is markup.
const ABOUT: &str = "Counts.\u{1b}[31m\u{202e}<script>";
const NEXT: &str = "The next number.\r\nAlso \u{e0041}\u{e0042}hidden.";

const SHOWN_ABOUT: &str = "Counts.\\u{1b}[31m\\u{202e}<script>";
const SHOWN_NEXT: &str = "The next number.\nAlso \\u{e0041}\\u{e0042}hidden.";

fn documented() -> Arc<dyn Catalog> {
    let docs = json!({ "worlds": { "w": { "docs": ABOUT, "func_exports": { "next": { "docs": NEXT } } } } });
    let bytes = add_section(
        bytes("counter"),
        "package-docs",
        format!("\u{1}{docs}").as_bytes(),
    );
    let counter = wait(runtime().load(&Source::bytes("counter", bytes), &policy(""))).unwrap();
    Arc::new(BTreeMap::from([("counter".to_owned(), counter)]))
}

#[test]
fn tools_have_the_text_of_their_author_behind_their_signature() {
    let mut session = Session::with(Mcp::new(documented())).opened();
    let list = session.ask("tools/list", json!({}));
    let tools = list["result"]["tools"].as_array().unwrap();
    let text = |name: &str| {
        let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
        tool["description"].as_str().unwrap()
    };
    assert_eq!(
        text("counter.next"),
        format!("next: func() -> u32\n\n{SHOWN_NEXT}")
    );
    assert_eq!(text("counter.grow"), "grow: func(pages: u32) -> u32");
}

#[test]
fn lists_have_it_too() {
    let served = Served::with(Server::new(documented()));
    let list: Value = serde_json::from_str(&served.get("/v1/providers").body).unwrap();
    let counter = &list["providers"][0];
    assert_eq!(counter["docs"], SHOWN_ABOUT, "{list}");
    let functions = counter["functions"].as_array().unwrap();
    let of = |export: &str| functions.iter().find(|of| of["export"] == export).unwrap();
    assert_eq!(of("next")["docs"], SHOWN_NEXT);
    assert_eq!(of("grow").get("docs"), None);
    let openapi: Value = serde_json::from_str(&served.get("/openapi.json").body).unwrap();
    assert_eq!(
        openapi["tags"],
        json!([{ "name": "counter", "description": SHOWN_ABOUT }])
    );
    let post = |export: &str| &openapi["paths"][format!("/v1/providers/counter/{export}")]["post"];
    assert_eq!(post("next")["description"], SHOWN_NEXT, "{openapi}");
    assert_eq!(post("grow").get("description"), None);
    let page = served.get("/").body;
    assert!(
        page.contains("Counts.\\u{1b}[31m\\u{202e}&lt;script&gt;"),
        "{page}"
    );
}

/// Text of control characters is five times as long when it is written out.
#[test]
fn texts_take_no_room_of_signatures() {
    let names: Vec<String> = (0..30).map(|number| format!("f{number}")).collect();
    let exports = names
        .iter()
        .map(|name| format!("(export \"{name}\" (func $f))"));
    let exports: String = exports.collect();
    let text = format!(
        "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
         (func $f (canon lift (core func $i \"f\"))) {exports})"
    );
    let long = "\u{1}".repeat(4 << 10);
    let functions = names.iter().map(|name| (name.clone(), json!(long)));
    let functions: serde_json::Map<String, Value> = functions.collect();
    let docs = json!({ "worlds": { "w": { "func_exports": functions } } });
    let docs = format!("\u{1}{docs}");
    let bytes = add_section(
        wat::parse_str(text).unwrap(),
        "component-docs",
        docs.as_bytes(),
    );
    let many = wait(runtime().load(&Source::bytes("many", bytes), &policy(""))).unwrap();
    let catalog = BTreeMap::from([("many".to_owned(), many)]);
    let served = Served::with(Server::new(catalog));
    let list: Value = serde_json::from_str(&served.get("/v1/providers").body).unwrap();
    let many = &list["providers"][0];
    assert_eq!(many["functions-left-out"], 0);
    let functions = many["functions"].as_array().unwrap();
    assert_eq!(functions.len(), 30);
    let texts = functions.iter().filter_map(|of| of["docs"].as_str());
    let bytes: usize = texts.map(str::len).sum();
    assert!((200 << 10..=256 << 10).contains(&bytes), "{bytes}");
}

/// A provider without documentation is told of as before.
#[test]
fn a_component_without_it_has_none() {
    let served = Served::of(&[("counter", "")]);
    let list: Value = serde_json::from_str(&served.get("/v1/providers").body).unwrap();
    assert_eq!(list["providers"][0]["docs"], Value::Null);
    let openapi: Value = serde_json::from_str(&served.get("/openapi.json").body).unwrap();
    assert_eq!(openapi["tags"], json!([]));
}
