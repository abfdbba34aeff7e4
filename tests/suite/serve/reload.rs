//! A folder that changes while it is called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tollgate_serve::Server;

use support::watched_folder::{Watched, version};

use super::{Served, post, reply};

#[test]
fn a_change_loses_no_call() {
    let watched = Watched::with(&["counter"]);
    let served = Served::with(Server::new(watched.folder().clone()));
    let is_over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = served.connect();
            let is_over = Arc::clone(&is_over);
            std::thread::spawn(move || {
                let mut calls = 0;
                while !is_over.load(Ordering::Relaxed) {
                    std::io::Write::write_all(
                        &mut stream,
                        post("counter/next", "", "{}").as_bytes(),
                    )
                    .unwrap();
                    assert_eq!(reply(&mut stream).unwrap().body, "{\"result\":1}");
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for number in 1..5 {
        watched.install("counter", &version("counter", number));
        watched.next("replaced");
    }
    is_over.store(true, Ordering::Relaxed);
    let calls: usize = callers
        .into_iter()
        .map(|caller| caller.join().unwrap())
        .sum();
    assert!(calls > 4, "{calls}");
    watched.remove("counter.wasm");
    watched.next("removed");
    assert_eq!(served.post("counter/next", "{}").kind(404), "no-provider");
}
