//! Text up to a number of bytes.

use std::io::{self, ErrorKind, Write};

/// Takes text until it is full.
pub(crate) struct Capped {
    text: Vec<u8>,
    most: usize,
}

impl Capped {
    pub(crate) fn new(most: usize) -> Capped {
        Capped {
            text: Vec::new(),
            most,
        }
    }

    /// The text. JSON is written in whole characters, so that nothing of it is replaced.
    pub(crate) fn into_text(self) -> String {
        String::from_utf8(self.text)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl Write for Capped {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.text.len().saturating_add(piece.len()) > self.most {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
