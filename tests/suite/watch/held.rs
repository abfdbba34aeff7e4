//! Components that serve in a folder are held to their policy, through every change of the folder and every retry.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tollgate::policy::Lock;
use tollgate::watch::WatchOptions;
use tollgate::{Compiler, Metering};

use support::cli::tollgate;
use support::processes::script;
use support::signer::Author;
use support::watched_folder::{Watched, bytes, digest, version};

const EVERY: Duration = Duration::from_millis(50);

/// Policies in a folder of their own, in which the supplier of components cannot write.
struct Split {
    watched: Watched,
    policies: PathBuf,
    author: Author,
}

impl Split {
    fn new() -> Split {
        let mut watched = Watched::new();
        let policies = watched.workdir.path().join("policies");
        std::fs::create_dir(&policies).unwrap();
        let author = Author::new(1);
        let mut lock = Lock::default();
        for name in ["echo", "parrot"] {
            watched.install_signed(name, &bytes("echo"), &author);
            std::fs::write(policies.join(format!("{name}.toml")), author.policy()).unwrap();
            let file = format!("{name}.wasm");
            lock.pin(&file, &digest(&bytes("echo"))).unwrap();
        }
        std::fs::write(policies.join(Lock::FILE), lock.to_toml()).unwrap();
        watched.serve(|watch| watch.policies(&policies).max_entries(50).locked());
        watched.next("loaded");
        watched.next("loaded");
        Split {
            watched,
            policies,
            author,
        }
    }

    /// Puts a file beside the policies in one step.
    fn write(&self, name: &str, text: &str) {
        let beside = self.watched.workdir.path().join("policy");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, self.policies.join(name)).unwrap();
    }

    fn calls(&self, name: &str) -> u64 {
        let provider = self.watched.get(name).unwrap();
        provider.as_async().limits().host_calls
    }
}

/// A supplier of components must not be able to delay the removal of a key.
#[test]
fn policies_hold_whatever_lies_in_the_folder() {
    let flood = |split: &Split, how: &dyn Fn(&Path)| {
        for number in 0..60 {
            how(&split.watched.path().join(format!("{number}.txt")));
        }
    };
    let (pins, aside) = (
        |split: &Split| std::fs::read_to_string(split.policies.join(Lock::FILE)).unwrap(),
        |split: &Split| split.watched.workdir.path().join("aside"),
    );
    for way in ["flood", "pins", "gone"] {
        let split = Split::new();
        let (watched, other) = (&split.watched, Author::new(2));
        let good = pins(&split);
        match way {
            "flood" => flood(&split, &|path| std::fs::write(path, "").unwrap()),
            "pins" => split.write(Lock::FILE, "<<<<<<< ours"),
            _ => std::fs::rename(watched.path(), aside(&split)).unwrap(),
        }
        watched.next("folder-lost");
        let looks = || {
            // The system reports no change beside a folder that is gone, so a rescan looks for it.
            if way == "gone" {
                watched.folder().rescan();
            }
        };
        split.write("echo.toml", &other.policy());
        looks();
        assert_eq!(watched.wrong("revoked", "echo"), "signature", "{way}");
        assert!(watched.get("echo").is_none());
        let narrow = format!("{}limits.host-calls = 1234567", split.author.policy());
        split.write("parrot.toml", &narrow);
        looks();
        assert_eq!(watched.next("replaced").name(), Some("parrot"), "{way}");
        assert_eq!(split.calls("parrot"), 1_234_567);
        // One with a mistake, or none, says nothing.
        split.write("parrot.toml", "limits.memry = 1");
        looks();
        watched.is_quiet();
        std::fs::remove_file(split.policies.join("parrot.toml")).unwrap();
        looks();
        watched.is_quiet();
        // A policy that this program cannot keep is told, once.
        let inherit = format!("{narrow}\ngrants.wasi.stdio = \"inherit\"");
        split.write("parrot.toml", &inherit);
        looks();
        assert_eq!(watched.wrong("rejected", "parrot"), "load", "{way}");
        split.write("other.toml", "");
        watched.is_quiet();
        // Until a rescan is requested.
        watched.folder().rescan();
        assert_eq!(watched.wrong("rejected", "parrot"), "load", "{way}");
        assert_eq!(split.calls("parrot"), 1_234_567);
        // All is as it would have been without that.
        match way {
            "flood" => flood(&split, &|path| std::fs::remove_file(path).unwrap()),
            "pins" => split.write(Lock::FILE, &good),
            _ => std::fs::rename(aside(&split), watched.path()).unwrap(),
        }
        if way == "gone" {
            watched.folder().rescan();
            assert_eq!(watched.wrong("failed", "echo"), "signature");
            assert_eq!(watched.wrong("rejected", "parrot"), "load");
        }
        watched.next("folder-restored");
        split.write("parrot.toml", &narrow);
        watched.next("up-to-date");
        split.write("echo.toml", &split.author.policy());
        assert_eq!(watched.next("loaded").name(), Some("echo"));
    }
}

