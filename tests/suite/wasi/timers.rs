//! Timers with the default clocks: time passes while something outside is pending, and only then.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use support::http_client::url;
use support::http_server::{Server, response};
use support::wasi_client::{Client, all_of, hello};

fn answering_after(time: Duration) -> Server {
    Server::start(move |_, stream| {
        std::thread::sleep(time);
        stream.write_all(response("200 OK", "", "hello").as_bytes())
    })
}

/// Earlier, every time-out of a guest was met at once.
#[test]
fn an_answer_comes_before_a_later_timer() {
    let server = answering_after(Duration::from_millis(50));
    let client = Client::new();
    let text = client.prints(&all_of(&server, ""), &["race", &url(&server, "/"), "4000"]);
    assert!(text.starts_with("answered: true, timer: false\n"), "{text}");
    assert!(text.ends_with("hello"), "{text}");
}

/// A silent server does not delay a timer, and the timer takes its real time.
#[test]
fn a_timer_that_is_due_and_nothing_else_ends_the_wait() {
    let server = Server::silent();
    let client = Client::new();
    let start = Instant::now();
    let text = client.prints(&all_of(&server, ""), &["race", &url(&server, "/"), "300"]);
    assert!(text.starts_with("answered: false, timer: true\n"), "{text}");
    let (real, shown) = (start.elapsed(), text.lines().nth(1).unwrap());
    assert!(real >= Duration::from_millis(300), "{real:?}");
    let shown: u128 = shown.strip_suffix(" ms").unwrap().parse().unwrap();
    // The clock advances by a step each time it is read.
    assert!((300..=real.as_millis() + 10).contains(&shown), "{text}");
}

/// A guest that sleeps between two looks at its request.
#[test]
fn a_timer_beside_a_request_takes_its_time() {
    let server = answering_after(Duration::from_millis(50));
    let client = Client::new();
    let start = Instant::now();
    let text = client.prints(&all_of(&server, ""), &["nap", &url(&server, "/"), "600"]);
    assert_eq!(text, "answered: true\n");
    assert!(start.elapsed() >= Duration::from_millis(600));
}

/// A guest that looks at the clock while it waits does not meet its time-out by looking.
#[test]
fn a_look_at_the_clock_beside_a_request_takes_no_time() {
    let server = answering_after(Duration::from_millis(300));
    let client = Client::new();
    let text = client.prints(&all_of(&server, ""), &["look", &url(&server, "/"), "2000"]);
    assert_eq!(text, "answered: true\n");
}

/// Nothing outside is pending once the answer has been read: an hour takes no time.
#[test]
fn a_timer_after_a_request_takes_no_time() {
    let server = hello();
    let text = Client::new().prints(
        &all_of(&server, ""),
        &["after", &url(&server, "/"), "3600000"],
    );
    assert!(text.ends_with("hello"), "{text}");
}

/// A timer is no way around the deadline.
#[test]
fn a_timer_ends_with_the_call() {
    let server = Server::start(|_, stream| stream.read(&mut [0]).map(drop));
    let client = Client::new();
    let grants = format!("limits.deadline = \"300ms\"\n{}", all_of(&server, ""));
    let report = client.run(&grants, &["race", &url(&server, "/"), "3600000"]);
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
}
