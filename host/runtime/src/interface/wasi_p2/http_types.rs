//! `wasi:http/types` and `wasi:http/outgoing-handler`: wasmtime's own functions on its resources, behind their prices.
//! The text that a guest puts into a request, and each resource, count as memory that the host holds.

use tollgate_capability::{Price, SEND_PRICE, URL_PRICE, WASI_CALL_PRICE, Work};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
use wasmtime_wasi_http::p2::body::{HostFutureTrailers, HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest,
};
use wasmtime_wasi_http::p2::{HeaderError, HttpError, HttpResult};
use wasmtime_wasi_http::{FieldMap, RequestOptions};

use super::door::Door;
use super::http::{FIELDS, PIECE};
use super::http_body::code;
use super::http_fields::{ASK, HEADERS, NEW_FIELDS, held_by};
use wasmtime_wasi_http::p2::bindings::http::{outgoing_handler, types};

/// The most that method, scheme, authority or path of a request may have, in bytes each: the size that servers commonly
/// accept of a whole head.
const TEXT: usize = 8 << 10;

/// A request holds four texts, and its fields.
const REQUEST: Price = Price::of_call(WASI_CALL_PRICE).holding(4 * TEXT as u64);
/// The text of a request is parsed.
const SET_TEXT: Price = Price::of_call(WASI_CALL_PRICE).per_byte(12);
/// Two pieces wait for the network at most, and one is in the channel between.
pub(super) const OUT_BODY: Price =
    Price::of_call(2 * WASI_CALL_PRICE).holding(3 * PIECE as u64 + 1_024);
const SEND: Price = Price::of_call(SEND_PRICE).holding(IN_FLIGHT);
/// The URL of a request.
const JUDGE: Price = Price::of_call(0).per_byte(URL_PRICE);
/// The buffers of a connection in both directions, and the head of the response.
const IN_FLIGHT: u64 = 128 << 10;
pub(super) const RESPONSE: Price =
    Price::of_call(2 * WASI_CALL_PRICE).holding(FIELDS as u64 + 1_024);
/// A handle of something that is counted already.
const HANDLE: Price = Price::of_call(WASI_CALL_PRICE).holding(512);
/// A pollable, as in `io.rs`.
const POLLABLE: Price = Price::of_call(WASI_CALL_PRICE).holding(256);

impl types::Host for Door<'_> {
    fn convert_error_code(&mut self, error: HttpError) -> wasmtime::Result<types::ErrorCode> {
        error.downcast()
    }

    fn convert_header_error(&mut self, error: HeaderError) -> wasmtime::Result<types::HeaderError> {
        error.downcast()
    }

    fn http_error_code(
        &mut self,
        error: Resource<types::IoError>,
    ) -> wasmtime::Result<Option<types::ErrorCode>> {
        let state = self.enter(&ASK, Work::NONE)?;
        // wasmtime finds its own codes alone, and not the errors of bodies.
        if let Some(code) = state.table.get(&error)?.downcast_ref().and_then(code) {
            return Ok(Some(code));
        }
        types::Host::http_error_code(&mut state.http(), error)
    }
}

