//! The password of a secret key: from a file, or typed on the terminal without an echo. It is wiped when it is dropped.

use std::io::IsTerminal as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::files::input::read_small;
use crate::output::status::ExitReason;

/// The longest password in bytes, as minisign has it.
const MAX: usize = 1024;

/// The source of the password.
pub(crate) enum Password<'o> {
    /// The first line of a file.
    File(&'o Path),
    /// The terminal.
    Ask,
}

impl Password<'_> {
    pub(crate) fn new(file: Option<&Path>) -> Password<'_> {
        file.map_or(Password::Ask, Password::File)
    }

    /// The password of an existing key.
    pub(crate) fn existing(&self) -> Result<Zeroizing<String>, ExitReason> {
        match self {
            Password::File(path) => from_file(path),
            Password::Ask => ask("Password: ", "give --password-file FILE"),
        }
    }

    /// The password of a new key; on the terminal it is typed twice.
    pub(crate) fn chosen(&self) -> Result<Zeroizing<String>, ExitReason> {
        let password = match self {
            Password::File(path) => from_file(path)?,
            Password::Ask => {
                let fix = "give --password-file FILE, or --no-password for a key that is protected by its file mode only";
                let first = ask("Password for the new key: ", fix)?;
                match ask("The same password again: ", fix)? == first {
                    true => first,
                    false => {
                        return Err(ExitReason::Usage(
                            "the two passwords differ; no key was made".into(),
                        ));
                    }
                }
            }
        };
        match password.is_empty() {
            true => Err(ExitReason::Usage(
                "the password is empty; give --no-password if none is wanted".into(),
            )),
            false => Ok(password),
        }
    }
}

fn ask(prompt: &str, fix: &str) -> Result<Zeroizing<String>, ExitReason> {
    if !std::io::stdin().is_terminal() {
        return Err(ExitReason::Usage(format!(
            "a password is needed and stdin is not a terminal; {fix}"
        )));
    }
    let asked = rpassword::prompt_password(prompt).map(Zeroizing::new);
    asked.map_err(|error| ExitReason::Usage(format!("cannot ask for the password: {error}; {fix}")))
}

fn from_file(path: &Path) -> Result<Zeroizing<String>, ExitReason> {
    let all = read_small(path, MAX as u64 + 2)?;
    let line = all.lines().next().unwrap_or_default();
    Ok(Zeroizing::new(line.to_owned()))
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
            assert_eq!(*Password::File(&path).existing().unwrap(), expected);
        }
        for text in ["", "\nsecond"] {
            std::fs::write(&path, text).unwrap();
            assert!(Password::File(&path).chosen().is_err(), "{text:?}");
        }
        std::fs::write(&path, "x".repeat(MAX + 3)).unwrap();
        assert!(Password::File(&path).existing().is_err());
    }
}
