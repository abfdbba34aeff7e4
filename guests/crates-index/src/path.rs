//! The path of the file of a crate in an index: `1/a`, `2/ab`, `3/a/abc`, `ab/cd/abcd`.

/// The file of a crate, in lower case as all of an index is.
pub fn path_of(package: &str) -> Result<String, String> {
    let name = package.to_ascii_lowercase();
    Ok(format!("{}/{name}", prefix_of(&name)?))
}

/// The folder of that file, its letters as they are in `package`.
pub fn prefix_of(package: &str) -> Result<String, String> {
    let valid = package.len() <= 64
        && package.starts_with(|first: char| first.is_ascii_alphabetic())
        && package
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if !valid {
        return Err(format!("`{package}` is not the name of a crate"));
    }
    let part = |from, to| package.get(from..to);
    Ok(match (package.len(), part(0, 1), part(0, 2), part(2, 4)) {
        (3, Some(first), ..) => format!("3/{first}"),
        (_, _, Some(start), Some(next)) => format!("{start}/{next}"),
        (length, ..) => length.to_string(),
    })
}
