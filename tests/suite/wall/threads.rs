//! The library's own count of threads: a wall around some of them protects nothing, and is not reported as raised.

use std::process::Command;
use std::sync::mpsc;

use tollgate::wall::{Part, Wall};

use super::escaped::kernel_has_all_parts;

/// Set for the process that raises the wall around itself: these tests, once more.
const CHILD: &str = "TOLLGATE_TEST_WALL";

const THIS: &str = "wall::threads::a_wall_around_one_of_two_threads_is_none";

#[test]
fn a_wall_around_one_of_two_threads_is_none() {
    if std::env::var_os(CHILD).is_some() {
        return raise_beside_another_thread();
    }
    if !kernel_has_all_parts() {
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", THIS, "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
    assert!(said.contains("raised beside another thread"), "{said}");
}

fn raise_beside_another_thread() {
    let (start, starts) = mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        starts.recv().unwrap();
        std::fs::read("/etc/passwd").is_ok()
    });
    let raised = Wall::around([]).raise();
    start.send(()).unwrap();
    let reads = other.join().unwrap();
    let lacks: Vec<Part> = raised.lacks.iter().map(|lack| lack.part).collect();
    // Linux 7.0 and later restrict the paths of all threads at once.
    let expected: &[Part] = match reads {
        true => &[Part::Privileges, Part::Files],
        false => &[Part::Privileges],
    };
    assert_eq!(lacks, expected, "{raised:?}");
    assert!(
        raised.lacks[0]
            .why
            .contains("more threads than the calling one"),
        "{raised:?}"
    );
    assert!(
        std::fs::read("/etc/passwd").is_err(),
        "this thread is behind it all the same"
    );
    println!("raised beside another thread");
}
