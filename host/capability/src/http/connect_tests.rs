//! Tests of the system's resolver.

use super::*;

#[test]
fn the_system_finds_this_machine_and_no_name_that_is_none() {
    let found = look_up("localhost").unwrap();
    assert!(
        !found.is_empty() && found.iter().all(IpAddr::is_loopback),
        "{found:?}"
    );
    assert!(look_up("a\0b").is_err());
}
