//! Hostile files in a folder that is served: pipes, folders, names, floods.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tollgate::watch::{Event, WatchOptions};

use support::harness::alone;
use support::invariant;
use support::watched_folder::{Watched, bytes, digest, touch, version};

/// A file that would block its reader is not opened.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_told_and_not_waited_for() {
    let mut watched = Watched::new();
    watched.install("z", &bytes("echo"));
    watched.write("z.toml", "");
    let folder = watched.path();
    let path = |name: &str| folder.join(name);
    let pipe = |name: &str| support::file_roots::add_fifo(&path(name));
    pipe("a.wasm");
    watched.write("a.toml", "");
    std::fs::create_dir(path("b.wasm")).unwrap();
    watched.write("b.toml", "");
    std::os::unix::fs::symlink("nowhere", path("c.wasm")).unwrap();
    watched.write("c.toml", "");
    std::os::unix::fs::symlink("d.wasm", path("d.wasm")).unwrap();
    watched.write("d.toml", "");
    std::os::unix::fs::symlink("/dev/zero", path("e.wasm")).unwrap();
    watched.write("e.toml", "");
    watched.install("f", &bytes("echo"));
    pipe("f.toml");
    watched.install("g", &bytes("echo"));
    watched.write("g.toml", "trust.require = true");
    pipe("g.wasm.minisig");
    watched.install("h", &bytes("echo"));
    watched.write("h.toml", " ".repeat(2 << 20));
    watched.install("i", &bytes("echo"));
    watched.write("i.toml", "limits.component-size = 100");
    let huge = std::fs::File::create(path("j.wasm")).unwrap();
    huge.set_len(1 << 40).unwrap();
    watched.write("j.toml", "");
    let start = Instant::now();
    watched.serve(|watch| watch);
    for name in ["a", "b", "c", "d", "e", "f"] {
        assert_eq!(watched.wrong("failed", name), "unreadable");
    }
    assert_eq!(watched.wrong("failed", "g"), "signature");
    assert_eq!(watched.wrong("failed", "h"), "unreadable");
    assert_eq!(watched.wrong("failed", "i"), "too-large");
    assert_eq!(watched.wrong("failed", "j"), "too-large");
    assert_eq!(watched.next("loaded").name(), Some("z"));
    assert!(start.elapsed() < Duration::from_secs(20));
    // One of them in the place of the serving component.
    watched.remove("z.wasm");
    watched.next("removed");
    pipe("z.wasm");
    assert_eq!(watched.wrong("failed", "z"), "unreadable");
    watched.install("z", &bytes("echo"));
    watched.next("loaded");
}

#[cfg(unix)]
#[test]
fn names_are_shown_and_change_nothing_of_what_shows_them() {
    use std::os::unix::ffi::OsStrExt as _;
    let mut watched = Watched::new();
    let hostile = "\u{1b}[31m\r\nloaded\u{202e}";
    let long = "x".repeat(200);
    for name in [hostile, &long, "\u{fffd}"] {
        watched.install(name, &bytes("echo"));
        watched.write(&format!("{name}.toml"), "");
    }
    // No text, and in reports the same as the last of those.
    let bad = watched
        .path()
        .join(std::ffi::OsStr::from_bytes(b"\xff.wasm"));
    std::fs::write(&bad, bytes("counter")).unwrap();
    watched.serve(|watch| watch);
    let mut shown = Vec::new();
    for label in ["loaded", "loaded", "loaded", "failed"] {
        let text = watched.next(label).to_string();
        assert!(
            !text.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{text:?}"
        );
        shown.push(text);
    }
    assert!(shown[0].starts_with("\\u{1b}[31m\\r\\nloaded\\u{202e}: loaded sha256:"));
    assert!(shown[3].contains("not UTF-8"), "{shown:?}");
    for name in [hostile, &long, "\u{fffd}"] {
        assert_eq!(watched.digest(name), Some(digest(&bytes("echo"))), "{name}");
    }
    // The same when the bad file is removed.
    std::fs::remove_file(bad).unwrap();
    watched.next("removed");
    assert!(watched.get("\u{fffd}").is_some());
    // The path in an error, and the text of a policy.
    watched.write(&format!("{hostile}.toml"), "\u{1b}");
    let text = watched.next("rejected").to_string();
    assert!(
        !text.chars().any(|c| c.is_control() || c == '\u{202e}'),
        "{text:?}"
    );
}

/// Events are never kept: one look is due, however many there were, and a storm does not put it off for ever.
#[test]
fn a_storm_of_events_is_looked_into_and_leaves_nothing() {
    let _alone = alone();
    invariant::holds(|| {
        let watched = Watched::with(&["echo"]);
        let (stop, made) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicUsize::new(0)),
        );
        let storm = {
            let (stop, made) = (Arc::clone(&stop), Arc::clone(&made));
            let (file, other) = (
                watched.path().join("echo.wasm"),
                watched.path().join("noise"),
            );
            std::thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    touch(&file);
                    std::fs::write(&other, "noise").unwrap();
                    made.fetch_add(1, Ordering::SeqCst);
                }
            })
        };
        while made.load(Ordering::SeqCst) < 2_000 {
            std::thread::yield_now();
        }
        watched.install("echo", &version("echo", 2));
        watched.next("replaced");
        stop.store(true, Ordering::SeqCst);
        storm.join().unwrap();
        watched.nothing_else();
    });
}

#[test]
fn a_flood_of_files_is_not_looked_at() {
    let mut watched = Watched::new();
    watched.install("echo", &bytes("echo"));
    watched.write("echo.toml", "");
    watched.serve(|watch| watch.max_entries(50));
    watched.next("loaded");
    for number in 0..60 {
        std::fs::write(watched.path().join(format!("{number}.txt")), "").unwrap();
    }
    watched.install("echo", b"noise");
    let event = watched.next("folder-lost").to_string();
    assert!(event.contains("more than 50 entries"), "{event}");
    assert!(watched.get("echo").is_some());
    for number in 0..60 {
        watched.remove(&format!("{number}.txt"));
    }
    watched.wrong("rejected", "echo");
    watched.next("folder-restored");
}

/// Hundreds at once: each is told, and the last serves like the first.
#[test]
fn many_files_are_many_providers() {
    let mut watched = Watched::new();
    for number in 0..300 {
        watched.install(&format!("{number:03}"), b"noise");
    }
    watched.install("last", &bytes("echo"));
    watched.write("last.toml", "");
    watched.serve(|watch| watch);
    for number in 0..300 {
        assert_eq!(
            watched.wrong("failed", &format!("{number:03}")),
            "no-policy"
        );
    }
    watched.next("loaded");
    watched.nothing_else();
}

/// The receiver of events may fail. The folder is watched all the same.
#[test]
fn who_is_told_cannot_stop_it() {
    let _alone = alone();
    let mut watched = Watched::new();
    watched.install("echo", &bytes("echo"));
    watched.write("echo.toml", "");
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    watched.serve(|watch: WatchOptions| {
        watch.on_event(move |_: &Event| {
            count.fetch_add(1, Ordering::SeqCst);
            panic!("a mistake of who is told");
        })
    });
    watched.install("echo", &version("echo", 2));
    let end = Instant::now() + Duration::from_secs(20);
    while watched.digest("echo") != Some(digest(&version("echo", 2))) {
        assert!(Instant::now() < end, "nobody looks after it any more");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::panic::set_hook(quiet);
    assert!(told.load(Ordering::SeqCst) >= 1);
}
