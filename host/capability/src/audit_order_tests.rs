//! Decisions are told before they are acted on: each observer here looks at the object that the act would change.

use std::net::TcpListener;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use tollgate_policy::decide::{self, FileDecision};
use tollgate_policy::{Access, FileUse, Limits, Policy};

use super::*;
use crate::call::Call;
use crate::files::{FileFailure, Folder};
use crate::granted::{Granted, Shared};
use crate::http::connect::Egress;
use crate::http::{HttpMethod, HttpRequest};
use crate::jobs::Threads;
use crate::open_files::Descriptors;
use crate::store::StoreRegistry;

type Told = Arc<Mutex<Vec<String>>>;

/// A call under this policy, and the decisions that its observer was told of, each with the result of `seen` at that
/// moment.
fn call(
    policy: &str,
    base: &Path,
    seen: impl Fn() -> String + Send + Sync + 'static,
) -> (Call, Told) {
    let told = Told::default();
    let list = Arc::clone(&told);
    let on_decision: OnDecision = Arc::new(move |decision| {
        let reason = decision.denied.map_or("allowed", Reason::label);
        let line = format!("{} {reason}: {}", decision.target, seen());
        list.lock().unwrap().push(line);
    });
    let shared = Shared {
        egress: Arc::new(Egress::new(None, Vec::new())),
        stores: StoreRegistry::default(),
        on_request: None,
        on_decision: Some(on_decision),
        threads: Arc::new(Threads::default()),
        descriptors: Descriptors::default(),
        share: crate::share::Share::default(),
    };
    let policy = Policy::parse(policy, base).unwrap();
    let granted = Arc::new(Granted::open(&policy, "guest", &shared).unwrap());
    let limits: Arc<Limits> = Arc::new(policy.limits);
    let mut call = Call::new("guest".into(), &granted, limits);
    call.begin(Instant::now(), 1);
    call.meter.enter_host(1 << 40);
    (call, told)
}

fn target() -> String {
    "out/file".to_owned()
}

/// The decision on it.
fn decided(call: &Call) -> Result<FileDecision, Reason> {
    decide::files(&call.granted.grants, "out", "file", Access::ReadWrite)
}

fn take(told: &Told) -> Vec<String> {
    std::mem::take(&mut *told.lock().unwrap())
}

#[tokio::test]
async fn a_file_is_as_it_was_when_its_change_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let file = folder.path().join("out/file");
    let policy =
        "[[grants.files]]\nroot = 'out'\npath = 'out'\naccess = 'read-write'\nmax-files = 4";
    let (mut call, told) = call(policy, folder.path(), move || {
        std::fs::read_to_string(&file).unwrap_or_else(|_| "none".to_owned())
    });
    for content in ["one", "two"] {
        let data = content.as_bytes().to_vec();
        call.write_file("out", "file", data)
            .await
            .ok()
            .unwrap()
            .ok()
            .unwrap();
    }
    assert_eq!(
        take(&told),
        ["out/file allowed: none", "out/file allowed: one"]
    );
    let one = FileUse { bytes: 0, files: 1 };
    let decision = decided(&call);
    let removed = call.with_granted_dir(target(), decision, one, |dir, path| {
        Ok(dir.remove_file(path)?)
    });
    assert!(matches!(removed.await, Ok(Ok(()))));
    assert_eq!(take(&told), ["out/file allowed: two"]);
    // A denial by the state of the file system is told when it is found.
    let decision = decided(&call);
    let found = call.with_granted_dir(target(), decision, one, |dir, path| {
        dir.write(path, "found")?;
        Err::<(), _>(FileFailure::Denied(Reason::OutsideRoot))
    });
    assert!(matches!(found.await, Ok(Err(FileFailure::Denied(_)))));
    assert_eq!(
        take(&told),
        ["out/file allowed: none", "out/file outside-root: found"]
    );
    let denied = call.write_file("out", "file", b"three".to_vec()).await;
    assert!(denied.ok().unwrap().is_err());
    assert_eq!(take(&told), ["out/file quota: found"]);
}

