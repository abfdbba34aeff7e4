//! `log-escape`: lines that would take over a terminal or forge other lines. A32-hostile-text.

use crate::{Answer, tollgate::provider::log};

/// Texts that no terminal and no log file should get from a guest.
pub(super) const EVIL: [&str; 9] = [
    // Clears the screen, sets the title, copies to the clipboard, in 7-bit and 8-bit escapes.
    "\x1b[2J\x1b[H\x1b[31mroot#\x1b[0m",
    "\x1b]0;owned\x07",
    "\x1b]52;c;cm0gLXJmIC8=\x1b\\",
    "\u{9b}2J",
    // Forges a line, overwrites a line, erases characters.
    "innocent\n2026-11-21T00:00:00Z ERROR forged line",
    "harmless\rharmful!",
    "safe\x08\x08\x08\x08evil",
    // Shows text in another order than it has; ends a C string.
    "\u{202e}txt.exe\u{2066}gpj\u{2069}\u{2028}next",
    "before\0after",
];

pub(super) fn run(_: &str) -> Answer {
    for line in EVIL {
        log::write(log::Level::Warn, line);
    }
    Ok(Vec::new())
}
