//! The folder itself: gone, back, another one; and nothing is left after its last holder is gone.

use std::time::Duration;

use tollgate::watch::WatchError;
use tollgate::{Catalog, Compiler};

use support::cli::tollgate;
use support::harness::made_of;
use support::harness::{alone, runtime};
use support::invariant;
use support::processes::{children, send, until};
use support::watched_folder::{Watched, bytes, digest, version};

/// A relative path stays that of the start when the current folder of the process changes.
#[test]
fn a_relative_path_is_that_of_the_start() {
    let watch = tollgate::watch::WatchOptions::new("no-such-folder");
    let error = support::harness::blocking()
        .watch(watch)
        .err()
        .unwrap()
        .to_string();
    let here = std::env::current_dir().unwrap();
    let whole = here.join("no-such-folder");
    assert!(error.contains(whole.to_str().unwrap()), "{error}");
}

/// The catalogue that front doors use: the serving providers by name, sorted, and no others.
#[test]
fn a_folder_is_a_catalog() {
    let watched = Watched::with(&["echo", "counter"]);
    watched.install("broken", b"no component");
    watched.next("failed");
    let catalog: &dyn Catalog = watched.folder();
    let names: Vec<_> = catalog.list().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["counter".into(), "echo".into()] as [std::sync::Arc<str>; 2]
    );
    assert!(catalog.get("echo").is_some() && catalog.get("broken").is_none());
    watched.remove("echo.wasm");
    watched.next("removed");
    assert!(catalog.get("echo").is_none() && catalog.list().len() == 1);
}

#[test]
fn what_serves_goes_on_without_its_folder() {
    let watched = Watched::with(&["counter", "echo"]);
    let aside = watched.workdir.path().join("aside");
    let serves = || watched.get("echo").is_some() && watched.get("counter").is_some();
    for _ in 0..2 {
        std::fs::rename(watched.path(), &aside).unwrap();
        watched.next("folder-lost");
        assert!(serves() && watched.folder().served().problem().is_some());
        std::fs::rename(&aside, watched.path()).unwrap();
        // The system does not report a folder that comes back, so a rescan looks for it.
        watched.folder().rescan();
        watched.next("folder-restored");
        assert!(serves() && watched.folder().served().problem().is_none());
        watched.install("echo", &version("echo", 2));
        watched.next("replaced");
        watched.install("echo", &bytes("echo"));
        watched.next("replaced");
    }
}

/// An empty folder is seen in the place of one that was unmounted, or while another one is filled.
#[test]
fn what_serves_goes_on_with_an_empty_folder_in_its_place() {
    let mut watched = Watched::with(&["counter", "echo"]);
    watched.stop();
    // Long enough for all of it to be deleted between two looks.
    watched.serve(|watch| watch.debounce(Duration::from_secs(1)));
    watched.next("loaded");
    watched.next("loaded");
    let serves = || watched.get("echo").is_some() && watched.get("counter").is_some();
    std::fs::remove_dir_all(watched.path()).unwrap();
    watched.next("folder-lost");
    std::fs::create_dir(watched.path()).unwrap();
    watched.folder().rescan();
    watched.next("folder-lost");
    assert!(serves());
    watched.write("echo.toml", "");
    watched.install("echo", &version("echo", 3));
    // After the folder is back, a component that it lacks does not serve.
    assert_eq!(watched.next("removed").name(), Some("counter"));
    watched.next("replaced");
    watched.next("folder-restored");
    // From then on it is a folder like any other.
    watched.remove("echo.wasm");
    watched.next("removed");
    watched.nothing_else();
}

/// A common way to bring a new version of all components: a link that leads to another folder.
#[cfg(unix)]
#[test]
fn a_folder_may_be_a_link_that_leads_elsewhere() {
    let mut watched = Watched::new();
    let releases = watched.workdir.path().join("releases");
    for (release, version) in [("1", bytes("echo")), ("2", version("echo", 2))] {
        let folder = releases.join(release);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("echo.wasm"), version).unwrap();
        std::fs::write(folder.join("echo.toml"), "").unwrap();
    }
    let (link, path) = (watched.workdir.path().join("link"), watched.path());
    let lead = |release: &str| {
        std::os::unix::fs::symlink(releases.join(release), &link).unwrap();
        std::fs::rename(&link, &path).unwrap();
    };
    lead("1");
    watched.serve(|watch| watch);
    watched.next("loaded");
    lead("2");
    // A link is not in the folder that it leads to.
    watched.folder().rescan();
    watched.next("replaced");
    assert_eq!(watched.digest("echo"), Some(digest(&version("echo", 2))));
    // It is the new folder that is watched.
    let file = releases.join("2/echo.wasm");
    std::fs::write(releases.join("2/new"), version("echo", 3)).unwrap();
    std::fs::rename(releases.join("2/new"), file).unwrap();
    watched.next("replaced");
    assert_eq!(watched.digest("echo"), Some(digest(&version("echo", 3))));
}

#[test]
fn a_folder_that_is_none_is_an_error_at_once() {
    let mut watched = Watched::new();
    watched.write("file", "");
    let file = watched.path().join("file");
    let error = watched.serve_by(runtime(), |watch| watch.policies(&file));
    assert!(matches!(error, Err(WatchError::Folder { .. })), "{error:?}");
    let error = watched.serve_by(runtime(), |watch| watch.max_entries(0));
    assert!(matches!(error, Err(WatchError::Folder { .. })), "{error:?}");
}

#[test]
fn nothing_is_left_when_nobody_wants_it_any_more() {
    let _alone = alone();
    let attack = || {
        let mut watched = Watched::with(&["counter", "echo"]);
        watched.install("echo", &version("echo", 2));
        watched.next("replaced");
        // One of two clones keeps it alive.
        let other = watched.folder().clone();
        watched.stop();
        watched.install("echo", b"noise");
        watched.wrong("rejected", "echo");
        drop(other);
        watched.silent();
    };
    invariant::holds(attack);
}

/// A worker that compiles for a folder without a holder is ended.
#[test]
fn compiling_for_nobody_is_given_up() {
    let _alone = alone();
    let compiler = Compiler::Worker {
        program: tollgate().to_owned(),
    };
    let runtime = support::harness::builder()
        .concurrency(4)
        .compiler(compiler);
    let runtime = runtime.build();
    let mut watched = Watched::new();
    watched.write("long.toml", "limits.compile-time = \"1h\"");
    watched.serve_by(&runtime, |watch| watch).unwrap();
    let workers = || children(std::process::id());
    watched.install("long", made_of(1_500, 150).as_bytes());
    until("a worker", || !workers().is_empty());
    // A stopped worker does not end by itself.
    for worker in workers() {
        send("STOP", worker);
    }
    watched.stop();
    until("no worker", || workers().is_empty());
    watched.silent();
}
