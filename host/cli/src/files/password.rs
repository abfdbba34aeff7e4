//! The password of a key: from a file, or asked for on the terminal and not shown.

use std::io::IsTerminal as _;
use std::path::Path;

use crate::files::read_small;
use crate::stop::Stop;

/// minisign's own bound.
const MAX: usize = 1024;

/// Where the password comes from.
pub(crate) enum Password<'o> {
    /// A file, of which the first line counts.
    File(&'o Path),
    /// The terminal.
    Ask,
}

impl Password<'_> {
    pub(crate) fn new(file: Option<&Path>) -> Password<'_> {
        file.map_or(Password::Ask, Password::File)
    }

    /// Of a key that is there.
    pub(crate) fn known(&self) -> Result<String, Stop> {
        match self {
            Password::File(path) => from_file(path),
            Password::Ask => ask("Password: ", "give --password-file FILE"),
        }
    }

    /// Of a key that is made: asked for twice.
    pub(crate) fn chosen(&self) -> Result<String, Stop> {
        let password = match self {
            Password::File(path) => from_file(path)?,
            Password::Ask => {
                let cure = "give --password-file FILE, or --no-password for a key that only its file's mode protects";
                let first = ask("Password for the new key: ", cure)?;
                match ask("The same once more: ", cure)? == first {
                    true => first,
                    false => {
                        return Err(Stop::Usage(
                            "the two passwords differ; nothing was made".into(),
                        ));
                    }
                }
            }
        };
        match password.is_empty() {
            true => Err(Stop::Usage(
                "an empty password; --no-password says that none is meant".into(),
            )),
            false => Ok(password),
        }
    }
}

fn ask(prompt: &str, cure: &str) -> Result<String, Stop> {
    if !std::io::stdin().is_terminal() {
        return Err(Stop::Usage(format!(
            "a password is needed and there is no terminal; {cure}"
        )));
    }
    let asked = rpassword::prompt_password(prompt);
    asked.map_err(|error| Stop::Usage(format!("cannot ask for the password: {error}; {cure}")))
}

fn from_file(path: &Path) -> Result<String, Stop> {
    let all = read_small(path, MAX as u64 + 2)?;
    Ok(all.lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_file_is_the_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        for (text, expected) in [("a b", "a b"), ("a \r\nb\n", "a "), ("é\n", "é")] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Password::File(&path).known().unwrap(), expected);
        }
        for text in ["", "\nsecond"] {
            std::fs::write(&path, text).unwrap();
            assert!(Password::File(&path).chosen().is_err(), "{text:?}");
        }
        std::fs::write(&path, "x".repeat(MAX + 3)).unwrap();
        assert!(Password::File(&path).known().is_err());
    }
}
