//! Tools listed and called: their types, and each end of a call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;
use tollgate::Source;
use tollgate_serve::Mcp;

use support::clock::CLOCK;
use support::harness::{alone, blocking, out_of_fuel, policy};

use super::super::calls::asleep;
use super::{Session, call, failed};

const REGISTRY: &str = "grants.config = { package = \"waybill\" }\n\
    grants.files = [{ root = \"index\", path = \"samples/index\", access = \"read\" }]";

const LONG: &str = "limits.deadline = \"60s\"";

#[test]
fn a_function_is_a_tool_with_its_types() {
    let mut session = Session::of(&[("counter", ""), ("registry-releases", REGISTRY)]);
    let list = session.ask("tools/list", json!({}));
    let tools = list["result"]["tools"].as_array().unwrap();
    let named = |name: &str| {
        let mut found = tools.iter().filter(|tool| tool["name"] == name);
        found.next().unwrap_or_else(|| panic!("{list}"))
    };
    let grow = named("counter.grow");
    assert_eq!(grow["description"], "grow: func(pages: u32) -> u32");
    let input = &grow["inputSchema"];
    assert_eq!(input["type"], "object");
    assert_eq!(input["properties"]["pages"]["maximum"], u32::MAX);
    assert_eq!(input["required"], json!(["pages"]));
    let output = &grow["outputSchema"];
    assert_eq!(output["type"], "object");
    assert_eq!(output["properties"]["result"]["type"], "integer");
    // The `err` of a result is an error of the tool, and no part of its output.
    let resolve = named("registry-releases.resolve");
    let result = &resolve["outputSchema"]["properties"]["result"];
    assert_eq!(result["required"], json!(["version", "url"]), "{resolve}");
    assert_eq!(
        resolve["_meta"]["tollgate/export"],
        "tollgate:releases/resolve@0.1.0.resolve"
    );
}

#[test]
fn a_call_is_answered_with_its_result() {
    let mut session = Session::of(&[("counter", ""), ("echo", "")]);
    // Each call has a store of its own.
    for _ in 0..2 {
        assert_eq!(session.result("counter.next", json!({})), 1);
    }
    assert_eq!(session.result("counter.grow", json!({ "pages": 3 })), 5);
    let nothing = session.result("counter.work", json!({ "turns": 7 }));
    assert_eq!(nothing, json!(null));
    let echoed = session.result("echo.run", json!({ "input": "hi" }));
    assert_eq!(echoed, json!([104, 105]));
    let without = session.ask("tools/call", json!({ "name": "counter.next" }));
    assert_eq!(without["result"]["structuredContent"]["result"], 1);
}

#[test]
fn an_error_of_the_provider_a_fault_and_a_mistake_are_told_apart() {
    let few = "limits.fuel = 1_000_000";
    let guests = [
        ("counter", few),
        ("registry-releases", REGISTRY),
        ("sleeper", CLOCK),
    ];
    let mut session = Session::of(&guests);
    let none = json!({ "requirement": "^9", "platform": "linux/x86_64" });
    let own = session.call("registry-releases.resolve", none);
    assert_eq!(failed(&own["result"]), ["failed", "not-found"]);
    assert!(own["result"]["_meta"]["tollgate/error"]["not-found"].is_string());
    for (tool, arguments, end) in [
        ("counter.trap", json!({}), ["faulted", "trap"]),
        (
            "counter.work",
            json!({ "turns": 4_000_000_000_u32 }),
            ["faulted", out_of_fuel()],
        ),
        (
            "counter.grow",
            json!({ "pages": "x" }),
            ["error", "arguments"],
        ),
        ("counter.grow", json!({}), ["error", "arguments"]),
        ("counter.next", json!({ "more": 1 }), ["error", "arguments"]),
    ] {
        let answer = session.call(tool, arguments);
        assert_eq!(failed(&answer["result"]), end, "{tool}");
    }
    for tool in [
        "counter.none",
        "none.next",
        "counter",
        "counter.wasm",
        "../counter.next",
        "",
    ] {
        let answer = session.call(tool, json!({}));
        assert_eq!(answer["error"]["code"], -32602, "{tool}: {answer}");
    }
    // Of an error of the host, a client learns the number.
    let host = session.call("sleeper.panic", json!({}));
    assert_eq!(host["error"]["code"], -32603, "{host}");
    assert_eq!(host["error"]["data"]["kind"], "host");
    let message = host["error"]["message"].as_str().unwrap();
    assert!(message.contains("(error "), "{host}");
    assert!(!message.contains("hunter2"), "{host}");
}

#[test]
fn denials_are_told_with_their_remedy() {
    let other = REGISTRY.replace("root = \"index\"", "root = \"other\"");
    let mut session = Session::of(&[("registry-releases", &other)]);
    let arguments = json!({ "requirement": "^1", "platform": "linux/x86_64" });
    let answer = session.call("registry-releases.resolve", arguments);
    let denial = &answer["result"]["_meta"]["tollgate/denials"][0];
    assert_eq!(denial["capability"], "files", "{answer}");
    assert_eq!(denial["reason"], "unknown-root", "{answer}");
    assert!(
        denial["remedy"].as_str().unwrap().contains("grants.files"),
        "{answer}"
    );
}

