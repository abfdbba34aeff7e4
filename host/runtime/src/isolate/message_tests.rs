//! Messages between the host and the process of a provider, and their bounds.

use std::net::Ipv6Addr;

use tollgate_capability::{Log, LogLevel};

use super::*;

#[test]
fn limits_are_read_as_they_were_written() {
    let mut limits = Limits::default();
    for key in Limits::KEYS {
        key.set(&mut limits, key.min).unwrap();
    }
    let written = encode_limits(&limits);
    assert_eq!(decode_limits(&written), Some(limits));
    assert_eq!(decode_limits(&written[1..]), None);
    assert_eq!(
        decode_limits(&encode(&vec![0u64; Limits::KEYS.len()])),
        None
    );
}

/// A worker may say anything: no body makes the reader panic, or take more than it is long.
#[test]
fn a_body_that_is_no_message_is_none() {
    let message = Answer::Report(Box::new(Told {
        ended: Ended::Faulted(Faulted {
            kind: "trap".into(),
            message: "text".into(),
            code: 0,
            trap: Some("unreachable".into()),
            backtrace: vec!["f".into()],
        }),
        fuel: 1,
        memory_peak: 2,
        table_peak: 3,
        host_memory_peak: 4,
        host_time: Duration::from_micros(5),
        host_calls: 6,
        host_bytes: 7,
        syncs: 11,
        logs: Vec::new(),
        logs_dropped: 8,
        stdio: Some(Outputs {
            stdout: Blob(b"out".to_vec()),
            stdout_dropped: 9,
            stderr: Blob::default(),
            stderr_dropped: 10,
        }),
    }));
    let limits = Limits::default();
    let body = encode_answer(&message, &limits);
    let decode = |body: &[u8]| decode_answer(body, &limits);
    assert_eq!(decode(&body), Some(message));
    for end in 0..body.len() {
        assert_eq!(decode(&body[..end]), None, "{end} bytes");
    }
    assert_eq!(decode(&[&body[..], b"."].concat()), None);
    for at in 0..body.len() {
        let mut changed = body.clone();
        changed[at] = 0xff;
        let _ = decode(&changed);
    }
    assert_eq!(super::decode::<Blob>(&[0xff; 9]), None);
}

/// Limits of which each has its smallest value.
fn least() -> Limits {
    let mut limits = Limits::default();
    for key in Limits::KEYS {
        key.set(&mut limits, key.min).unwrap();
    }
    limits
}

fn told(ended: Ended, logs: Vec<LogLine>, stdio: Option<Outputs>) -> Answer {
    Answer::Report(Box::new(Told {
        ended,
        fuel: u64::MAX,
        memory_peak: u64::MAX,
        table_peak: u64::MAX,
        host_memory_peak: u64::MAX,
        host_time: Duration::MAX,
        host_calls: u64::MAX,
        host_bytes: u64::MAX,
        syncs: u64::MAX,
        logs,
        logs_dropped: u64::MAX,
        stdio,
    }))
}

fn fault(frames: usize) -> Ended {
    let line = || escape::line(&"\u{e0001}".repeat(1_000)).into_owned();
    Ended::Faulted(Faulted {
        kind: "host-memory".into(),
        message: format!("the guest broke the component model's rules: {}", line()),
        code: i32::MIN,
        trap: Some("indirect-call-type-mismatch".into()),
        backtrace: (0..frames).map(|_| line()).collect(),
    })
}

/// The longest answers that an honest process gives are read, under all limits.
#[test]
fn the_longest_answers_are_read() {
    for limits in [least(), Limits::default()] {
        let bytes = |most: u64| Blob(vec![7; usize::try_from(most).unwrap()]);
        let outputs = || Outputs {
            stdout: bytes(limits.stdio),
            stdout_dropped: u64::MAX,
            stderr: bytes(limits.stdio),
            stderr_dropped: u64::MAX,
        };
        for length in [0, 1, 127, 128, 16_384] {
            let mut log = Log::default();
            while log.dropped == 0 {
                let line = LogLine {
                    level: LogLevel::Error,
                    message: "x".repeat(length),
                };
                log.push(line, limits.log);
            }
            for ended in [fault(FRAMES), Ended::Returned(bytes(limits.output * 2))] {
                let answer = told(ended, log.lines.clone(), Some(outputs()));
                let body = encode_answer(&answer, &limits);
                assert!(body.len() as u64 <= longest_answer(&limits), "{length}");
                assert_eq!(decode_answer(&body, &limits), Some(answer), "{length}");
            }
        }
        let failed = Answer::failed(&"\u{1b}".repeat(1 << 20));
        let body = encode_answer(&failed, &limits);
        assert_eq!(decode_answer(&body, &limits), Some(failed));
    }
}

#[test]
fn an_answer_that_the_host_would_not_read_is_a_failure() {
    let limits = least();
    let long = vec![0; usize::try_from(longest_answer(&limits)).unwrap()];
    let answer = told(Ended::Returned(Blob(long)), Vec::new(), None);
    let body = encode_answer(&answer, &limits);
    let read = decode_answer(&body, &limits);
    assert!(matches!(read, Some(Answer::Failed(_))), "{read:?}");
}

/// A message may be long, and a vector in it takes many times its length.
#[test]
fn an_answer_of_many_empty_parts_is_none() {
    let limits = Limits::default();
    let empty = |level| LogLine {
        level,
        message: String::new(),
    };
    for answer in [
        told(
            Ended::Faulted(Faulted {
                kind: "trap".into(),
                message: String::new(),
                code: 0,
                trap: None,
                backtrace: vec![String::new(); 1 << 20],
            }),
            Vec::new(),
            None,
        ),
        told(fault(0), vec![empty(LogLevel::Info); 1 << 20], None),
    ] {
        let body = encode(&answer);
        assert!(body.len() as u64 <= longest_answer(&limits));
        assert_eq!(decode_answer(&body, &limits), None);
    }
}

#[test]
fn the_longest_decision_is_read_and_a_longer_one_is_cut() {
    for limits in [least(), Limits::default()] {
        let most = usize::try_from(longest_target(&limits)).unwrap();
        for length in [most, most + 1] {
            let mut decided = Decided {
                capability: "config".into(),
                target: "x".repeat(length),
                denied: Some(Reason::TooManyOpenFiles),
                address: Some(IpAddr::V6(Ipv6Addr::LOCALHOST)),
            };
            let body = encode_decision(&mut decided, &limits);
            assert!(body.len() as u64 <= longest_decision(&limits));
            assert_eq!(decode_decision(&body).unwrap().target.len(), most);
        }
    }
}
