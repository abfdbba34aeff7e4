//! The bodies of a request that a guest answers: the client's, under `host-data`, and the guest's, which ends well only if the
//! call does.

use std::error::Error as StdError;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use thiserror::Error;
use tokio::sync::oneshot;
use wasmtime_wasi_http::{Error, WasiBody};

pub(super) type BoxError = Box<dyn StdError + Send + Sync>;

/// The body of a request, up to the limit `host-data`. It is read as the guest asks for it.
pub(super) struct RequestBody<B> {
    /// `None` once it has failed: a guest that asks again gets no more.
    body: Option<Pin<Box<B>>>,
    left: u64,
    most: u64,
}

impl<B> RequestBody<B> {
    pub(super) fn new(body: B, most: u64) -> RequestBody<B> {
        RequestBody {
            body: Some(Box::pin(body)),
            left: most,
            most,
        }
    }

    fn counted(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Error> {
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        let left = self.left.checked_sub(length);
        self.left = left.ok_or(Error::HttpRequestBodySize(Some(self.most)))?;
        Ok(frame)
    }
}

impl<B> Body for RequestBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = match ready!(body.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => self.counted(frame),
            Some(Err(error)) => Err(failure(&*error.into())),
            None => return Poll::Ready(None),
        };
        if frame.is_err() {
            self.body = None;
        }
        Poll::Ready(Some(frame))
    }
}

/// The error of `wasi:http` for a body that the client does not send to its end.
fn failure(error: &(dyn StdError + 'static)) -> Error {
    match error.downcast_ref::<std::io::Error>() {
        Some(error) if error.kind() == ErrorKind::TimedOut => Error::ConnectionReadTimeout,
        _ => Error::ConnectionTerminated,
    }
}

/// The body of a response of a guest. Pieces come as the guest writes them; those that wait are bounded, and the guest waits for
/// room.
///
/// Its end comes once the call has ended, and only if it ended well: a reader that has the whole body knows that no limit was
/// reached, and that the guest has finished it. A body of a declared length holds its last piece back until then.
///
/// A guest that waits for room stops when the body is dropped: it finds its stream closed.
#[derive(Debug)]
pub struct ResponseBody {
    body: WasiBody,
    /// The bytes that are still to come, if the guest has declared how many.
    left: Option<u64>,
    whole: oneshot::Receiver<()>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Coming,
    /// All has come, with the last frame. The call has not ended.
    Ending(Option<Frame<Bytes>>),
    Ended,
}

/// The body of a response is not whole: the guest did not finish it, or its call ended with a fault or was dropped. The report of
/// the call tells why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the body of the response is not whole: the call of the guest did not end well")]
pub struct Incomplete;

impl ResponseBody {
    pub(super) fn new(
        body: WasiBody,
        declared: Option<u64>,
        whole: oneshot::Receiver<()>,
    ) -> ResponseBody {
        let is_empty = body.is_end_stream() && declared.is_none() || declared == Some(0);
        let stage = match is_empty {
            true => Stage::Ending(None),
            false => Stage::Coming,
        };
        ResponseBody {
            body,
            left: declared,
            whole,
            stage,
        }
    }

    /// Whether it has no bytes. Its end still comes with that of the call.
    pub fn is_empty(&self) -> bool {
        matches!(self.stage, Stage::Ending(None) | Stage::Ended)
    }

    /// The next stage, of the next frame of the guest's; `None` if the frame is passed on.
    fn advance(
        &mut self,
        frame: Option<Result<Frame<Bytes>, Error>>,
    ) -> Result<Option<Frame<Bytes>>, Incomplete> {
        let Some(frame) = frame.transpose().map_err(|_| Incomplete)? else {
            let is_all = self.left.is_none_or(|left| left == 0);
            self.stage = Stage::Ending(None);
            return is_all.then_some(None).ok_or(Incomplete);
        };
        if let (Some(left), Some(data)) = (&mut self.left, frame.data_ref()) {
            *left = left.checked_sub(data.len() as u64).ok_or(Incomplete)?;
        }
        match frame.is_trailers() || self.left == Some(0) {
            false => Ok(Some(frame)),
            true => {
                self.stage = Stage::Ending(Some(frame));
                Ok(None)
            }
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Incomplete;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Incomplete>>> {
        loop {
            match &mut self.stage {
                Stage::Coming => {
                    let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
                    match self.advance(frame) {
                        Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                        Ok(None) => {}
                        Err(incomplete) => {
                            self.stage = Stage::Ended;
                            return Poll::Ready(Some(Err(incomplete)));
                        }
                    }
                }
                Stage::Ending(last) => {
                    let last = last.take();
                    let Poll::Ready(whole) = Pin::new(&mut self.whole).poll(cx) else {
                        self.stage = Stage::Ending(last);
                        return Poll::Pending;
                    };
                    self.stage = Stage::Ended;
                    return Poll::Ready(match whole {
                        Ok(()) => last.map(Ok),
                        Err(_) => Some(Err(Incomplete)),
                    });
                }
                Stage::Ended => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    fn size_hint(&self) -> SizeHint {
        let last = match &self.stage {
            Stage::Ending(Some(frame)) => frame.data_ref().map_or(0, Bytes::len) as u64,
            _ => 0,
        };
        let left = self.left.map(|left| left.saturating_add(last));
        left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
