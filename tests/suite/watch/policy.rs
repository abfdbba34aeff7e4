//! Policies, signatures and pins of a folder that is served: a policy that changes holds at once, and none is
//! loosened by something that is missing.

use std::time::Duration;

use tollgate::policy::{Access, FileGrant, Lock, Trust};
use tollgate::{Limits, Policy};

use support::harness::{policy, returned};
use support::signer::Author;
use support::watched_folder::{Watched, bytes, digest, version};

#[test]
fn a_policy_that_changes_holds_for_the_same_component() {
    let watched = Watched::with(&["echo"]);
    let calls = || watched.get("echo").unwrap().as_async().limits().host_calls;
    assert_eq!(calls(), Limits::default().host_calls);
    let same = digest(&bytes("echo"));
    watched.write("echo.toml", "limits.host-calls = 1234567");
    let event = watched.next("replaced");
    match &event {
        tollgate::watch::Event::Replaced { from, to, .. } => {
            assert_eq!((from, to), (&same, &same));
        }
        other => panic!("{other}"),
    }
    assert!(
        event.to_string().contains("under its new policy"),
        "{event}"
    );
    assert_eq!(calls(), 1_234_567);
    // A grant, too, where it was missing.
    watched.install("hashes", &bytes("checksums"));
    assert_eq!(watched.wrong("failed", "hashes"), "no-policy");
    watched.write("hashes.toml", "grants.log = true");
    assert_eq!(watched.wrong("failed", "hashes"), "imports");
    std::fs::create_dir(watched.path().join("data")).unwrap();
    let grants = "grants = { log = true, hash = true, files = [{ root = \"data\", path = \"./data\", access = \"read\" }] }";
    watched.write("hashes.toml", grants);
    watched.next("loaded");
}

#[test]
fn a_policy_with_a_mistake_changes_nothing() {
    let watched = Watched::with(&["echo"]);
    watched.write("echo.toml", "limits.host-calls = 1234567");
    watched.next("replaced");
    for (bad, words) in [
        (
            "limits.host-calls = \"\u{1b}[31m\"",
            "echo.toml:1:22: limits.host-calls",
        ),
        ("limits.memry = 1", "did you mean `memory`"),
        ("<<<<<<< ours", "echo.toml:1:"),
        ("grants.wasi = { stdio = \"inherit\" }", "does not allow"),
    ] {
        watched.write("echo.toml", bad);
        let event = watched.next("rejected").to_string();
        assert!(
            event.contains(words) && !event.contains('\u{1b}'),
            "{event}"
        );
        let limits = watched.get("echo").unwrap().as_async().limits().clone();
        assert_eq!(limits.host_calls, 1_234_567, "{bad}");
    }
    // A new component is not loaded under the old policy or without one.
    watched.install("echo", &version("echo", 2));
    watched.wrong("rejected", "echo");
    watched.write("echo.toml", "limits.host-calls = 7654321");
    watched.next("replaced");
    assert_eq!(watched.digest("echo"), Some(digest(&version("echo", 2))));
}

/// With a wider default there, a policy that disappears would widen the rights of its provider.
#[test]
fn a_policy_that_is_gone_is_not_the_default_policy() {
    let mut watched = Watched::new();
    watched.install("echo", &bytes("echo"));
    watched.install("free", &bytes("counter"));
    watched.write("echo.toml", "limits.host-calls = 1234567");
    let wide = policy("limits.host-calls = 4_000_000_000");
    watched.serve(|watch| watch.default_policy(wide));
    watched.next("loaded");
    watched.next("loaded");
    let calls = |name| watched.get(name).unwrap().as_async().limits().host_calls;
    assert_eq!((calls("echo"), calls("free")), (1_234_567, 4_000_000_000));
    watched.remove("echo.toml");
    assert_eq!(watched.wrong("rejected", "echo"), "policy-gone");
    assert_eq!(calls("echo"), 1_234_567);
    // No other component gets it, on any later event.
    watched.install("echo", &version("echo", 2));
    watched.nothing_else();
    watched.folder().rescan();
    assert_eq!(watched.wrong("rejected", "echo"), "policy-gone");
    assert_eq!(watched.digest("echo"), Some(digest(&bytes("echo"))));
    // A link that leads nowhere is not the absence of a policy.
    #[cfg(unix)]
    {
        let policy = watched.path().join("free.toml");
        std::os::unix::fs::symlink("nowhere", policy).unwrap();
        assert_eq!(watched.wrong("rejected", "free"), "unreadable");
    }
    watched.write("echo.toml", "limits.host-calls = 1234567");
    watched.next("replaced");
    assert_eq!(watched.digest("echo"), Some(digest(&version("echo", 2))));
    // It had one even when it never served.
    watched.install("late", b"noise");
    watched.write("late.toml", "");
    watched.wrong("failed", "late");
    watched.remove("late.toml");
    assert_eq!(watched.wrong("failed", "late"), "policy-gone");
    // A policy with a mistake counts as a policy.
    watched.write("more.toml", "<<<<<<< ours");
    watched.install("more", &bytes("echo"));
    assert_eq!(watched.wrong("failed", "more"), "policy");
    watched.remove("more.toml");
    assert_eq!(watched.wrong("failed", "more"), "policy-gone");
}

