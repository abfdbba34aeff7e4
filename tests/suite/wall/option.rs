//! The option `--wall`, on kernels that lack a part.

use support::audit_log::heard;
use support::cli::{code, guest, run, stderr, stdout, tollgate};
use support::harness::{builder, policy, returned, source};
use support::processes::script;
use tollgate::{Compiler, blocking};

use super::escaped::{Scene, kernel_has_all_parts, library};

/// Runs with `--wall` on a kernel without these parts; returns status, stdout and stderr.
fn on_kernel_without(parts: &str, mode: &str, verbose: bool) -> (i32, String, String) {
    let args = ["call", &guest("counter"), "next()", "--wall", mode];
    let mut program = Scene::new().program(&args, "never", 2);
    if verbose {
        program.arg("-v");
    }
    let output = program.env("ESCAPE_WITHOUT", parts).output().unwrap();
    (code(&output), stdout(&output), stderr(&output))
}

#[test]
fn a_required_wall_holds_or_no_guest_runs() {
    if !kernel_has_all_parts() {
        return;
    }
    let (status, out, said) = on_kernel_without("", "require", false);
    assert_eq!((status, out.as_str(), said.as_str()), (0, "1\n", ""));
    let (status, out, said) = on_kernel_without("landlock", "require", false);
    assert_eq!((status, out.as_str()), (2, ""), "{said}");
    assert_eq!(
        said,
        "error: --wall require: no wall for files: this kernel has no Landlock, or has not enabled it; use Linux 6.7 or \
         later with Landlock and seccomp enabled, or give --wall best-effort\n"
    );
    let (status, out, said) = on_kernel_without("seccomp", "require", false);
    assert_eq!((status, out.as_str()), (2, ""), "{said}");
    assert!(
        said.starts_with("error: --wall require: no wall for system calls: "),
        "{said}"
    );
}

#[test]
fn what_holds_and_what_is_missing_is_said_with_v() {
    if !kernel_has_all_parts() {
        return;
    }
    let holds = "note: the wall holds: inherited descriptors, privileges";
    let (status, _, said) = on_kernel_without("", "best-effort", true);
    assert_eq!(status, 0, "{said}");
    assert!(
        said.contains(&format!("{holds}, files, ports, system calls\n")),
        "{said}"
    );
    assert!(!said.contains("no wall for"), "{said}");
    let (status, out, said) = on_kernel_without("landlock", "best-effort", true);
    assert_eq!((status, out.as_str()), (0, "1\n"), "{said}");
    // Without HTTP there is no socket that could reach a port.
    assert!(
        said.contains(&format!("{holds}, ports, system calls\n")),
        "{said}"
    );
    assert!(
        said.contains("note: no wall for files: this kernel has no Landlock"),
        "{said}"
    );
    let (status, _, said) = on_kernel_without("seccomp", "best-effort", true);
    assert_eq!(status, 0, "{said}");
    assert!(said.contains(&format!("{holds}, files, ports\n")), "{said}");
    assert!(said.contains("note: no wall for system calls: "), "{said}");
    let (_, _, said) = on_kernel_without("landlock,seccomp", "off", true);
    assert!(!said.contains("wall"), "{said}");
}

#[test]
fn a_wall_of_another_name_is_a_mistake() {
    let output = run(&["call", &guest("counter"), "next()", "--wall", "maybe"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("[possible values: require, best-effort, off]"));
}

/// The worker's own kernel decides: this one is started by a script in whose environment Landlock is not there.
#[test]
fn what_a_worker_lacks_is_an_event_of_its_host() {
    if !kernel_has_all_parts() {
        return;
    }
    let folder = tempfile::TempDir::new().unwrap();
    let compile = |without: &str| {
        let line = format!(
            "LD_PRELOAD='{}' ESCAPE_WITHOUT='{without}' exec '{}' \"$@\"",
            library().display(),
            tollgate().display()
        );
        let program = script(folder.path(), &line);
        let runtime = builder().compiler(Compiler::Worker { program });
        let runtime = blocking::Runtime::from(runtime.build());
        let heard = heard(|| {
            let provider = runtime.load(&source("echo"), &policy("")).unwrap();
            let report = provider.session().run(b"in").unwrap();
            assert_eq!(returned(&report), "in");
        });
        let events = heard.take().into_iter();
        let lacks = events.filter(|event| event.target == "tollgate::wall::worker");
        let lacks: Vec<(String, String)> = lacks
            .map(|mut event| (event.level, event.fields.remove("lacks").unwrap()))
            .collect();
        lacks
    };
    assert_eq!(compile(""), []);
    let warned = |lacks: &str| vec![("WARN".to_owned(), lacks.to_owned())];
    assert_eq!(compile("landlock"), warned("files"));
    assert_eq!(compile("seccomp"), warned("system calls"));
    assert_eq!(
        compile("landlock,seccomp"),
        warned("files, ports, system calls")
    );
}