/// A function that gives so many characters as it is told, each of which JSON writes with six.
fn characters(policy_text: &str) -> Session {
    let text = r#"(component
        (core module $m (memory (export "memory") 8)
            (func (export "f") (param i32) (result i32)
                (memory.fill (i32.const 16) (i32.const 1) (local.get 0))
                (i32.store (i32.const 0) (i32.const 16))
                (i32.store (i32.const 4) (local.get 0))
                (i32.const 0)))
        (core instance $i (instantiate $m))
        (func (export "f") (param "n" u32) (result string)
            (canon lift (core func $i "f") (memory $i "memory"))))"#;
    let source = Source::bytes("text", wat::parse_str(text).unwrap());
    let provider = blocking().load(&source, &policy(policy_text)).unwrap();
    let providers = BTreeMap::from([("text".to_owned(), provider.as_async().clone())]);
    Session::with(Mcp::new(providers)).opened()
}

/// The text of a result has the bound of the policy, as its bytes have.
#[test]
fn a_result_has_a_size() {
    let mut session = characters("limits.output = 2_000");
    let long = session.call("text.f", json!({ "n": 1_000 }));
    assert_eq!(failed(&long["result"]), ["error", "output"]);
    let short = session.result("text.f", json!({ "n": 2 }));
    assert_eq!(short, "\u{1}\u{1}");
}

/// Whatever the policy, as a tree is made of it.
#[test]
fn a_result_has_a_size_of_the_protocol() {
    let mut session = characters("");
    let long = session.call("text.f", json!({ "n": 200_000 }));
    assert_eq!(failed(&long["result"]), ["error", "output"]);
    let short = session.result("text.f", json!({ "n": 100_000 }));
    assert_eq!(short.as_str().unwrap().len(), 100_000);
}

/// Arguments have no more bytes than the policy allows the guest to be given.
#[test]
fn arguments_have_the_size_of_the_policy() {
    let mut session = Session::of(&[("echo", "limits.host-data = \"1KiB\"")]);
    let long = session.call("echo.run", json!({ "input": "x".repeat(20_000) }));
    assert_eq!(failed(&long["result"]), ["error", "body-size"]);
}

#[test]
fn a_cancelled_request_drops_its_call() {
    let _alone = alone();
    let mut session = Session::of(&[("sleeper", &format!("{CLOCK}\n{LONG}"))]);
    let id = session.begin("tools/call", call("sleeper.once", json!({ "ms": 60_000 })));
    asleep(1);
    session.send(&json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": id, "reason": "enough" },
    }));
    asleep(0);
    // It has no answer.
    session.is_alive();
}

#[test]
fn a_call_ends_with_its_client() {
    let _alone = alone();
    let mut session = Session::of(&[("sleeper", &format!("{CLOCK}\n{LONG}"))]);
    session.begin("tools/call", call("sleeper.once", json!({ "ms": 60_000 })));
    asleep(1);
    session.close().unwrap();
    asleep(0);
}

#[test]
fn a_call_ends_with_its_server() {
    let _alone = alone();
    let mut session = Session::of(&[("sleeper", &format!("{CLOCK}\n{LONG}"))]);
    session.begin("tools/call", call("sleeper.once", json!({ "ms": 60_000 })));
    asleep(1);
    drop(session);
    asleep(0);
}

#[test]
fn progress_is_told_to_a_client_that_asks() {
    let _alone = alone();
    let mut session = Session::of(&[("sleeper", &format!("{CLOCK}\n{LONG}"))]);
    let mut params = call("sleeper.once", json!({ "ms": 1_600 }));
    params["_meta"] = json!({ "progressToken": "p" });
    let id = session.begin("tools/call", params);
    let told = session.next();
    assert_eq!(told["method"], "notifications/progress", "{told}");
    assert_eq!(told["params"]["progressToken"], "p");
    assert_eq!(told["params"]["progress"], 1.0);
    assert_eq!(session.next()["id"], id);
    // Nobody asks here.
    let start = std::time::Instant::now();
    let answer = session.call("sleeper.once", json!({ "ms": 1_200 }));
    assert_ne!(answer["result"]["isError"], true, "{answer}");
    assert!(start.elapsed() > Duration::from_secs(1));
}

#[test]
fn a_long_list_comes_in_pages() {
    let exports: String = (0..600)
        .map(|number| format!("(export \"f{number}\" (func $f))"))
        .collect();
    let text = format!(
        "(component (core module $m (func (export \"f\"))) (core instance $i (instantiate $m))
           (func $f (canon lift (core func $i \"f\"))) {exports})"
    );
    let source = Source::bytes("many", wat::parse_str(text).unwrap());
    let many = blocking().load(&source, &policy("")).unwrap();
    let providers = BTreeMap::from([("many".to_owned(), many.as_async().clone())]);
    let mut session = Session::with(Mcp::new(providers)).opened();
    let mut names = BTreeSet::new();
    let mut params = json!({});
    for most in [500, 100] {
        let list = session.ask("tools/list", params);
        let tools = list["result"]["tools"].as_array().unwrap();
        assert_eq!(tools.len(), most);
        names.extend(tools.iter().map(|tool| tool["name"].to_string()));
        params = json!({ "cursor": list["result"]["nextCursor"] });
    }
    assert_eq!(names.len(), 600);
    assert!(params["cursor"].is_null(), "{params}");
}
