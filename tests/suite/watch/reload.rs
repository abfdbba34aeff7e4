//! A folder that is served while it changes: loads, replacements, and calls that continue as they began.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::time::Duration;

use tokio::sync::Semaphore;
use tollgate::watch::Event;
use tollgate::{CallError, Outcome, Runtime};
use wasmtime::StoreContextMut;

use support::audit_log::Listener;
use support::clock::CLOCK;
use support::harness::{returned, wait};
use support::watched_folder::{Watched, bytes, digest, touch, version};

#[test]
fn what_is_there_at_the_start_serves_and_one_bad_file_hides_no_other() {
    let mut watched = Watched::new();
    for guest in ["counter", "echo", "checksums"] {
        watched.install(guest, &bytes(guest));
        watched.write(&format!("{guest}.toml"), "");
    }
    watched.install("bad", b"noise");
    watched.write("bad.toml", "");
    watched.install("unruled", &bytes("echo"));
    watched.write("notes.txt", "no component");
    watched.serve(|watch| watch);
    // By name, each with its result.
    assert_eq!(watched.wrong("failed", "bad"), "malformed");
    assert_eq!(watched.wrong("failed", "checksums"), "imports");
    assert_eq!(watched.next("loaded").name(), Some("counter"));
    assert_eq!(watched.next("loaded").name(), Some("echo"));
    assert_eq!(watched.wrong("failed", "unruled"), "no-policy");
    watched.nothing_else();

    let report = watched.get("echo").unwrap().session().run(b"hello");
    assert_eq!(returned(&report.unwrap()), "hello");
    for name in ["bad", "checksums", "unruled", "notes", "", "../echo"] {
        assert!(watched.get(name).is_none(), "{name}");
    }
    let served = watched.folder().served();
    let state = served.iter().map(|(name, entry)| {
        let error = entry.error.as_ref().map(|error| error.label());
        assert_eq!(entry.provider.is_none(), error.is_some());
        (name, error)
    });
    assert_eq!(
        state.collect::<Vec<_>>(),
        [
            ("bad", Some("malformed")),
            ("checksums", Some("imports")),
            ("counter", None),
            ("echo", None),
            ("unruled", Some("no-policy")),
        ]
    );
    assert!(served.problem().is_none());
}

/// Host functions that wait for the test.
struct Gate {
    open: Semaphore,
    waiting: AtomicUsize,
}

fn gated() -> (Runtime, Arc<Gate>) {
    let gate = Arc::new(Gate {
        open: Semaphore::new(0),
        waiting: AtomicUsize::new(0),
    });
    let guard = Arc::clone(&gate);
    let runtime = support::harness::builder()
        .concurrency(4)
        .interface("acme:clock/sleep@0.1.0", move |linker| {
            let mut interface = linker.instance("acme:clock/sleep@0.1.0")?;
            let gate = Arc::clone(&guard);
            interface.func_wrap_async(
                "sleep",
                move |_: StoreContextMut<'_, tollgate::CallContext>, (_,): (u32,)| {
                    let gate = Arc::clone(&gate);
                    Box::new(async move {
                        gate.waiting.fetch_add(1, Ordering::SeqCst);
                        gate.open.acquire().await?.forget();
                        Ok(())
                    })
                },
            )?;
            interface.func_wrap("block", |_, (_,): (u32,)| Ok(()))?;
            interface.func_wrap("panic", |_, (): ()| Ok(()))
        })
        .unwrap();
    (runtime.build(), gate)
}

/// The call is in the middle of a host function while its provider is replaced, and then removed.
#[test]
fn a_call_under_way_finishes_on_what_it_began_with() {
    let (runtime, gate) = gated();
    let mut watched = Watched::new();
    let old = bytes("sleeper");
    watched.install("x", &old);
    watched.write("x.toml", CLOCK);
    watched.serve_by(&runtime, |watch| watch).unwrap();
    watched.next("loaded");
    let provider = watched.folder().get("x").unwrap();
    let call = async {
        let mut session = provider.session();
        let first = session.wave("once(1)").await.unwrap();
        // The session stays with its provider, too.
        let second = session.wave("once(1)").await.unwrap();
        [first, second]
    };
    let change = async {
        while gate.waiting.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let new = bytes("echo");
        watched.install("x", &new);
        let event = watched.next("replaced");
        match event {
            Event::Replaced {
                ref from, ref to, ..
            } => {
                assert_eq!((from, to), (&digest(&old), &digest(&new)));
                let text = event.to_string();
                assert!(
                    text.ends_with(&format!("replaced: {from} by {to}")),
                    "{text}"
                );
            }
            ref other => panic!("{other}"),
        }
        let fresh = watched.folder().get("x").unwrap();
        let report = fresh.session().run(b"new").await.unwrap();
        assert_eq!(report.provider.digest, digest(&new));
        assert_eq!(returned(&report), "new");
        gate.open.add_permits(1);
        watched.remove("x.wasm");
        watched.next("removed");
        assert!(watched.folder().get("x").is_none());
        gate.open.add_permits(1);
    };
    let (reports, ()) = wait(async { tokio::join!(call, change) });
    for report in reports {
        assert_eq!(report.outcome, Outcome::Returned(String::new()));
        assert_eq!(report.provider.digest, digest(&old));
    }
}

