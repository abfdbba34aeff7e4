//! Frames on the socket between a host and the process of a provider: a kind, the session that it is about, and a body
//! whose length is bounded before a byte of it is read.

use std::io::{self, Read};

/// The first frame of the host: all that the process needs except folders and code.
pub(super) const HELLO: u8 = 1;
/// The compiled code of the component.
pub(super) const CODE: u8 = 2;
/// A session begins, under these limits.
pub(super) const START: u8 = 3;
/// A call is made in a session.
pub(super) const CALL: u8 = 4;
/// A session ends, and with it the call that it may be in.
pub(super) const END: u8 = 5;
/// A piece of the standard input of a session.
pub(super) const STDIN: u8 = 6;
/// The process has its code and its wall, and takes calls.
pub(super) const READY: u8 = 16;
/// A request of a guest was decided on.
pub(super) const DECISION: u8 = 17;
/// A call has ended.
pub(super) const ANSWER: u8 = 18;
/// A session is gone, with its store and its guest.
pub(super) const ENDED: u8 = 19;
/// A session needs a piece of its standard input.
pub(super) const ASK: u8 = 20;

/// Bytes before the body.
pub(super) const HEAD: usize = 13;

/// The beginning of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: u8,
    /// 0 in frames that are about none.
    pub(super) session: u64,
    pub(super) length: u32,
}

/// A frame in one piece. `None` if its body is longer than a frame can be.
pub(super) fn frame(kind: u8, session: u64, body: &[u8]) -> Option<Vec<u8>> {
    let length = u32::try_from(body.len()).ok()?;
    let (session, length) = (session.to_le_bytes(), length.to_le_bytes());
    Some([&[kind][..], &session, &length, body].concat())
}

impl Head {
    /// Waits for the next frame. `None` where the other side has closed the socket, also within a frame.
    pub(super) fn read(mut from: impl Read) -> io::Result<Option<Head>> {
        let mut bytes = Vec::new();
        from.by_ref().take(HEAD as u64).read_to_end(&mut bytes)?;
        let Some((kind, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let Some((session, length)) = rest.split_first_chunk::<8>() else {
            return Ok(None);
        };
        let Ok(length) = <[u8; 4]>::try_from(length) else {
            return Ok(None);
        };
        Ok(Some(Head {
            kind: *kind,
            session: u64::from_le_bytes(*session),
            length: u32::from_le_bytes(length),
        }))
    }

    /// Reads the body, of at most `most` bytes. `None` if it is longer, or the socket was closed within it.
    pub(super) fn body(self, from: impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
        let length = u64::from(self.length);
        if length > most {
            return Ok(None);
        }
        // The length is the other side's word: memory is taken as bytes come.
        let mut body = Vec::new();
        from.take(length).read_to_end(&mut body)?;
        Ok((body.len() as u64 == length).then_some(body))
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_read_as_it_was_written_and_no_part_of_one_is() {
        let bytes = frame(CALL, u64::MAX - 1, b"body").unwrap();
        let read = |bytes: &[u8], most: u64| {
            let mut from = bytes;
            let head = Head::read(&mut from).unwrap()?;
            Some((head, head.body(from, most).unwrap()?))
        };
        let head = Head {
            kind: CALL,
            session: u64::MAX - 1,
            length: 4,
        };
        assert_eq!(read(&bytes, 4), Some((head, b"body".to_vec())));
        assert_eq!(read(&bytes, 3), None, "longer than it may be");
        for end in 0..bytes.len() {
            assert_eq!(read(&bytes[..end], 4), None, "{end} bytes");
        }
        // No memory is taken for a length without its bytes.
        let huge = [&[CALL; 9][..], &[0xff; 4], b"few"].concat();
        assert_eq!(read(&huge, u64::MAX), None);
    }
}