/// Serves `echo` under this policy, by a runtime whose worker runs `lines` first.
fn serve_by_worker(
    watched: &mut Watched,
    lines: &str,
    policy: &str,
    options: impl FnOnce(WatchOptions) -> WatchOptions,
) {
    let lines = format!("{lines}\nexec '{}' \"$@\"", tollgate().display());
    let program = script(watched.workdir.path(), &lines);
    let builder = support::harness::builder().concurrency(4);
    let runtime = builder.compiler(Compiler::Worker { program }).build();
    watched.install("echo", &bytes("echo"));
    watched.write("echo.toml", policy);
    watched.serve_by(&runtime, options).unwrap();
    watched.next("loaded");
}

/// The policy is the operator's, the component the supplier's. So an error of the policy comes first.
#[test]
fn what_keeps_a_policy_from_applying_is_told_before_a_bad_component() {
    let (mut watched, author) = (Watched::new(), Author::new(1));
    let fails = watched.workdir.path().join("fails");
    let failing = format!("[ -e '{}' ] && exit 1", fails.display());
    watched.install_signed("echo", &bytes("echo"), &author);
    let debounce = |watch: WatchOptions| watch.debounce(Duration::from_millis(300));
    serve_by_worker(&mut watched, &failing, &author.policy(), debounce);
    // Both at once, so that one rescan finds them. The component is refused for its signature, without a worker.
    std::fs::write(&fails, "").unwrap();
    let narrow = format!("{}limits.host-calls = 1_000_003", author.policy());
    watched.write("echo.toml", narrow);
    watched.install("echo", &version("echo", 2));
    assert_eq!(watched.wrong("rejected", "echo"), "load");
    // It is told when nothing keeps the policy from applying.
    std::fs::remove_file(&fails).unwrap();
    watched.folder().rescan();
    assert_eq!(watched.next("replaced").name(), Some("echo"));
    assert_eq!(watched.wrong("rejected", "echo"), "signature");
}

