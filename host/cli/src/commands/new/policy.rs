//! The least policy of a project, as `tollgate.toml`.

const HEAD: &str = "\
# The policy of this provider. `tollgate inspect` says which line each of its imports needs.
";

const LARGE: &str = "
[limits]
# The component holds an interpreter: compiling it takes 10 to 25 seconds, once, and longer on a busy machine.
compile-time = \"5m\"
";

const LOG: &str = "\
# Lines of the provider's log, in the report and with `-v`.
log = true
";

/// The needs of a language's own library.
pub(super) struct Needs {
    /// The interpreter in the component takes long to compile.
    pub(super) interpreter: bool,
    /// Why WASI is imported, if it is.
    pub(super) wasi: Option<&'static str>,
}

/// The text. `log` says whether the provider writes one, as that of our own world does.
pub(super) fn text(needs: &Needs, log: bool) -> String {
    let mut text = HEAD.to_owned();
    if needs.interpreter {
        text.push_str(LARGE);
    }
    text.push_str("\n[grants]\n");
    if log {
        text.push_str(LOG);
    }
    if let Some(why) = needs.wasi {
        text.push_str(&format!(
            "# {why} Of this nothing is connected: no file, no variable, no clock.\nwasi = \"inert\"\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_a_policy() {
        for interpreter in [false, true] {
            for wasi in [None, Some("It imports WASI.")] {
                for log in [false, true] {
                    let text = text(&Needs { interpreter, wasi }, log);
                    let policy = tollgate::Policy::parse(&text, std::path::Path::new(".")).unwrap();
                    assert_eq!(
                        (policy.grants.log, policy.grants.wasi.is_some()),
                        (log, wasi.is_some())
                    );
                }
            }
        }
    }
}
