//! Whole files, read and written in pieces: work for a call that has ended ends with the piece that it is in.

use std::io::{self, Read, Write};

use crate::jobs::Ended;

/// One piece, in bytes: less than a millisecond of copying, and large enough that the checks between pieces cost
/// nothing.
const PIECE: usize = 1 << 20;

/// Reads to the end, into `data`.
pub(super) fn read(mut from: impl Read, data: &mut Vec<u8>, ended: &Ended) -> io::Result<()> {
    loop {
        goes_on(ended)?;
        let mut piece = from.by_ref().take(PIECE as u64);
        if piece.read_to_end(data)? < PIECE {
            return Ok(());
        }
    }
}

/// Writes all of `data`. A call that has ended begins no further work, such as a wait for the disk.
pub(super) fn write(mut to: impl Write, data: &[u8], ended: &Ended) -> io::Result<()> {
    for piece in data.chunks(PIECE) {
        goes_on(ended)?;
        to.write_all(piece)?;
    }
    goes_on(ended)
}

/// An error if the call has ended. It has no receiver then.
fn goes_on(ended: &Ended) -> io::Result<()> {
    match ended.is_set() {
        true => Err(io::Error::other("the call has ended")),
        false => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// A file whose call ends in its second piece.
    struct File<'e> {
        moved: usize,
        ended: &'e Ended,
    }

    const SIZE: usize = 5 * PIECE + 7;

    impl File<'_> {
        fn moves(&mut self, wanted: usize) -> usize {
            let count = wanted.min(SIZE - self.moved);
            self.moved += count;
            if self.moved > PIECE {
                self.ended.set();
            }
            count
        }
    }

    impl Read for File<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            Ok(self.moves(buffer.len()))
        }
    }

    impl Write for File<'_> {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            Ok(self.moves(buffer.len()))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_piece_is_read_after_the_end_of_the_call() {
        let ended = &Ended::default();
        let mut file = File { moved: 0, ended };
        assert!(read(&mut file, &mut Vec::new(), ended).is_err());
        assert_eq!(file.moved, 2 * PIECE);
    }

    #[test]
    fn no_piece_is_written_after_the_end_of_the_call() {
        let ended = &Ended::default();
        let mut file = File { moved: 0, ended };
        assert!(write(&mut file, &vec![0; SIZE], ended).is_err());
        assert_eq!(file.moved, 2 * PIECE);
        // The written bytes are not made durable either.
        assert!(write(io::sink(), b"", ended).is_err());
    }

    #[test]
    fn a_file_of_any_length_is_whole() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE] {
            let data: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let ended = Ended::default();
            let mut found = Vec::new();
            read(&data[..], &mut found, &ended).unwrap();
            assert_eq!(found, data);
            let mut written = Vec::new();
            write(&mut written, &data, &ended).unwrap();
            assert_eq!(written, data);
        }
    }
}