#[test]
fn what_is_not_signed_as_it_was_replaces_nothing() {
    let (author, other) = (Author::new(1), Author::new(2));
    let mut watched = Watched::new();
    let good = bytes("echo");
    watched.install_signed("echo", &good, &author);
    watched.write("echo.toml", author.policy());
    watched.serve(|watch| watch);
    watched.next("loaded");
    let reason = || {
        let event = watched.next("rejected");
        let refusal = event.error().unwrap().refusal().unwrap();
        assert_eq!(watched.digest("echo"), Some(digest(&good)), "{event}");
        refusal.signature.unwrap().label()
    };
    let (newer, forged) = (version("echo", 2), bytes("counter"));
    // The same bytes, and their signature is gone, another's, of the old kind, another file's.
    watched.remove("echo.wasm.minisig");
    assert_eq!(reason(), "missing");
    for (signature, expected) in [
        (other.sign(&good, "echo.wasm"), "unknown-key"),
        (
            Author::with_id(2, [1; 8]).sign(&good, "echo.wasm"),
            "altered",
        ),
        (author.sign_legacy(&good, "echo.wasm"), "legacy"),
        (author.sign(&good, "parrot.wasm"), "renamed"),
        ("noise".to_owned(), "malformed"),
    ] {
        watched.write("echo.wasm.minisig", signature);
        assert_eq!(reason(), expected);
    }
    watched.write("echo.wasm.minisig", author.sign(&good, "echo.wasm"));
    watched.next("up-to-date");
    // Other bytes.
    watched.install("echo", &forged);
    assert_eq!(reason(), "altered");
    watched.install_signed("echo", &forged, &other);
    assert_eq!(reason(), "unknown-key");
    watched.install_signed("echo", &newer, &author);
    watched.next("replaced");
    assert_eq!(watched.digest("echo"), Some(digest(&newer)));
    assert!(
        watched
            .get("echo")
            .unwrap()
            .as_async()
            .info()
            .signer
            .is_some()
    );
}

/// A component is the supplier's; a policy is the operator's, and counts at once.
#[test]
fn a_key_that_is_not_trusted_any_more_is_not_served_any_more() {
    let (author, other) = (Author::new(1), Author::new(2));
    let mut watched = Watched::new();
    watched.install_signed("echo", &bytes("echo"), &author);
    watched.write("echo.toml", author.policy());
    watched.serve(|watch| watch);
    watched.next("loaded");
    let mut session = watched.get("echo").unwrap().session();
    assert_eq!(returned(&session.run(b"before").unwrap()), "before");
    watched.write("echo.toml", other.policy());
    assert_eq!(watched.wrong("revoked", "echo"), "signature");
    assert!(watched.get("echo").is_none());
    assert_eq!(returned(&session.run(b"under way").unwrap()), "under way");
    watched.nothing_else();
    watched.write("echo.toml", author.policy());
    watched.next("loaded");
    // A bad file beside the policy does not keep the policy from holding.
    watched.install("echo", b"noise");
    assert_eq!(watched.wrong("rejected", "echo"), "signature");
    watched.write(
        "echo.toml",
        format!("{}limits.host-calls = 1234567", author.policy()),
    );
    watched.next("replaced");
    assert_eq!(watched.wrong("rejected", "echo"), "signature");
    let provider = watched.get("echo").unwrap();
    assert_eq!(provider.as_async().limits().host_calls, 1_234_567);
    assert_eq!(watched.digest("echo"), Some(digest(&bytes("echo"))));
    watched.write("echo.toml", other.policy());
    assert_eq!(watched.wrong("revoked", "echo"), "signature");
    assert!(watched.get("echo").is_none());
    watched.nothing_else();
}

