//! The two revisions of the protocol side by side, and what a client is told when the folder changes.

use serde_json::{Value, json};
use tokio::sync::watch;
use tollgate_serve::Mcp;

use super::super::catalog;
use super::{Session, returned};

/// The parameters of a request that stands alone.
fn alone(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": { "name": "test", "version": "1" },
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    params
}

fn changing() -> (watch::Sender<()>, Session) {
    let (changed, changes) = watch::channel(());
    let server = Mcp::new(catalog(&[("counter", "")])).changes(changes);
    (changed, Session::with(server))
}

#[test]
fn a_request_that_stands_alone_needs_no_session() {
    let (_changed, mut session) = changing();
    let found = session.ask("server/discover", alone(json!({})));
    let versions = found["result"]["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!("2026-07-28")), "{found}");
    assert!(versions.contains(&json!("2025-11-25")), "{found}");
    let list = session.ask("tools/list", alone(json!({})));
    assert_eq!(list["result"]["resultType"], "complete", "{list}");
    assert!(list["result"]["ttlMs"].is_u64(), "{list}");
    assert!(list["result"]["cacheScope"].is_string(), "{list}");
    let params = alone(json!({ "name": "counter.grow", "arguments": { "pages": 1 } }));
    let grown = session.ask("tools/call", params);
    assert_eq!(returned(&grown["result"]), 3);
    let unknown = json!({ "name": "counter.none" });
    assert_eq!(
        session.ask("tools/call", alone(unknown))["error"]["code"],
        -32602
    );
    // Without its metadata, a request of this revision is none.
    let bare = session.ask("tools/list", json!({}));
    assert_eq!(bare["error"]["code"], -32602, "{bare}");
}

#[test]
fn a_session_of_the_older_revision_is_told_of_changes() {
    let (changed, session) = changing();
    let mut session = session.opened();
    session.is_alive();
    changed.send_replace(());
    let told = session.next();
    assert_eq!(told["method"], "notifications/tools/list_changed", "{told}");
}

#[test]
fn a_client_of_the_newer_revision_listens() {
    let (changed, mut session) = changing();
    let params =
        json!({ "notifications": { "toolsListChanged": true, "promptsListChanged": true } });
    let id = session.begin("subscriptions/listen", alone(params));
    let begun = session.next();
    assert_eq!(
        begun["method"], "notifications/subscriptions/acknowledged",
        "{begun}"
    );
    assert_eq!(
        begun["params"]["notifications"],
        json!({ "toolsListChanged": true })
    );
    changed.send_replace(());
    let told = session.next();
    assert_eq!(told["method"], "notifications/tools/list_changed", "{told}");
    let of = &told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"];
    assert_eq!(*of, id, "{told}");
}

#[test]
fn another_version_is_answered_with_one_that_is_known() {
    let mut session = Session::with(Mcp::new(catalog(&[])));
    let mut params = super::initialize();
    params["protocolVersion"] = json!("1999-01-01");
    let opened = session.ask("initialize", params);
    assert_eq!(
        opened["result"]["protocolVersion"], "2025-11-25",
        "{opened}"
    );
}
