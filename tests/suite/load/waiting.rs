//! Loads that wait for a worker hold nothing that others need. A56-workers.

use std::time::Duration;

use tempfile::TempDir;
use tollgate::Compiler;

use support::harness::{alone, builder, policy, returned, source};
use support::processes::script;

/// A load, an inspection or a description waits as a task: the threads that block also do the work of guests on files. There
/// are four here, and forty of each that wait.
#[test]
fn who_waits_for_a_worker_holds_no_thread() {
    let _alone = alone();
    let folder = TempDir::new().unwrap();
    let program = script(folder.path(), "exec /bin/sleep 300");
    let waiting = builder()
        .concurrency(4)
        .workers(1)
        .compiler(Compiler::Worker { program })
        .build();
    let files = builder().concurrency(4).build();
    let mut tokio = tokio::runtime::Builder::new_current_thread();
    let tokio = tokio.enable_all().max_blocking_threads(4).build().unwrap();
    tokio.block_on(async {
        for _ in 0..40 {
            let (waiting, echo) = (waiting.clone(), source("echo"));
            let slow = policy("limits.compile-time = \"1h\"");
            tokio::spawn(async move {
                let load = waiting.load(&echo, &slow);
                let _ = tokio::join!(load, waiting.inspect(&echo, &slow), waiting.wit(&echo, &slow));
            });
        }
        // All of them are begun before the guest is.
        tokio::task::yield_now().await;
        let reads = async {
            let text = "grants = { log = true, hash = true, files = [{ root = \"data\", path = \"samples/files\", access = \"read\" }] }";
            let provider = files.load(&source("checksums"), &policy(text)).await.unwrap();
            let report = provider.session().run(b"data").await.unwrap();
            !returned(&report).is_empty()
        };
        let read = tokio::time::timeout(Duration::from_secs(30), reads).await;
        assert_eq!(read, Ok(true), "every thread waits for a worker");
    });
}
