//! Callers leave slots of the runtime to each other.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use tollgate_serve::{Bounds, Server, Tokens};

use support::clock::{CLOCK, clock};
use support::harness::{alone, builder, policy, source, wait};

use super::callers::{OTHER, TOKENS};
use super::calls::asleep;
use super::tls::{Authority, Identity, connect, tls};
use super::{Served, post, reply};

fn two() -> Tokens {
    Tokens::parse(&format!("{TOKENS}\n{OTHER}")).unwrap()
}

/// A runtime with two slots.
fn served(bounds: Bounds, callers: impl FnOnce(Server) -> Server) -> Served {
    let runtime = builder().concurrency(2).share(100);
    let runtime = runtime
        .interface("acme:clock/sleep@0.1.0", clock)
        .unwrap()
        .build();
    let policy = policy(&format!("{CLOCK}\nlimits.deadline = \"20s\""));
    let sleeper = wait(runtime.load(&source("sleeper"), &policy)).unwrap();
    let providers = BTreeMap::from([("sleeper".to_owned(), sleeper)]);
    Served::with(callers(Server::new(providers).bounds(bounds)))
}

fn sleep(served: &Served, token: &str, milliseconds: u32) -> TcpStream {
    let token = format!("Authorization: Bearer {token}\r\n");
    let arguments = format!("{{\"args\":[{milliseconds}]}}");
    served.sent(post("sleeper/once", &token, &arguments))
}

fn status(mut call: TcpStream) -> u16 {
    reply(&mut call).unwrap().status
}

/// One that sends calls without end keeps its own waiting.
#[test]
fn a_caller_leaves_slots_to_others() {
    let _alone = alone();
    let bounds = Bounds {
        turns: 1,
        waiting: 2,
        ..Bounds::default()
    };
    let served = served(bounds, |server| server.tokens(two()));
    let mut greedy = vec![sleep(&served, "test", 60_000)];
    asleep(1);
    // Two of its calls wait, and the next is refused: a call that is let in ends at its deadline.
    greedy.extend([0; 4].map(|_| sleep(&served, "test", 60_000)));
    let other = [0; 3].map(|_| status(sleep(&served, "other", 1)));
    assert_eq!(other, [200; 3]);
    asleep(1);
    let refused = greedy.split_off(1).into_iter().filter(|call| {
        let time = Some(Duration::from_millis(500));
        call.set_read_timeout(time).unwrap();
        reply(&mut call.try_clone().unwrap()).is_some_and(|reply| reply.kind(503) == "busy")
    });
    assert_eq!(refused.count(), 2);
    drop(greedy);
    asleep(0);
}

#[test]
fn a_certificate_is_a_caller_of_its_own() {
    let _alone = alone();
    let bounds = Bounds {
        turns: 1,
        waiting: 0,
        ..Bounds::default()
    };
    let authority = Authority::new();
    let tls = tls(&authority.identity("localhost"), Some(&authority));
    let served = served(bounds, |server| server.tls(tls));
    let [one, other] = ["one", "other"].map(|name| authority.identity(name));
    let ask = |identity: &Identity, milliseconds: u32| {
        let mut stream = connect(&served, &authority, Some(identity), &[]);
        let arguments = format!("{{\"args\":[{milliseconds}]}}");
        let call = post("sleeper/once", "", &arguments);
        stream.write_all(call.as_bytes()).unwrap();
        stream
    };
    let long = ask(&one, 60_000);
    asleep(1);
    assert_eq!(reply(&mut ask(&one, 1)).unwrap().kind(503), "busy");
    assert_eq!(reply(&mut ask(&other, 1)).unwrap().status, 200);
    drop(long);
    asleep(0);
}

#[test]
fn the_wait_for_a_turn_ends() {
    let _alone = alone();
    let bounds = Bounds {
        turns: 1,
        turn_time: Duration::from_millis(300),
        ..Bounds::default()
    };
    let served = served(bounds, |server| server.tokens(two()));
    let first = sleep(&served, "test", 60_000);
    asleep(1);
    let mut second = sleep(&served, "test", 1);
    let told = reply(&mut second).unwrap();
    assert_eq!(told.kind(503), "busy");
    assert!(told.body.contains("all its turns"), "{told:?}");
    drop(first);
    asleep(0);
    assert_eq!(status(sleep(&served, "test", 1)), 200);
}
