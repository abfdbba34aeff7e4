//! Policies, URLs and paths.

use std::path::Path;

use tollgate::Policy;
use tollgate::policy::Grants;
use tollgate::policy::{Access, FileGrant, HttpGrant, Target as Url, decide};

use crate::oracle::{GROUNDS, inside, walk};

/// Text is read, and reads back the same when written; or it is refused at a place, without control characters.
pub(crate) fn policy(text: &str) -> &'static str {
    match Policy::parse(text, Path::new("/base")) {
        Ok(policy) => {
            assert_eq!(policy.check(), Ok(()), "a policy that reads is valid");
            let written = policy.to_toml();
            let again = Policy::parse(&written, Path::new("/base"));
            assert_eq!(
                again.as_ref(),
                Ok(&policy),
                "what is written reads back the same"
            );
            "read"
        }
        Err(errors) => {
            for error in errors.mistakes() {
                let line = text.split('\n').nth(error.line.wrapping_sub(1));
                let line = line.unwrap_or_else(|| panic!("an error at no line: {error}"));
                let columns = 1..=line.chars().count() + 1;
                assert!(columns.contains(&error.column), "at no column: {error}");
                plain(&error.to_string());
            }
            "refused"
        }
    }
}

/// A granted URL is inside a grant, both as it is written and as it is sent. No other URL is granted.
pub(crate) fn url(url: &str) -> &'static str {
    let grants = Grants {
        http: GROUNDS
            .iter()
            .map(|ground| HttpGrant::new(ground.pattern))
            .collect(),
        ..Grants::default()
    };
    let decide = |target: &Url| decide::http(&grants, "GET", target).ok().map(|it| it.index);
    if let Ok(from) = Url::parse("https://api.example.com/repos/a/b?c")
        && let Ok(next) = from.join(url)
    {
        assert_eq!(decide(&next), inside(next.as_str()), "where it leads");
    }
    let target = Url::parse(url);
    let decision = target.as_ref().ok().and_then(decide);
    assert_eq!(decision, inside(url), "as it is written");
    match (target, decision) {
        (Ok(target), Some(_)) => {
            let scheme = if target.is_https() { "https" } else { "http" };
            let sent = format!(
                "{scheme}://{}{}",
                target.authority(),
                target.path_and_query()
            );
            assert_eq!(inside(&sent), decision, "as it is sent: {sent}");
            assert_eq!(inside(target.as_str()), decision, "as it is kept");
            "granted"
        }
        (Ok(_), None) => "denied",
        (Err(_), _) => "refused",
    }
}

/// A granted path leads below its root.
pub(crate) fn path(path: &str) -> &'static str {
    let grants = Grants {
        files: vec![FileGrant::new("data", "/srv/data", Access::Read)],
        ..Grants::default()
    };
    let mut label = "denied";
    for base in [None, Some("."), Some("a/b"), Some("..a/.b")] {
        let decide = |access| match base {
            Some(base) => {
                decide::wasi_files(&grants, "data", &decide::WasiPath::new(base, path), access)
            }
            None => decide::files(&grants, "data", path, access),
        };
        let lean = walk(base, path).map(|way| match way.as_slice() {
            [] => ".".to_owned(),
            parts => parts.join("/"),
        });
        // Our own interface takes one spelling of each path.
        let lean = lean.filter(|lean| lean.len() <= 4096 && (base.is_some() || *lean == path));
        let decision = decide(Access::Read).ok();
        let granted = decision.as_ref().and_then(|granted| granted.path.to_str());
        assert_eq!(granted, lean.as_deref(), "from {base:?}");
        if granted.is_some() {
            label = "granted";
        }
        assert!(
            decide(Access::ReadWrite).is_err(),
            "a root that is read only"
        );
    }
    label
}

/// Asserts that text can be shown on a terminal.
pub(crate) fn plain(text: &str) {
    let bad = text.chars().find(|c| c.is_control() && *c != '\n');
    assert!(bad.is_none(), "{bad:?} in {text:?}");
}
