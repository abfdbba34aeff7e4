//! The work of the host for a call that has ended is not done. A50-cancellation.

use std::sync::mpsc;

use tempfile::TempDir;

use support::harness::{all_but, alone, builder, policy, source};

/// The bytes that this process has read so far.
fn bytes_read() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("rchar: "));
    line.unwrap().parse().unwrap()
}

/// Forty calls read and write files, and end at their deadline while their work waits for a thread: that work is begun later,
/// and no file is read or written by it.
#[test]
fn file_work_of_calls_that_have_ended_is_not_done() {
    const SIZE: usize = 4 << 20;
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("large"), vec![b'x'; SIZE]).unwrap();
    let text = format!(
        "{}limits.deadline = \"500ms\"\n\
         grants.files = [{{ root = \"data\", path = \"{}\", access = \"read-write\" }}]",
        all_but("files"),
        folder.path().display()
    );
    let mut tokio = tokio::runtime::Builder::new_current_thread();
    let tokio = tokio.enable_all().max_blocking_threads(1).build().unwrap();
    tokio.block_on(async {
        let runtime = builder().concurrency(64).build();
        let provider = runtime.load(&source("hostile"), &policy(&text)).await;
        let provider = provider.unwrap();
        // The one thread for such work.
        let (go, wait) = mpsc::channel::<()>();
        let taken = tokio::task::spawn_blocking(move || wait.recv());
        let before = bytes_read();
        let calls: Vec<_> = (0..40)
            .map(|number| {
                let provider = provider.clone();
                let input = match number % 2 {
                    0 => "read-file data large".to_owned(),
                    _ => format!("write-file data 100000 written-{number}"),
                };
                tokio::spawn(async move { provider.session().run(input.as_bytes()).await })
            })
            .collect();
        for call in calls {
            let report = call.await.unwrap().unwrap();
            assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
        }
        drop(go);
        let _ = taken.await.unwrap();
        // The thread takes its work in turn, so it has done all of theirs before this.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert!(bytes_read() - before < SIZE as u64, "large files were read");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    });
}