impl types::HostOutgoingRequest for Door<'_> {
    fn new(
        &mut self,
        headers: Resource<FieldMap>,
    ) -> wasmtime::Result<Resource<HostOutgoingRequest>> {
        let state = self.enter(&REQUEST, Work::NONE)?;
        let holds = held_by(state.table.get(&headers)?) + REQUEST.holds;
        state.forget(headers.rep());
        let request = types::HostOutgoingRequest::new(&mut state.http(), headers)?;
        Ok(state.keep(request, holds)?)
    }

    fn body(
        &mut self,
        request: Resource<HostOutgoingRequest>,
    ) -> wasmtime::Result<Result<Resource<HostOutgoingBody>, ()>> {
        let state = self.enter(&OUT_BODY, Work::NONE)?;
        match types::HostOutgoingRequest::body(&mut state.http(), request)? {
            Ok(body) => Ok(Ok(state.keep(body, OUT_BODY.holds)?)),
            Err(()) => Ok(Err(())),
        }
    }

    fn method(
        &mut self,
        request: Resource<HostOutgoingRequest>,
    ) -> wasmtime::Result<types::Method> {
        let state = self.enter(&SET_TEXT, Work::bytes(TEXT))?;
        types::HostOutgoingRequest::method(&mut state.http(), request)
    }

    fn set_method(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        method: types::Method,
    ) -> wasmtime::Result<Result<(), ()>> {
        let length = match &method {
            types::Method::Other(text) => text.len(),
            _ => 0,
        };
        let state = self.enter(&SET_TEXT, Work::bytes(length))?;
        if length > TEXT {
            return Ok(Err(()));
        }
        types::HostOutgoingRequest::set_method(&mut state.http(), request, method)
    }

    fn path_with_query(
        &mut self,
        request: Resource<HostOutgoingRequest>,
    ) -> wasmtime::Result<Option<String>> {
        let state = self.enter(&SET_TEXT, Work::bytes(TEXT))?;
        types::HostOutgoingRequest::path_with_query(&mut state.http(), request)
    }

    fn set_path_with_query(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        path: Option<String>,
    ) -> wasmtime::Result<Result<(), ()>> {
        let length = path.as_ref().map_or(0, String::len);
        let state = self.enter(&SET_TEXT, Work::bytes(length))?;
        if length > TEXT {
            return Ok(Err(()));
        }
        types::HostOutgoingRequest::set_path_with_query(&mut state.http(), request, path)
    }

    fn scheme(
        &mut self,
        request: Resource<HostOutgoingRequest>,
    ) -> wasmtime::Result<Option<types::Scheme>> {
        let state = self.enter(&SET_TEXT, Work::bytes(TEXT))?;
        types::HostOutgoingRequest::scheme(&mut state.http(), request)
    }

    fn set_scheme(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        scheme: Option<types::Scheme>,
    ) -> wasmtime::Result<Result<(), ()>> {
        let length = match &scheme {
            Some(types::Scheme::Other(text)) => text.len(),
            _ => 0,
        };
        let state = self.enter(&SET_TEXT, Work::bytes(length))?;
        if length > TEXT {
            return Ok(Err(()));
        }
        types::HostOutgoingRequest::set_scheme(&mut state.http(), request, scheme)
    }

    fn authority(
        &mut self,
        request: Resource<HostOutgoingRequest>,
    ) -> wasmtime::Result<Option<String>> {
        let state = self.enter(&SET_TEXT, Work::bytes(TEXT))?;
        types::HostOutgoingRequest::authority(&mut state.http(), request)
    }

    fn set_authority(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        authority: Option<String>,
    ) -> wasmtime::Result<Result<(), ()>> {
        let length = authority.as_ref().map_or(0, String::len);
        let state = self.enter(&SET_TEXT, Work::bytes(length))?;
        if length > TEXT {
            return Ok(Err(()));
        }
        types::HostOutgoingRequest::set_authority(&mut state.http(), request, authority)
    }

    fn headers(
        &mut self,
        request: Resource<HostOutgoingRequest>,
    ) -> wasmtime::Result<Resource<FieldMap>> {
        let state = self.enter(&NEW_FIELDS, Work::NONE)?;
        let fields = types::HostOutgoingRequest::headers(&mut state.http(), request)?;
        state.keep_fields(fields)
    }

    fn drop(&mut self, request: Resource<HostOutgoingRequest>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(request.rep());
        types::HostOutgoingRequest::drop(&mut state.http(), request)
    }
}

impl outgoing_handler::Host for Door<'_> {
    fn handle(
        &mut self,
        request: Resource<HostOutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> HttpResult<Resource<HostFutureIncomingResponse>> {
        let state = self.enter(&SEND, Work::bytes(4 * TEXT + FIELDS))?;
        let sent = state.table.get(&request)?;
        let parts = [&sent.authority, &sent.path_with_query]
            .into_iter()
            .flatten();
        let url = parts.map(String::len).sum();
        state.pay_more(&JUDGE, Work::bytes(url))?;
        state.forget(request.rep());
        let response = outgoing_handler::Host::handle(&mut state.http(), request, options)?;
        Ok(state.keep(response, SEND.holds)?)
    }
}

impl types::HostOutgoingBody for Door<'_> {
    fn write(
        &mut self,
        body: Resource<HostOutgoingBody>,
    ) -> wasmtime::Result<Result<Resource<DynOutputStream>, ()>> {
        let state = self.enter(&HANDLE, Work::NONE)?;
        let entry = body.rep();
        match types::HostOutgoingBody::write(&mut state.http(), body)? {
            Ok(stream) => {
                let bodies = &state.wasi.response_bodies;
                bodies.bound(entry, state.table.get_mut(&stream)?);
                Ok(Ok(state.keep(stream, HANDLE.holds)?))
            }
            Err(()) => Ok(Err(())),
        }
    }

    fn finish(
        &mut self,
        body: Resource<HostOutgoingBody>,
        trailers: Option<Resource<FieldMap>>,
    ) -> HttpResult<()> {
        let state = self.enter(&HEADERS, Work::bytes(FIELDS))?;
        state.forget(body.rep());
        if let Some(trailers) = &trailers {
            state.forget(trailers.rep());
        }
        let response = state.wasi.response_bodies.take_body(body.rep());
        types::HostOutgoingBody::finish(&mut state.http(), body, trailers)?;
        if let Some(response) = response {
            response.finish();
        }
        Ok(())
    }

    fn drop(&mut self, body: Resource<HostOutgoingBody>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(body.rep());
        state.wasi.response_bodies.take_body(body.rep());
        types::HostOutgoingBody::drop(&mut state.http(), body)
    }
}