#[test]
fn a_session_goes_on_with_its_memory_and_the_next_one_is_new() {
    let watched = Watched::with(&["counter"]);
    let mut session = watched.get("counter").unwrap().session();
    let next = |session: &mut tollgate::blocking::Session| {
        let report = session.wave("next()").unwrap();
        (
            report.outcome.returned().unwrap(),
            report.provider.digest.clone(),
        )
    };
    let old = digest(&bytes("counter"));
    assert_eq!(next(&mut session), ("1".to_owned(), old.clone()));
    let snapshot = watched.folder().served();
    for number in 1..=3 {
        watched.install("counter", &version("counter", number));
        watched.next("replaced");
    }
    let new = digest(&version("counter", 3));
    assert_eq!(next(&mut session), ("2".to_owned(), old.clone()));
    let mut fresh = watched.get("counter").unwrap().session();
    assert_eq!(next(&mut fresh), ("1".to_owned(), new));
    // An earlier snapshot keeps the providers of its time.
    assert_eq!(snapshot.get("counter").unwrap().info().digest, old);
    watched.remove("counter.wasm");
    watched.next("removed");
    assert_eq!(next(&mut session), ("3".to_owned(), old));
    assert_eq!(session.wave("trap()").unwrap().outcome.label(), "faulted");
    assert!(matches!(session.wave("next()"), Err(CallError::Ended)));
    assert!(snapshot.get("counter").is_some() && watched.get("counter").is_none());
}

#[test]
fn a_bad_file_leaves_the_old_one_serving_and_a_good_one_follows() {
    let watched = Watched::with(&["echo"]);
    let old = digest(&bytes("echo"));
    let cut = bytes("counter");
    for (bad, reason) in [
        (b"noise".to_vec(), "malformed"),
        (Vec::new(), "malformed"),
        (cut[..cut.len() / 2].to_vec(), "malformed"),
        (bytes("core-module"), "not-a-component"),
        (bytes("checksums"), "imports"),
        (bytes("newer-version"), "world-version"),
    ] {
        watched.install("echo", &bad);
        assert_eq!(watched.wrong("rejected", "echo"), reason);
        assert_eq!(watched.digest("echo").as_ref(), Some(&old));
        let report = watched.get("echo").unwrap().session().run(b"still");
        assert_eq!(returned(&report.unwrap()), "still");
        let served = watched.folder().served();
        let (_, entry) = served.iter().next().unwrap();
        assert_eq!(entry.error.as_ref().unwrap().label(), reason);
    }
    let new = version("echo", 2);
    watched.install("echo", &new);
    watched.next("replaced");
    assert_eq!(watched.digest("echo"), Some(digest(&new)));
    assert!(all_is_well(&watched));
    // The file is again the one that serves: nothing is replaced, and nothing is wrong any more.
    watched.install("echo", b"noise");
    watched.wrong("rejected", "echo");
    watched.install("echo", &new);
    watched.next("up-to-date");
    assert!(all_is_well(&watched));
    watched.nothing_else();
}

fn all_is_well(watched: &Watched) -> bool {
    let served = watched.folder().served();
    served.iter().all(|(_, entry)| entry.error.is_none())
}

/// Written in place and slowly, as `cp` does: a half-written file is a bad one, and the whole file is a good one.
#[test]
fn a_file_that_is_still_being_written_is_not_the_end_of_it() {
    use std::io::Write as _;
    let watched = Watched::with(&["echo"]);
    let new = version("echo", 2);
    let mut file = std::fs::File::create(watched.path().join("echo.wasm")).unwrap();
    file.write_all(&new[..new.len() / 2]).unwrap();
    assert_eq!(watched.wrong("rejected", "echo"), "malformed");
    file.write_all(&new[new.len() / 2..]).unwrap();
    drop(file);
    watched.next("replaced");
    assert_eq!(watched.digest("echo"), Some(digest(&new)));
}

