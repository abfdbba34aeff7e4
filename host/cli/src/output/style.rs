//! Colours, by their meaning.

/// The meaning of a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// No colour.
    Plain,
    /// Headings.
    Bold,
    /// Granted, returned.
    Good,
    /// Denied, faulted, errors.
    Bad,
    /// Notes.
    Note,
}

/// Whether the environment allows colours on a terminal.
pub(super) fn environment_allows_colors() -> bool {
    let no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !no && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Text in a colour, if `colors` are on.
pub(super) fn paint(colors: bool, style: Style, text: &str) -> String {
    let code = match style {
        Style::Plain => return text.to_owned(),
        _ if !colors => return text.to_owned(),
        Style::Bold => "1",
        Style::Good => "32",
        Style::Bad => "1;31",
        Style::Note => "1;36",
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}
