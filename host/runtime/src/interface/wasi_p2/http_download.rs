//! The body of a response of `wasi:http`, up to the grant's `max-body`. One that may hold a secret is read whole before the
//! guest gets any of it: by the parts that pass and the parts that are held back, the guest would learn the secret.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming};
use tokio::time::{Sleep, sleep};
use tollgate_capability::http::AdmittedRequest;
use tollgate_capability::http::credential::SecretScanner;
use tollgate_policy::{Reason, Target};
use wasmtime_wasi_http::Error;

/// The bytes that are kept together, and counted as memory that the host holds.
const BLOCK: usize = 16 << 10;

/// The body of a response.
pub(super) struct Download {
    incoming: Incoming,
    pass: Arc<AdmittedRequest>,
    target: Target,
    left: u64,
    cap: u64,
    patience: Option<Duration>,
    /// Runs while the body waits for a piece.
    timer: Option<Pin<Box<Sleep>>>,
    /// The body as it is kept until all of it has been searched; `None` if the server knows no secret.
    whole: Option<Whole>,
}

#[derive(Default)]
struct Whole {
    /// `None` once the body has been searched to its end, or has failed.
    scanner: Option<SecretScanner>,
    blocks: VecDeque<Block>,
    trailers: Option<Frame<Bytes>>,
}

/// Bytes that the host holds for the guest.
struct Block {
    bytes: Vec<u8>,
    pass: Arc<AdmittedRequest>,
}

impl Block {
    fn new(pass: &Arc<AdmittedRequest>) -> Result<Block, Error> {
        // The call ends when the guest comes back.
        let held = pass.hold(BLOCK as u64);
        held.map_err(|_| Error::HttpResponseIncomplete)?;
        #[expect(clippy::disallowed_methods, reason = "16 KiB, which are counted")]
        let bytes = Vec::with_capacity(BLOCK);
        Ok(Block {
            bytes,
            pass: Arc::clone(pass),
        })
    }
}

impl AsRef<[u8]> for Block {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.pass.release(BLOCK as u64);
    }
}

impl Download {
    /// The body `incoming`, of up to `cap` bytes, whose pieces the guest waits for that long.
    ///
    /// # Errors
    ///
    /// The server announces more bytes.
    pub(super) fn new(
        incoming: Incoming,
        pass: Arc<AdmittedRequest>,
        target: Target,
        cap: u64,
        patience: Option<Duration>,
    ) -> Result<Download, Error> {
        let whole = pass.scanner().map(|scanner| Whole {
            scanner: Some(scanner),
            ..Whole::default()
        });
        let download = Download {
            incoming,
            pass,
            target,
            left: cap,
            cap,
            patience,
            timer: None,
            whole,
        };
        match download.incoming.size_hint().lower() > cap {
            true => Err(download.too_large()),
            false => Ok(download),
        }
    }

    fn too_large(&self) -> Error {
        self.pass.refuse(self.target.as_str(), Reason::Quota);
        Error::HttpResponseBodySize(Some(self.cap))
    }

    fn found(&self) -> Error {
        let reason = Reason::SecretInResponse;
        refusal(self.pass.refuse(self.target.as_str(), reason))
    }

    /// Counts a piece towards `max-body`, and charges for it.
    fn count(&mut self, data: &Bytes) -> Result<(), Error> {
        match self.left.checked_sub(data.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(self.too_large()),
        }
        // The call ends for want of fuel when the guest comes back.
        let paid = self.pass.pay_for_piece(data.len());
        paid.map_err(|_| Error::HttpResponseIncomplete)
    }

    /// Searches a piece, and keeps it.
    fn keep(&mut self, data: &Bytes) -> Result<(), Error> {
        self.count(data)?;
        let Some(whole) = &mut self.whole else {
            return Ok(());
        };
        let Some(scanner) = &mut whole.scanner else {
            return Ok(());
        };
        // The call ends for want of fuel when the guest comes back.
        let found = scanner
            .finds(data)
            .map_err(|_| Error::HttpResponseIncomplete)?;
        if found {
            return Err(self.found());
        }
        let mut rest = &data[..];
        while !rest.is_empty() {
            match whole
                .blocks
                .back_mut()
                .filter(|block| block.bytes.len() < BLOCK)
            {
                Some(block) => {
                    let room = BLOCK.saturating_sub(block.bytes.len()).min(rest.len());
                    let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
                    block.bytes.extend_from_slice(now);
                    rest = later;
                }
                None => whole.blocks.push_back(Block::new(&self.pass)?),
            }
        }
        Ok(())
    }

    /// Judges the end of the body, with trailers or without.
    fn end(&mut self, trailers: Option<Frame<Bytes>>) -> Result<(), Error> {
        if let Some(headers) = trailers.as_ref().and_then(Frame::trailers_ref) {
            let withheld = self.pass.withholds(headers);
            if withheld.map_err(|_| Error::HttpResponseIncomplete)? {
                return Err(self.found());
            }
        }
        let Some(whole) = &mut self.whole else {
            return Ok(());
        };
        if whole
            .scanner
            .take()
            .is_some_and(SecretScanner::finds_at_end)
        {
            return Err(self.found());
        }
        whole.trailers = trailers;
        Ok(())
    }

    /// The next piece, unless it takes longer than the guest wants to wait.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Error>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(cx) {
            self.timer = None;
            let frame = frame.transpose();
            return Poll::Ready(frame.map_err(|_| Error::HttpResponseIncomplete));
        }
        let Some(patience) = self.patience else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(Error::ConnectionReadTimeout))
    }

    /// Reads and searches the body, to its end.
    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while self
            .whole
            .as_ref()
            .is_some_and(|whole| whole.scanner.is_some())
        {
            match ready!(self.poll_piece(cx))?.map(Frame::into_data) {
                Some(Ok(data)) => self.keep(&data)?,
                Some(Err(trailers)) => self.end(Some(trailers))?,
                None => self.end(None)?,
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Err(error) = ready!(self.poll_whole(cx)) {
            // The guest gets none of it, also when it asks again.
            self.whole = Some(Whole::default());
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(whole) = &mut self.whole {
            let data = whole.blocks.pop_front();
            let data = data.map(|block| Frame::data(Bytes::from_owner(block)));
            return Poll::Ready(data.or_else(|| whole.trailers.take()).map(Ok));
        }
        let piece = ready!(self.poll_piece(cx))?;
        if let Some(data) = piece.as_ref().and_then(Frame::data_ref) {
            self.count(data)?;
        }
        Poll::Ready(piece.map(Ok))
    }
}

/// The error of `wasi:http` for a request that is denied.
pub(super) fn refusal(reason: Reason) -> Error {
    match reason {
        Reason::PrivateAddress | Reason::PublicAddress => Error::DestinationIpProhibited,
        Reason::TooManyRequests | Reason::TooManyConnections | Reason::TooManyOpenFiles => {
            Error::ConnectionLimitReached
        }
        Reason::HeadTooLarge => Error::HttpRequestHeaderSectionSize(None),
        _ => Error::HttpRequestDenied,
    }
}
