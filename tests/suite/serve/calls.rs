//! Calls: arguments, results, and each end of one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tollgate::{Catalog, Provider, blocking};
use tollgate_serve::{Bounds, Server, Tokens};

use support::clock::{CLOCK, SLEEPING, clock};
use support::harness::{alone, builder, in_time, policy, source};

use super::{Served, post, reply};

const REGISTRY: &str = "grants.config = { package = \"waybill\" }\n\
    grants.files = [{ root = \"index\", path = \"samples/index\", access = \"read\" }]";

#[test]
fn a_call_is_answered_with_its_result() {
    let served = Served::of(&[("counter", ""), ("echo", "")]);
    // Each call has a store of its own.
    for _ in 0..2 {
        assert_eq!(served.post("counter/next", "{}").body, "{\"result\":1}");
    }
    assert_eq!(served.post("counter/grow", r#"{"args":[3]}"#).result(), 5);
    assert_eq!(
        served
            .post("counter/grow", r#"{"args":{"pages":1}}"#)
            .result(),
        3
    );
    assert_eq!(
        served.post("counter/work", r#"{"args":[7]}"#).result(),
        json!(null)
    );
    for body in [
        r#"{"args":["hi"]}"#,
        r#"{"args":[[104,105]]}"#,
        r#"{"args":{"input":{"base64":"aGk="}}}"#,
        r#"{"input":"hi"}"#,
        r#"{"input-base64":"aGk="}"#,
    ] {
        assert_eq!(
            served.post("echo/run", body).result(),
            json!([104, 105]),
            "{body}"
        );
    }
}

#[test]
fn the_report_comes_when_it_is_asked_for() {
    let served = Served::of(&[("counter", "")]);
    let asked = [
        served.answer(post("counter/next", "Tollgate-Report: true\r\n", "{}")),
        served.post("counter/next?report", "{}"),
    ];
    for reply in asked {
        assert_eq!(reply.json()["report"]["outcome"], "returned", "{reply:?}");
    }
    let fault = served.post("counter/trap?report", "{}");
    assert_eq!(fault.kind(502), "trap");
    assert_eq!(fault.json()["report"]["fault"]["kind"], "trap");
    assert_eq!(
        served.post("counter/trap", "{}").json()["report"],
        json!(null)
    );
}

#[test]
fn an_interface_and_a_providers_own_error_have_their_names() {
    let served = Served::of(&[("registry-releases", REGISTRY)]);
    let path = "registry-releases/tollgate:releases%2fresolve@0.1.0.resolve";
    let found = served.post(path, r#"{"args":["^1","linux/x86_64"]}"#);
    assert_eq!(found.status, 200, "{found:?}");
    let none = served.post(
        "registry-releases/resolve",
        r#"{"args":["^9","linux/x86_64"]}"#,
    );
    assert_eq!(none.kind(422), "not-found");
    assert!(none.json()["error"]["not-found"].is_string(), "{none:?}");
}

#[test]
fn each_mistake_of_a_caller_has_a_kind() {
    let served = Served::of(&[("counter", "limits.fuel = 1_000_000")]);
    for (path, body, status, kind) in [
        ("none/next", "{}", 404, "no-provider"),
        ("counter/none", "{}", 404, "missing-export"),
        ("counter/grow", "{}", 400, "arguments"),
        ("counter/grow", r#"{"args":["x"]}"#, 400, "arguments"),
        ("counter/grow", r#"{"args":[1],"more":1}"#, 400, "arguments"),
        ("counter/next", "", 400, "arguments"),
        ("counter/next", "{} {}", 400, "arguments"),
        ("counter", "{}", 404, "no-route"),
    ] {
        assert_eq!(served.post(path, body).kind(status), kind, "{path} {body}");
    }
    let work = served.post("counter/work", r#"{"args":[4000000000]}"#);
    assert_eq!(work.kind(502), support::harness::out_of_fuel());
    assert_eq!(served.get("/v1/providers/counter/next").kind(405), "method");
    assert_eq!(served.get("/none").kind(404), "no-route");
}

#[test]
fn a_host_error_is_a_number() {
    let served = Served::of(&[("sleeper", CLOCK)]);
    let reply = served.answer(post("sleeper/panic", "Tollgate-Report: true\r\n", "{}"));
    assert_eq!(reply.kind(500), "host");
    assert!(reply.json()["error"].is_u64());
    assert!(!format!("{reply:?}").contains("hunter2"), "{reply:?}");
}

#[test]
fn a_call_without_a_slot_is_to_be_tried_again() {
    let _alone = alone();
    let runtime = builder()
        .concurrency(1)
        .queue(0)
        .share(100)
        .interface("acme:clock/sleep@0.1.0", clock)
        .unwrap();
    let runtime = blocking::Runtime::from(runtime.build());
    let sleeper = runtime.load(&source("sleeper"), &policy(CLOCK)).unwrap();
    let providers = BTreeMap::from([("sleeper".to_owned(), sleeper.as_async().clone())]);
    // Of the word `test`. What did not run costs nothing.
    let token =
        "ci sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 calls=2";
    let server = Server::new(providers).tokens(Tokens::parse(token).unwrap());
    let served = Served::with(server);
    let call = |ms: u32| {
        post(
            "sleeper/once",
            "Authorization: Bearer test\r\n",
            &format!("{{\"args\":[{ms}]}}"),
        )
    };
    let mut first = served.sent(call(1500));
    asleep(1);
    for _ in 0..3 {
        let second = served.answer(call(1));
        assert_eq!(second.kind(503), "busy");
        assert!(second.head.contains("retry-after: 1\r\n"), "{second:?}");
    }
    assert_eq!(reply(&mut first).unwrap().status, 200);
    assert_eq!(served.answer(call(1)).status, 200);
    assert_eq!(served.answer(call(1)).kind(429), "quota");
}

/// Waits until so many guests sleep.
pub(super) fn asleep(count: usize) {
    in_time(move || {
        while SLEEPING.load(Ordering::SeqCst) != count {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
}

#[test]
fn providers_and_their_types_are_listed() {
    let served = Served::of(&[("counter", ""), ("registry-releases", REGISTRY)]);
    let list = served.get("/v1/providers").json();
    let counter = &list["providers"][0];
    assert_eq!(counter["name"], "counter");
    assert!(counter["digest"].as_str().unwrap().starts_with("sha256:"));
    let grow = json!({ "export": "grow", "signature": "grow: func(pages: u32) -> u32" });
    assert!(
        counter["functions"].as_array().unwrap().contains(&grow),
        "{counter}"
    );
    let api = served.get("/openapi.json").json();
    assert_eq!(api["openapi"], "3.1.0");
    let grow = &api["paths"]["/v1/providers/counter/grow"]["post"];
    let args = &grow["requestBody"]["content"]["application/json"]["schema"]["properties"]["args"]
        ["anyOf"];
    assert_eq!(args[0]["properties"]["pages"]["maximum"], u32::MAX);
    assert_eq!(args[0]["required"], json!(["pages"]));
    // A path of the document is one that answers.
    let mut paths = api["paths"].as_object().unwrap().keys();
    let resolve = paths.find(|path| path.ends_with("resolve")).unwrap();
    let resolve = resolve.strip_prefix("/v1/providers/").unwrap();
    assert_eq!(
        served
            .post(resolve, r#"{"args":["^1","linux/x86_64"]}"#)
            .status,
        200
    );
    assert_eq!(served.get("/healthz").json(), json!({ "status": "ok" }));
    assert_eq!(served.get("/readyz").json(), json!({ "status": "ready" }));
}

struct Panics;

impl Catalog for Panics {
    fn get(&self, name: &str) -> Option<Provider> {
        panic!("looking {name} up, with a canary: hunter2")
    }

    fn list(&self) -> Vec<(Arc<str>, Provider)> {
        Vec::new()
    }
}

#[test]
fn a_panic_ends_its_request_and_nothing_else() {
    let served = Served::with(Server::new(Panics));
    for _ in 0..2 {
        let reply = served.post("x/y", "{}");
        assert_eq!(reply.kind(500), "host");
        assert!(!reply.body.contains("hunter2"), "{reply:?}");
    }
    assert_eq!(served.get("/healthz").status, 200);
}

#[test]
fn requests_under_way_end_before_the_server_does() {
    let _alone = alone();
    let mut served = Served::of(&[("sleeper", CLOCK)]);
    let mut call = served.sent(post("sleeper/once", "", r#"{"args":[600]}"#));
    asleep(1);
    served.begin_end();
    assert_eq!(reply(&mut call).unwrap().status, 200);
    assert!(super::is_ended(&mut call));
    assert_eq!(served.end().cut, 0);
}

#[test]
fn a_server_does_not_wait_for_ever() {
    let _alone = alone();
    let bounds = Bounds {
        drain: Duration::from_millis(100),
        ..Bounds::default()
    };
    let served = Served::bounded(
        &[("sleeper", &format!("{CLOCK}\nlimits.deadline = \"60s\""))],
        bounds,
    );
    let mut call = served.sent(post("sleeper/once", "", r#"{"args":[60000]}"#));
    asleep(1);
    assert_eq!(served.end().cut, 1);
    asleep(0);
    assert!(super::is_ended(&mut call));
}
