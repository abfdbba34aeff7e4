//! Properties of the decision on files: no path leaves its root, and nothing is granted that no grant says.

use std::path::{Component, Path};

use proptest::collection::vec;
use proptest::prelude::*;
use tollgate_policy::{Access, FileGrant, Grants, Reason, decide};

use crate::strategies::{access, files};

proptest! {
    #[test]
    fn no_path_escapes_its_root(path in prop_oneof![
        any::<String>(),
        "[a./\\\\\u{0}]{0,12}",
        vec(prop::sample::select(vec!["..", ".", "", "a", "a\0", "\\", "..\\", "C:", "é"]), 0..6)
            .prop_map(|parts| parts.join("/")),
    ], access in access()) {
        let grant = FileGrant::new("r", "/srv", Access::ReadWrite);
        let grants = Grants { files: vec![grant], ..Grants::default() };
        let mut parts = path.split('/');
        let unsound = path.contains(['\0', '\\'])
            || path.starts_with('/')
            || (path != "." && parts.any(|part| matches!(part, "" | "." | "..")));
        match decide::files(&grants, "r", &path, access) {
            Ok(decision) => {
                prop_assert!(!unsound, "{:?}", path);
                prop_assert_eq!(decision.index, 0);
                let below = Path::new("/srv").join(&decision.path);
                prop_assert!(below.starts_with("/srv"));
                let climbs = |part: Component<'_>| part == Component::ParentDir;
                prop_assert!(!decision.path.components().any(climbs));
                prop_assert!(decision.path.is_relative());
            }
            Err(reason) => {
                prop_assert!(unsound, "{:?} denied: {}", path, reason);
                prop_assert!(matches!(reason, Reason::BadPath | Reason::OutsideRoot));
            }
        }
    }

    #[test]
    fn decisions_need_a_grant_of_that_name_and_power(files in files(), root in "[a-z0-9]{1,2}", access in access()) {
        let grants = Grants { files, ..Grants::default() };
        let grant = grants.files.iter().position(|grant| grant.root == root);
        let expected = match grant {
            _ if grants.files.is_empty() => Err(Reason::NotGranted),
            None => Err(Reason::UnknownRoot),
            Some(index) if grants.files[index].access < access => Err(Reason::ReadOnly),
            Some(index) => Ok(index),
        };
        let decision = decide::files(&grants, &root, "a/b", access);
        prop_assert_eq!(decision.map(|decision| decision.index), expected);
    }
}