/// Grants that are taken back are no longer there, either.
#[test]
fn a_grant_that_is_taken_back_is_taken_back() {
    let mut watched = Watched::new();
    watched.install("checksums", &bytes("checksums"));
    let grants = "grants = { log = true, hash = true, files = [{ root = \"data\", path = \".\", access = \"read\" }] }";
    watched.write("checksums.toml", grants);
    watched.serve(|watch| watch);
    watched.next("loaded");
    watched.write("checksums.toml", "grants.log = true");
    assert_eq!(watched.wrong("revoked", "checksums"), "imports");
    assert!(watched.get("checksums").is_none());
    watched.nothing_else();
    watched.write("checksums.toml", grants);
    watched.next("loaded");
    watched.write(
        "checksums.toml",
        format!("{grants}\nlimits.component-size = 10"),
    );
    assert_eq!(watched.wrong("revoked", "checksums"), "too-large");
}

/// A writer of policies in the folder cannot weaken the rules that the embedder sets for all of them.
#[test]
fn what_is_asked_of_all_is_asked_whatever_a_policy_says() {
    let (author, forger) = (Author::new(1), Author::new(2));
    let mut watched = Watched::new();
    for (name, rules) in [
        ("a", String::new()),
        ("b", forger.policy()),
        ("c", "trust.keys = []".to_owned()),
    ] {
        watched.install_signed(name, &bytes("echo"), &forger);
        watched.write(&format!("{name}.toml"), rules);
    }
    watched.install_signed("d", &bytes("echo"), &author);
    watched.write("d.toml", "");
    let mut trust = Trust::default();
    trust.add_key(author.key()).unwrap();
    watched.serve(|watch| watch.trust(trust).default_policy(Policy::default()));
    for name in ["a", "b", "c"] {
        assert_eq!(watched.wrong("failed", name), "signature");
    }
    assert_eq!(watched.next("loaded").name(), Some("d"));
    // The default policy has the same rules.
    watched.install("e", &bytes("echo"));
    assert_eq!(watched.wrong("failed", "e"), "signature");
}

/// It could write another component, another policy or the pins.
#[test]
fn no_component_may_write_where_it_is_served_from() {
    let mut watched = Watched::new();
    watched.install("echo", &bytes("echo"));
    let mut open = Policy::default();
    let root = FileGrant::new("data", watched.path(), Access::ReadWrite);
    open.grants.files.push(root);
    watched.serve(|watch| watch.default_policy(open));
    let event = watched.next("failed");
    let said = event.error().unwrap().to_string();
    assert!(
        said.contains("the root `data` covers the component, "),
        "{said}"
    );
    let own = "grants.files = [{ root = \"data\", path = \".\", access = \"read-write\" }]";
    watched.write("echo.toml", own);
    assert_eq!(watched.wrong("failed", "echo"), "policy");
    watched.write("echo.toml", own.replace("read-write", "read"));
    watched.next("loaded");
}

#[test]
fn policies_can_be_where_components_are_not() {
    let mut watched = Watched::new();
    let policies = watched.workdir.path().join("policies");
    std::fs::create_dir_all(policies.join("data")).unwrap();
    watched.install("checksums", &bytes("checksums"));
    watched.write("checksums.toml", "limits.host-calls = 7");
    watched.serve(|watch| watch.policies(&policies));
    assert_eq!(watched.wrong("failed", "checksums"), "no-policy");
    // The policy beside the component is not read; the one in the policies' folder is, and its paths are relative to
    // that.
    let grants = "grants = { log = true, hash = true, files = [{ root = \"data\", path = \"./data\", access = \"read\" }] }";
    std::fs::write(policies.join("checksums.toml"), grants).unwrap();
    watched.next("loaded");
    let provider = watched.get("checksums").unwrap();
    assert_eq!(provider.as_async().limits(), &Limits::default());
}

/// A policy that names an object that does not exist yet is tried again, and told of once. A look at the folder does
/// not cause another look, which would never end.
#[test]
fn what_is_missing_may_come_later() {
    for every in [Duration::from_millis(30), Duration::from_secs(3600)] {
        missing_at_first(every);
    }
}

