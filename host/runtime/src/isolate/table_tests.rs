//! Tests of the bounds that the table of sessions keeps.

use std::path::Path;

use tollgate_policy::Policy;

use super::*;

/// One request waits while another is served; a third is refused.
#[test]
fn input_is_asked_for_no_more_often_than_it_is_read() {
    let (ask, asked) = std::sync::mpsc::sync_channel(1);
    assert!(may_ask(&ask) && !may_ask(&ask));
    asked.recv().unwrap();
    assert!(may_ask(&ask));
    drop(asked);
    assert!(may_ask(&ask));
}

#[test]
fn decisions_of_many_calls_do_not_add_up() {
    let mut left = 0;
    for _ in 0..1_000 {
        left = allowed(left, 10);
        assert!(left <= 20);
    }
    assert_eq!((left, allowed(3, 10)), (20, 13));
    assert_eq!(allowed(u64::MAX, u64::MAX), u64::MAX);
}

/// All settings, the names of all variables and all folders: one host call may ask for them.
#[test]
fn a_host_call_decides_on_each_name_of_a_grant() {
    let text = "
        grants.config = { a = '1', b = '2', c = '3' }
        grants.files = [{ root = 'data', path = '/srv', access = 'read' }]
        [grants.wasi]
        env = { A = '1', B = '2' }
        env-from-host = ['C']
        preopens = ['data']";
    let policy = Policy::parse(text, Path::new("/")).unwrap();
    assert_eq!(decisions_at_once(&policy.grants), DECISIONS + 3 + 3 + 1);
    assert_eq!(decisions_at_once(&Grants::default()), DECISIONS);
}
