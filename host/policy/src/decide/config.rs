//! The decision on a setting.

use crate::grants::Grants;

use super::reason::Reason;

/// The setting of that name, if there is one.
///
/// # Errors
///
/// When no settings are granted.
pub fn config<'g>(grants: &'g Grants, key: &str) -> Result<Option<&'g str>, Reason> {
    let settings = grants.config.as_ref().ok_or(Reason::NotGranted)?;
    Ok(settings.get(key).map(String::as_str))
}
