//! The wall around the process of a provider, as the kernel shows it.

use std::path::{Path, PathBuf};

use support::audit_log::heard;
use support::cli::tollgate;
use support::file_roots::folders;
use support::harness::{alone, policy, source};
use support::processes::children;
use tempfile::TempDir;
use tollgate::Metering;
use tollgate::blocking::Runtime;

use super::{compiles_and, isolating};
use crate::wall::escaped::{
    Attempts, CLOSED, DENIED, NO_SUCH_CALL, Scene, attempts, kernel_has_all_parts,
};
use crate::wall::{CALLS, PATHS, all_end_by, only_these_succeed};

fn status(thread: &Path, field: &str) -> String {
    let status = std::fs::read_to_string(thread.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.unwrap().trim().to_owned()
}

/// The targets of the descriptors of a process.
fn open(process: u32) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.collect()
}

#[test]
fn the_process_has_what_its_grants_name_and_no_more() {
    let _alone = alone();
    if !kernel_has_all_parts() {
        return;
    }
    let folder = folders();
    let root = folder.path().join("data");
    let granted = format!(
        "grants.log = true\ngrants.hash = true\n[[grants.files]]\nroot = 'data'\npath = '{}'\naccess = 'read'",
        root.display()
    );
    for (guest, policy_text, roots, metering) in [
        ("echo", "", 0, Metering::Fuel),
        // With a clock, which is a thread of the engine.
        ("echo", "", 0, Metering::DeadlineOnly),
        ("checksums", &*granted, 1, Metering::Fuel),
    ] {
        let builder = isolating(tollgate()).metering(metering);
        let runtime: Runtime = builder.build().into();
        let provider = runtime.load(&source(guest), &policy(policy_text)).unwrap();
        let listener = heard(|| drop(provider.session().run(b"data").unwrap()));
        // Each part that the wall of the process lacks is a warning.
        let events = listener.take();
        assert!(
            events
                .iter()
                .all(|event| !event.fields.contains_key("lacks"))
        );
        let children = children(std::process::id());
        assert_eq!(children.len(), 1, "{children:?}");
        let process = children[0];
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
        for thread in threads.map(|thread| thread.unwrap().path()) {
            let status = |field| status(&thread, field);
            assert_eq!(status("NoNewPrivs:"), "1");
            assert_eq!(status("Seccomp:"), "2");
            // One list before the code comes, one after.
            assert_eq!(status("Seccomp_filters:"), "2");
            if roots == 0 {
                assert_eq!(status("CapEff:"), "0000000000000000");
                assert_eq!(status("CapPrm:"), "0000000000000000");
            }
        }
        let open = open(process);
        assert_eq!(open.iter().filter(|path| **path == root).count(), roots);
        for path in &open {
            let path = path.to_str().unwrap();
            let own = path.starts_with("socket:")
                || path.starts_with("anon_inode:")
                || path.starts_with("/memfd:")
                || path == "/proc/self/pagemap"
                || path.ends_with("/pagemap")
                || path == "/dev/null"
                || path == root.to_str().unwrap();
            assert!(own, "{open:?}");
        }
        // Its memory is not written to a file when it crashes.
        let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = core.unwrap().split_whitespace().collect();
        assert_eq!(words[4..6], ["0", "0"], "{words:?}");
        // Nothing of the host's own environment.
        let env = std::fs::read(format!("/proc/{process}/environ")).unwrap();
        assert_eq!(env, b"MALLOC_ARENA_MAX=2\0", "{env:?}");
    }
}

/// The attempts of an escaped guest, from inside the process. `LD_PRELOAD`, set by a program in between, loads the
/// library. It makes its attempts when the process writes that it is ready to its socket, which has the first free
/// descriptor.
fn escaped(guest: &str, grants: &str, scene: &Scene, without: &str) -> Attempts {
    let folder = TempDir::new().unwrap();
    let said = folder.path().join("said");
    let mut line = format!("export ESCAPE_FD=3 ESCAPE_WITHOUT='{without}'\n");
    for (name, value) in scene.environment("write", 2) {
        line = format!("{line}export {name}='{value}'\n");
    }
    let line = format!(
        "{line}exec '{}' \"$@\" 2>'{}'",
        tollgate().display(),
        said.display()
    );
    let program = compiles_and(&folder, &line);
    let runtime: Runtime = isolating(program).build().into();
    let provider = runtime.load(&source(guest), &policy(grants)).unwrap();
    let report = provider.session().run(b"data").unwrap();
    assert_ne!(report.outcome.label(), "faulted", "{report:?}");
    attempts(&std::fs::read_to_string(said).unwrap())
}

#[test]
fn a_guest_that_escapes_in_the_process_gets_what_is_granted_and_no_more() {
    let _alone = alone();
    if !kernel_has_all_parts() {
        return;
    }
    let scene = Scene::new();
    let attempts = escaped("echo", "", &scene, "");
    only_these_succeed(&attempts, &[]);
    all_end_by(&attempts, &CALLS, NO_SUCH_CALL);
    assert_eq!(attempts["inherited-file"], CLOSED);
    // Each part without the other.
    let attempts = escaped("echo", "", &scene, "seccomp");
    all_end_by(&attempts, &PATHS, DENIED);
    all_end_by(&attempts, &["connect", "connect-granted", "exec"], DENIED);
    let attempts = escaped("echo", "", &scene, "landlock");
    all_end_by(&attempts, &CALLS, NO_SUCH_CALL);

    let files = |access: &str| {
        format!(
            "grants.log = true\ngrants.hash = true\n[[grants.files]]\nroot = 'data'\npath = '{}'\naccess = '{access}'",
            scene.at("granted")
        )
    };
    let attempts = escaped("checksums", &files("read"), &scene, "");
    only_these_succeed(&attempts, &["read-inside"]);
    assert_eq!(attempts["write-inside"], DENIED);
    let attempts = escaped("checksums", &files("read-write"), &scene, "");
    only_these_succeed(&attempts, &["read-inside", "write-inside"]);

    let port = scene.granted_port();
    let http = format!("grants.http = [{{ url = 'http://127.0.0.1:{port}/**' }}]");
    let attempts = escaped("echo", &http, &scene, "");
    only_these_succeed(&attempts, &["connect-granted"]);
    all_end_by(&attempts, &CALLS[..CALLS.len() - 2], NO_SUCH_CALL);
    assert_eq!(attempts["connect"], DENIED);
}
