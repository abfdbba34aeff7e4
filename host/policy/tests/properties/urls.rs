//! Properties of the decision on requests: no URL leaves its grant, and no address hides a private one.

use proptest::prelude::*;
use tollgate_policy::{Grants, HttpGrant, Target, decide};

use crate::hostile_urls::hostile_url;
use crate::oracle::{GROUNDS, inside};
use crate::random::a_million;

/// Every URL that is granted, from a guest or from a redirect, is inside its grant as it is sent; every URL that is inside
/// as it is written is granted.
#[test]
fn no_generated_url_escapes_its_grant() {
    let http = GROUNDS
        .iter()
        .map(|ground| HttpGrant::new(ground.pattern))
        .collect();
    let grants = Grants {
        http,
        ..Grants::default()
    };
    let decide = |target: &Target| decide::http(&grants, "GET", target).ok().map(|it| it.index);
    let from = Target::parse("https://api.example.com/repos/a/b?c").unwrap();

    let (mut all, mut elsewhere, mut led) = (0, 0, 0);
    let mut granted = [0; GROUNDS.len()];
    a_million(hostile_url, |url| {
        all += 1;
        let target = Target::parse(url);
        let decision = target.as_ref().ok().and_then(decide);
        assert_eq!(decision, inside(url), "as it is written");
        match (target, decision) {
            (Ok(target), Some(index)) => {
                granted[index] += 1;
                let scheme = if target.is_https() { "https" } else { "http" };
                let sent = format!(
                    "{scheme}://{}{}",
                    target.authority(),
                    target.path_and_query()
                );
                assert_eq!(inside(&sent), Some(index), "as it is sent: {sent}");
                assert_eq!(inside(target.as_str()), Some(index), "as it is kept");
            }
            (Ok(_), None) => elsewhere += 1,
            _ => {}
        }
        if let Ok(next) = from.join(url) {
            led += usize::from(decide(&next).is_some());
            assert_eq!(decide(&next), inside(next.as_str()), "where it leads");
        }
    });
    // Enough cases of each, otherwise the checks above checked nothing.
    for count in granted {
        assert!(count * 50 > all, "{granted:?} of {all}");
    }
    assert!(
        granted.iter().sum::<usize>() * 5 > all,
        "{granted:?} of {all}"
    );
    assert!(
        elsewhere * 20 > all,
        "{elsewhere} of {all} are read and not granted"
    );
    assert!(led * 5 > all, "{led} of {all} lead to what is granted");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn no_address_embeds_a_private_one(bits in any::<[u8; 16]>(), prefix in 0..6usize) {
        let mut bits = bits;
        let prefixes: [&[u8]; 6] = [
            &[0; 12],
            &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            &[0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0x20, 0x02, 127, 0, 0, 1],
            &[0xfc],
            &[0xfe, 0x80],
        ];
        let prefix = prefixes[prefix];
        bits[..prefix.len()].copy_from_slice(prefix);
        bits[12..].copy_from_slice(&[127, 0, 0, 1]);
        let address = std::net::IpAddr::from(bits);
        prop_assert!(decide::address(address, &HttpGrant::new("https://a.example/**")).is_err(), "{}", address);
    }
}
