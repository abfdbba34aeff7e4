//! The parts of a policy that are outside of it, examined without a load: folders, secrets, the file of the store.

use tollgate_policy::Policy;

use crate::error::GrantError;
use crate::files::Roots;
use crate::granted::not_built;
use crate::http::credential::Credentials;
use crate::store;

/// Every grant of `policy` that a load could not open here: folders first, then the store, then credentials. Nothing is
/// made, changed or kept open, so the file of a store is not opened as a store: it may be in use, or not exist yet.
pub fn preflight(policy: &Policy) -> Vec<GrantError> {
    let mut found: Vec<_> = not_built(&policy.grants).collect();
    for root in &policy.grants.files {
        let mut alone = policy.clone();
        alone.grants.files = vec![root.clone()];
        found.extend(Roots::open(&alone).err());
    }
    let store = policy.grants.store.as_ref();
    let file = store.and_then(|store| store.path.as_deref());
    found.extend(file.and_then(|path| store::examine(path).err()));
    found.extend(Credentials::unreadable(&policy.grants));
    found
}

#[cfg(all(test, feature = "http", feature = "store"))]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::path::Path;

    use super::*;

    fn found(text: &str, base: &Path) -> Vec<String> {
        let policy = Policy::parse(text, base).unwrap();
        let errors = preflight(&policy).into_iter();
        errors.map(|error| error.to_string()).collect()
    }

    #[test]
    fn every_grant_that_cannot_be_opened_is_found_and_nothing_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        let text = "
            grants.store = { path = 'no/state.redb', namespace = 'n' }
            [[grants.files]]
            root = 'a'
            path = 'no-a'
            access = 'read'
            [[grants.files]]
            root = 'b'
            path = 'no-b'
            access = 'read'
            [[grants.http]]
            url = 'https://a.example/'
            credential = { header = 'x-key', from-env = 'TOLLGATE_NO_SUCH_VARIABLE' }
            [[grants.http]]
            url = 'https://b.example/'
            credential = { header = 'x-key', from-file = 'no-secret' }
        ";
        let errors = found(text, base);
        let wanted = [
            "`a`",
            "`b`",
            "state.redb",
            "TOLLGATE_NO_SUCH_VARIABLE",
            "no-secret",
        ];
        assert_eq!(errors.len(), wanted.len(), "{errors:#?}");
        for (error, part) in errors.iter().zip(wanted) {
            assert!(error.contains(part), "{error}");
        }
        assert!(base.read_dir().unwrap().next().is_none());
    }

    #[test]
    fn a_store_that_is_still_to_be_made_is_right_and_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path();
        let text = "grants.store = { path = 'state.redb', namespace = 'n' }";
        assert_eq!(found(text, base), [""; 0]);
        assert!(base.read_dir().unwrap().next().is_none());
    }

    #[test]
    fn a_file_that_is_no_store_is_found_and_kept_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.redb");
        std::fs::write(&file, "notes of mine").unwrap();
        let text = "grants.store = { path = 'state.redb', namespace = 'n' }";
        let errors = found(text, folder.path());
        assert!(errors.concat().contains("is no store"), "{errors:?}");
        assert_eq!(std::fs::read(&file).unwrap(), b"notes of mine");
    }

    #[test]
    fn a_store_in_use_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let text = "grants.store = { path = 'state.redb', namespace = 'n' }";
        let policy = Policy::parse(text, folder.path()).unwrap();
        let registry = store::StoreRegistry::default();
        let open = registry.open(policy.grants.store.as_ref().unwrap(), "a");
        assert!(open.is_ok());
        assert_eq!(found(text, folder.path()), [""; 0]);
    }

    #[test]
    fn a_root_over_the_store_is_found_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().join("real");
        std::fs::create_dir(&real).unwrap();
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&real, folder.path().join("link")).unwrap();
            let text = "
                grants.store = { path = 'link/state.redb', namespace = 'n' }
                grants.files = [{ root = 'a', path = 'real', access = 'read' }]
            ";
            let errors = found(text, folder.path());
            assert!(errors.concat().contains("covers the store"), "{errors:?}");
        }
    }
}
