//! The names of a guest's functions, as in their source.

use std::fmt::{self, Write as _};

use tollgate_component::escape;

/// The name of a function of Rust as in its source, without the hash; any other name as it is. A mangled name may stand for
/// one that is much longer, and it is the guest's text: a bounded piece of it is looked at, and no more than is shown is
/// written. C++ names stay as they are: nothing bounds their expansion.
pub(crate) fn demangled(name: &str) -> String {
    let end = name
        .char_indices()
        .nth(4 * escape::SHOWN)
        .map_or(name.len(), |(at, _)| at);
    let name = name.get(..end).unwrap_or_default();
    let mut short = Short(String::new());
    match rustc_demangle::try_demangle(name) {
        Ok(of_rust) => {
            // An error ends the shown text.
            let _ = write!(short, "{of_rust:#}");
            short.0
        }
        Err(_) => name.to_owned(),
    }
}

/// A text that takes no more than is shown, and one piece.
struct Short(String);

impl fmt::Write for Short {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if self.0.len() > escape::SHOWN {
            return Err(fmt::Error);
        }
        self.0.push_str(piece);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_functions_are_read_as_their_authors_wrote_them() {
        for (mangled, shown) in [
            (
                "_ZN4core9panicking5panic17h0123456789abcdefE",
                "core::panicking::panic",
            ),
            ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
            ("_ZN3foo3barEv", "_ZN3foo3barEv"),
            ("plain", "plain"),
            ("cabi_realloc", "cabi_realloc"),
            ("", ""),
        ] {
            assert_eq!(demangled(mangled), shown);
        }
        // Each back reference doubles the written text.
        let mut bomb = "_RMC0".to_owned();
        for _ in 0..200 {
            bomb.push_str("TB2_B2_E");
        }
        assert!(demangled(&bomb).len() < 10_000);
        assert!(demangled(&format!("_RNvC9000000{}", "x".repeat(100_000))).len() < 10_000);
    }
}