/// The call is dropped while its job is under way, and the decision is in the log all the same.
#[tokio::test]
async fn a_call_that_ends_during_an_act_leaves_its_decisions() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    let policy = "[[grants.files]]\nroot = 'out'\npath = 'out'\naccess = 'read-write'";
    let (mut call, told) = call(policy, folder.path(), String::new);
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let task = tokio::spawn(async move {
        let one = FileUse { bytes: 0, files: 1 };
        let act = move |_: &Folder, _: &Path| {
            begun.send(()).unwrap();
            wait.recv().unwrap();
            Err::<(), _>(FileFailure::Denied(Reason::Link))
        };
        let decision = decided(&call);
        let _ = call.with_granted_dir(target(), decision, one, act).await;
    });
    begins.await.unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(take(&told), ["out/file allowed: "]);
    go.send(()).unwrap();
    let mut rest = Vec::new();
    for _ in 0..500 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        rest.extend(take(&told));
        if !rest.is_empty() {
            break;
        }
    }
    assert_eq!(rest, ["out/file link: "]);
}

#[tokio::test]
async fn a_store_is_as_it_was_when_its_change_is_told() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["", "path = 'state.redb'\nnamespace = 'ledger'\n"] {
        let slot: Arc<OnceLock<Arc<Granted>>> = Arc::default();
        let filled = Arc::clone(&slot);
        let policy = format!("[grants.store]\n{path}max-keys = 1");
        let (mut call, told) = call(&policy, folder.path(), move || {
            let store = slot.get().and_then(|granted| granted.store.as_ref());
            store.map_or("none".to_owned(), |store| store.content("bucket", "key"))
        });
        let _ = filled.set(Arc::clone(&call.granted));
        let bucket = call
            .open_bucket("bucket".to_owned())
            .await
            .ok()
            .unwrap()
            .ok()
            .unwrap();
        take(&told);
        for value in [Some("one"), Some("two"), None] {
            let value = value.map(|value| value.as_bytes().to_vec());
            let changed = call.change_value(&bucket, "key".to_owned(), value).await;
            assert!(matches!(changed, Ok(Ok(()))));
        }
        let expected =
            ["none", "one", "two"].map(|content| format!("bucket/key allowed: {content}"));
        assert_eq!(take(&told), expected, "{policy}");
        for (key, reason) in [("key", "allowed"), ("other", "quota")] {
            let changed = call
                .change_value(&bucket, key.to_owned(), Some(b"x".to_vec()))
                .await;
            assert_eq!(matches!(changed, Ok(Ok(()))), reason == "allowed");
            let told = take(&told);
            assert!(
                told.len() == 1 && told[0].starts_with(&format!("bucket/{key} {reason}:")),
                "{told:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_request_is_told_before_it_goes_out() {
    for (host, networks, lines) in [
        ("127.0.0.1", "['loopback']", &["allowed: silence"][..]),
        // An address is decided on at once, a name when it has been looked up.
        ("127.0.0.1", "['private']", &["private-address: silence"]),
        (
            "localhost",
            "['private']",
            &["allowed: silence", "private-address: silence"],
        ),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let policy =
            format!("grants.http = [{{ url = 'http://{host}:{port}/**', networks = {networks} }}]");
        let (mut call, told) = call(&policy, Path::new(""), move || match listener.accept() {
            Ok(_) => "a connection".to_owned(),
            Err(_) => "silence".to_owned(),
        });
        let request = HttpRequest {
            method: HttpMethod::Get,
            url: format!("http://{host}:{port}/a"),
            headers: Vec::new(),
            body: Vec::new(),
        };
        // The server does not answer, so the request ends with the call.
        let sent = call.send_http(request);
        let _ = tokio::time::timeout(std::time::Duration::from_millis(300), sent).await;
        let expected = lines
            .iter()
            .map(|line| format!("http://{host}:{port}/a {line}"));
        assert_eq!(take(&told), expected.collect::<Vec<_>>(), "{policy}");
    }
}