impl types::HostFutureIncomingResponse for Door<'_> {
    fn subscribe(
        &mut self,
        response: Resource<HostFutureIncomingResponse>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let state = self.enter(&POLLABLE, Work::NONE)?;
        let pollable = types::HostFutureIncomingResponse::subscribe(&mut state.http(), response)?;
        Ok(state.keep(pollable, POLLABLE.holds)?)
    }

    fn get(
        &mut self,
        response: Resource<HostFutureIncomingResponse>,
    ) -> wasmtime::Result<
        Option<Result<Result<Resource<HostIncomingResponse>, types::ErrorCode>, ()>>,
    > {
        let state = self.enter(&RESPONSE, Work::NONE)?;
        let found = types::HostFutureIncomingResponse::get(&mut state.http(), response)?;
        Ok(match found {
            Some(Ok(Ok(response))) => {
                Some(Ok(Ok(state.keep(response, RESPONSE.holds + IN_FLIGHT)?)))
            }
            other => other,
        })
    }

    fn drop(&mut self, response: Resource<HostFutureIncomingResponse>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(response.rep());
        types::HostFutureIncomingResponse::drop(&mut state.http(), response)
    }
}

impl types::HostIncomingResponse for Door<'_> {
    fn status(&mut self, response: Resource<HostIncomingResponse>) -> wasmtime::Result<u16> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostIncomingResponse::status(&mut state.http(), response)
    }

    fn headers(
        &mut self,
        response: Resource<HostIncomingResponse>,
    ) -> wasmtime::Result<Resource<FieldMap>> {
        let state = self.enter(&NEW_FIELDS, Work::NONE)?;
        let fields = types::HostIncomingResponse::headers(&mut state.http(), response)?;
        state.keep_fields(fields)
    }

    fn consume(
        &mut self,
        response: Resource<HostIncomingResponse>,
    ) -> wasmtime::Result<Result<Resource<HostIncomingBody>, ()>> {
        let state = self.enter(&HANDLE, Work::NONE)?;
        match types::HostIncomingResponse::consume(&mut state.http(), response)? {
            // It may outlive the response, and keeps the connection.
            Ok(body) => Ok(Ok(state.keep(body, IN_FLIGHT)?)),
            Err(()) => Ok(Err(())),
        }
    }

    fn drop(&mut self, response: Resource<HostIncomingResponse>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(response.rep());
        types::HostIncomingResponse::drop(&mut state.http(), response)
    }
}

impl types::HostIncomingBody for Door<'_> {
    fn stream(
        &mut self,
        body: Resource<HostIncomingBody>,
    ) -> wasmtime::Result<Result<Resource<DynInputStream>, ()>> {
        let state = self.enter(&HANDLE, Work::NONE)?;
        match types::HostIncomingBody::stream(&mut state.http(), body)? {
            Ok(stream) => Ok(Ok(state.keep(stream, HANDLE.holds)?)),
            Err(()) => Ok(Err(())),
        }
    }

    fn finish(
        &mut self,
        body: Resource<HostIncomingBody>,
    ) -> wasmtime::Result<Resource<HostFutureTrailers>> {
        let state = self.enter(&HANDLE, Work::NONE)?;
        state.forget(body.rep());
        let trailers = types::HostIncomingBody::finish(&mut state.http(), body)?;
        Ok(state.keep(trailers, IN_FLIGHT)?)
    }

    fn drop(&mut self, body: Resource<HostIncomingBody>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(body.rep());
        types::HostIncomingBody::drop(&mut state.http(), body)
    }
}

impl types::HostFutureTrailers for Door<'_> {
    fn subscribe(
        &mut self,
        trailers: Resource<HostFutureTrailers>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let state = self.enter(&POLLABLE, Work::NONE)?;
        let pollable = types::HostFutureTrailers::subscribe(&mut state.http(), trailers)?;
        Ok(state.keep(pollable, POLLABLE.holds)?)
    }

    fn get(
        &mut self,
        trailers: Resource<HostFutureTrailers>,
    ) -> wasmtime::Result<Option<Result<Result<Option<Resource<FieldMap>>, types::ErrorCode>, ()>>>
    {
        let state = self.enter(&NEW_FIELDS, Work::NONE)?;
        let found = types::HostFutureTrailers::get(&mut state.http(), trailers)?;
        Ok(match found {
            Some(Ok(Ok(Some(fields)))) => Some(Ok(Ok(Some(state.keep_fields(fields)?)))),
            other => other,
        })
    }

    fn drop(&mut self, trailers: Resource<HostFutureTrailers>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(trailers.rep());
        types::HostFutureTrailers::drop(&mut state.http(), trailers)
    }
}