#[test]
fn what_is_touched_or_written_again_is_left_alone() {
    let watched = Watched::with(&["counter", "echo"]);
    let before = watched.folder().get("echo").unwrap();
    for file in ["echo.wasm", "echo.toml"] {
        touch(&watched.path().join(file));
    }
    watched.nothing_else();
    watched.install("echo", &bytes("echo"));
    watched.write("echo.toml", "");
    watched.nothing_else();
    watched.folder().rescan();
    // The same policy in other words.
    watched.write("echo.toml", "# nothing is granted\n[limits]\n");
    watched.nothing_else();
    // A rescan does not load it anew either.
    let after = watched.folder().get("echo").unwrap();
    assert!(Arc::ptr_eq(before.info(), after.info()));
}

#[test]
fn a_file_that_is_removed_serves_no_more() {
    let watched = Watched::with(&["counter", "echo"]);
    watched.remove("echo.wasm");
    assert_eq!(watched.next("removed").name(), Some("echo"));
    assert!(watched.get("echo").is_none() && watched.get("counter").is_some());
    assert_eq!(watched.folder().served().iter().count(), 1);
    watched.install("echo", &bytes("echo"));
    watched.next("loaded");
    // A file of another name is another provider.
    std::fs::rename(
        watched.path().join("echo.wasm"),
        watched.path().join("parrot.wasm"),
    )
    .unwrap();
    watched.next("removed");
    assert_eq!(watched.wrong("failed", "parrot"), "no-policy");
}

/// A change that the system does not report is found by looking: here behind a link out of the folder.
#[cfg(unix)]
#[test]
fn what_nobody_tells_of_is_found_in_time() {
    let mut watched = Watched::new();
    let outside = watched.workdir.path().join("outside.wasm");
    std::fs::write(&outside, bytes("echo")).unwrap();
    watched.write("x.toml", "");
    std::os::unix::fs::symlink(&outside, watched.path().join("x.wasm")).unwrap();
    watched.serve(|watch| watch.poll_interval(Duration::from_millis(50)));
    watched.next("loaded");
    let new = version("echo", 2);
    std::fs::write(watched.workdir.path().join("new"), &new).unwrap();
    std::fs::rename(watched.workdir.path().join("new"), &outside).unwrap();
    watched.next("replaced");
    assert_eq!(watched.digest("x"), Some(digest(&new)));
    // A requested rescan finds it at once.
    watched.stop();
    watched.serve(|watch| watch);
    watched.next("loaded");
    std::fs::write(watched.workdir.path().join("new"), bytes("echo")).unwrap();
    std::fs::rename(watched.workdir.path().join("new"), &outside).unwrap();
    watched.folder().rescan();
    watched.next("replaced");
}

/// The async API, which `Watched` does not use.
#[test]
fn it_is_the_same_for_async_programs() {
    let watched = Watched::with(&["echo"]);
    wait(async {
        let runtime = support::harness::runtime();
        let watch = || tollgate::watch::WatchOptions::new(watched.path());
        let folder = runtime.watch(watch()).await.unwrap();
        let report = folder.get("echo").unwrap().session().run(b"x").await;
        assert_eq!(returned(&report.unwrap()), "x");
        let none = runtime
            .watch(tollgate::watch::WatchOptions::new("no/such"))
            .await;
        assert!(none.unwrap_err().to_string().contains("no/such"));
    });
}

/// An event that an operator should look at is a warning; other events are not.
#[test]
fn the_log_has_what_is_told() {
    let listener = Listener::default();
    let (heard, (tell, told)) = (listener.clone(), channel());
    let mut watched = Watched::new();
    watched.install("a", &bytes("echo"));
    watched.write("a.toml", "");
    watched.serve(|watch| {
        let mut listens = false;
        watch.on_event(move |event| {
            // The log is one thread's, and this is told on the one that looks after the folder.
            if !std::mem::replace(&mut listens, true) {
                std::mem::forget(tracing::subscriber::set_default(heard.clone()));
            }
            tell.send(event.label()).unwrap();
        })
    });
    let next = || told.recv_timeout(Duration::from_secs(30)).unwrap();
    assert_eq!(next(), "loaded");
    watched.install("a", b"noise");
    assert_eq!(next(), "rejected");
    watched.install("a", &version("echo", 1));
    assert_eq!(next(), "replaced");
    let lines = listener.lines("tollgate::watch");
    let [kept, replaced] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert!(
        kept.starts_with("WARN a: rejected, keeping the previous version: "),
        "{kept}"
    );
    assert!(kept.ends_with(" a rejected"), "{kept}");
    assert!(replaced.starts_with("INFO a: replaced: "), "{replaced}");
}
