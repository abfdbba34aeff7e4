//! The decision on a setting.

use crate::grants::Grants;

use super::reason::Reason;

/// The value of the setting `key`; `None` if it is not set.
///
/// # Errors
///
/// [`Reason::NotGranted`] if the policy grants no settings.
///
/// ```
/// use tollgate_policy::{Grants, Reason, decide};
///
/// let grants = Grants { config: Some([("region".into(), "eu".into())].into()), ..Grants::default() };
/// assert_eq!(decide::config(&grants, "region"), Ok(Some("eu")));
/// assert_eq!(decide::config(&Grants::default(), "region"), Err(Reason::NotGranted));
/// ```
pub fn config<'g>(grants: &'g Grants, key: &str) -> Result<Option<&'g str>, Reason> {
    let settings = grants.config.as_ref().ok_or(Reason::NotGranted)?;
    Ok(settings.get(key).map(String::as_str))
}