/// A grant that the operator takes back does not stay because nothing could be compiled for a moment.
#[test]
fn a_policy_that_could_not_be_held_is_tried_again() {
    let mut watched = Watched::new();
    let at = |name: &str| watched.workdir.path().join(name);
    let (fails, hangs, starts) = (at("fails"), at("hangs"), at("starts"));
    let failing = format!(
        "echo >> '{}'\n[ -e '{}' ] && exit 1\n[ -e '{}' ] && exec sleep 60",
        starts.display(),
        fails.display(),
        hangs.display()
    );
    serve_by_worker(&mut watched, &failing, "", |watch| {
        watch.poll_interval(EVERY)
    });
    let calls = || watched.get("echo").unwrap().as_async().limits().host_calls;
    let mut before = calls();
    for (flag, more, label) in [
        (&fails, "", "load"),
        (&hangs, "limits.compile-time = \"2s\"", "compile-limit"),
    ] {
        // The component is the one that serves; and one that is bad.
        for (number, good) in [(1_000_001, true), (1_000_002, false)] {
            if !good {
                watched.install("echo", b"noise");
                watched.wrong("rejected", "echo");
            }
            std::fs::write(flag, "").unwrap();
            watched.write("echo.toml", format!("limits.host-calls = {number}\n{more}"));
            assert_eq!(watched.wrong("rejected", "echo"), label);
            assert_eq!(calls(), before);
            // Told once, however often it is tried.
            watched.is_quiet();
            std::fs::remove_file(flag).unwrap();
            watched.next("replaced");
            before = number;
            assert_eq!(calls(), before);
            if !good {
                watched.wrong("rejected", "echo");
                watched.install("echo", &bytes("echo"));
                watched.next("up-to-date");
            }
        }
    }
    // For its own sake, a component that takes too long is not compiled again.
    std::fs::write(&hangs, "").unwrap();
    watched.write("late.toml", "limits.compile-time = \"100ms\"");
    watched.install("late", &version("echo", 2));
    assert_eq!(watched.wrong("failed", "late"), "compile-limit");
    let started = || std::fs::read_to_string(&starts).unwrap().len();
    let before = started();
    watched.is_quiet();
    assert_eq!(started(), before);
}

/// A removed key is removed, also if the same policy asks for something that this program does not do.
#[test]
fn what_a_program_cannot_keep_does_not_hide_what_is_taken_back() {
    let builder = support::harness::builder().concurrency(4);
    let runtime = builder.metering(Metering::DeadlineOnly).build();
    let (author, other) = (Author::new(1), Author::new(2));
    let mut watched = Watched::new();
    let grants = "grants.log = true\ngrants.hash = true\ngrants.files = [{ root = \"data\", path = \".\", access = \"read\" }]";
    watched.install_signed("checksums", &bytes("checksums"), &author);
    let whole = format!("{}{grants}", author.policy());
    watched.write("checksums.toml", &whole);
    watched.serve_by(&runtime, |watch| watch).unwrap();
    watched.next("loaded");
    for unable in [
        "limits.fuel = 1_000_000",
        "limits.compile-time = \"9s\"",
        "grants.wasi.stdio = \"inherit\"",
    ] {
        for (less, why) in [
            (format!("{}{grants}", other.policy()), "signature"),
            (format!("{}grants.log = true", author.policy()), "imports"),
        ] {
            watched.write("checksums.toml", format!("{less}\n{unable}"));
            assert_eq!(watched.wrong("revoked", "checksums"), why, "{unable}");
            assert!(watched.get("checksums").is_none());
            watched.write("checksums.toml", &whole);
            watched.next("loaded");
        }
        // Such a policy alone withdraws nothing.
        watched.write("checksums.toml", format!("{whole}\n{unable}"));
        assert_eq!(watched.wrong("rejected", "checksums"), "load", "{unable}");
        watched.write("checksums.toml", &whole);
        watched.next("up-to-date");
    }
}

/// A mistake of the component and a mistake under its policy are two: both are told.
#[test]
fn a_bad_component_does_not_hide_what_is_taken_back() {
    let mut watched = Watched::new();
    watched.install("hashes", &bytes("standard-store"));
    watched.write("hashes.toml", "grants = { store = true, config = {} }");
    watched.serve(|watch| watch);
    watched.next("loaded");
    watched.install("hashes", b"noise");
    assert_eq!(watched.wrong("rejected", "hashes"), "malformed");
    watched.write("hashes.toml", "");
    assert_eq!(watched.wrong("revoked", "hashes"), "imports");
    assert_eq!(watched.wrong("failed", "hashes"), "malformed");
    watched.nothing_else();
    // A rescan repeats the error, though nothing changed for so long that the times of the files prove it.
    std::thread::sleep(Duration::from_millis(4_100));
    for _ in 0..2 {
        watched.folder().rescan();
        assert_eq!(watched.wrong("failed", "hashes"), "malformed");
    }
}