fn missing_at_first(every: Duration) {
    let mut watched = Watched::new();
    watched.install("checksums", &bytes("checksums"));
    let folder = watched.workdir.path().join("elsewhere");
    let grants = format!(
        "grants = {{ log = true, hash = true, files = [{{ root = \"data\", path = \"{}\", access = \"read\" }}] }}",
        folder.display()
    );
    watched.write("checksums.toml", grants);
    watched.serve(|watch| watch.poll_interval(every));
    assert_eq!(watched.wrong("failed", "checksums"), "load");
    watched.nothing_else();
    watched.is_quiet();
    std::fs::create_dir(folder).unwrap();
    if every > Duration::from_secs(60) {
        watched.is_quiet();
        watched.folder().rescan();
    }
    watched.next("loaded");
}

/// No component that it pins has changed, and for a long time.
#[test]
fn a_lock_that_changes_is_asked_again() {
    let mut watched = Watched::new();
    let (own, other) = (bytes("echo"), version("echo", 2));
    let lock = |pinned: &[u8]| {
        let mut lock = Lock::default();
        lock.pin("echo.wasm", &digest(pinned)).unwrap();
        lock.to_toml()
    };
    watched.install("echo", &own);
    watched.write("echo.toml", "");
    watched.write(Lock::FILE, lock(&own));
    // Older than the time in which a change may stay unseen.
    std::thread::sleep(std::time::Duration::from_millis(4_100));
    watched.serve(|watch| watch.locked());
    watched.next("loaded");
    watched.write(Lock::FILE, lock(&other));
    assert_eq!(watched.wrong("rejected", "echo"), "digest");
    watched.write(Lock::FILE, lock(&own));
    watched.next("up-to-date");
    // A new policy is told as one.
    watched.write("echo.toml", "limits.host-calls = 1234567");
    let event = watched.next("replaced").to_string();
    assert!(event.contains("under its new policy"), "{event}");
    watched.install("echo", &other);
    watched.write(Lock::FILE, lock(&other));
    while watched.any().label() != "replaced" {}
    assert_eq!(watched.digest("echo"), Some(digest(&other)));
    assert_eq!(
        format!("{:?}", watched.folder()),
        r#"WatchedFolder { names: ["echo"], .. }"#
    );
}

#[test]
fn what_is_not_pinned_is_not_let_in() {
    let mut watched = Watched::new();
    let (old, new) = (bytes("echo"), version("echo", 2));
    let lock = |pins: &[&[u8]]| {
        let mut lock = Lock::default();
        for pinned in pins {
            lock.pin("echo.wasm", &digest(pinned)).unwrap();
        }
        lock.to_toml()
    };
    for name in ["counter", "echo"] {
        watched.install(name, &bytes(name));
        watched.write(&format!("{name}.toml"), "");
    }
    watched.write(Lock::FILE, lock(&[&old]));
    watched.serve(|watch| watch.locked());
    assert_eq!(watched.wrong("failed", "counter"), "digest");
    watched.next("loaded");
    watched.install("echo", &new);
    let event = watched.next("rejected").to_string();
    let line = Lock::line("echo.wasm", &digest(&old));
    assert!(
        event.contains(&format!("delete the line `{line}`")),
        "{event}"
    );
    // Its line is deleted, which lets nothing in and stops nothing; and then the new one is pinned.
    watched.write(Lock::FILE, lock(&[]));
    assert_eq!(watched.wrong("rejected", "echo"), "digest");
    assert_eq!(watched.digest("echo"), Some(digest(&old)));
    // The serving provider is held to a new policy all the same.
    watched.write("echo.toml", "limits.host-calls = 1234567");
    watched.next("replaced");
    assert_eq!(watched.wrong("rejected", "echo"), "digest");
    assert_eq!(watched.digest("echo"), Some(digest(&old)));
    watched.write(Lock::FILE, lock(&[&new]));
    watched.next("replaced");
    assert_eq!(watched.digest("echo"), Some(digest(&new)));
    // A lock file that is not understood pins nothing, so nothing is let in.
    watched.write(Lock::FILE, "<<<<<<< ours");
    let event = watched.next("folder-lost").to_string();
    assert!(event.contains("tollgate.lock: 1:"), "{event}");
    watched.install("echo", &old);
    watched.write(Lock::FILE, lock(&[&new]));
    assert_eq!(watched.wrong("rejected", "echo"), "digest");
    watched.next("folder-restored");
    watched.remove(Lock::FILE);
    assert_eq!(watched.wrong("rejected", "echo"), "digest");
    // At the start it is an error: nothing serves yet that could continue.
    watched.stop();
    watched.write(Lock::FILE, "version = 2");
    let error = watched.serve_by(support::harness::runtime(), |watch| watch.locked());
    assert!(error.unwrap_err().to_string().contains("write 1"));
}
