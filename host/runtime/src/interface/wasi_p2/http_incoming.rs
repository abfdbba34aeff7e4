//! The server's side of `wasi:http/types`: wasmtime's own functions, behind their prices. A guest has a request in a call that
//! began with one ([`http_server`](super::http_server)), and can make responses in any.

use http::Response;
use tollgate_capability::{Price, WASI_CALL_PRICE, Work};
use wasmtime::component::Resource;
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p2::HttpResult;
use wasmtime_wasi_http::p2::bindings::http::types;
use wasmtime_wasi_http::p2::body::{HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{
    HostIncomingRequest, HostOutgoingResponse, HostResponseOutparam,
};

use super::door::Door;
use super::http::FIELDS;
use super::http_fields::{ASK, HEADERS, NEW_FIELDS, held_by};
use super::http_server::{SHOWN, Unsendable, text_of_error};
use super::http_types::{OUT_BODY, RESPONSE};

/// A text of a request is copied.
const TEXT: Price = Price::of_call(WASI_CALL_PRICE).per_byte(2);

/// The work on a text that may not be there.
fn text(text: Option<&str>) -> Work {
    Work::bytes(text.map_or(0, str::len))
}

impl types::HostIncomingRequest for Door<'_> {
    fn method(
        &mut self,
        request: Resource<HostIncomingRequest>,
    ) -> wasmtime::Result<types::Method> {
        let state = self.enter(&ASK, Work::NONE)?;
        let method = types::HostIncomingRequest::method(&mut state.http(), request)?;
        if let types::Method::Other(text) = &method {
            state.pay_more(&TEXT, Work::bytes(text.len()))?;
        }
        Ok(method)
    }

    fn path_with_query(
        &mut self,
        request: Resource<HostIncomingRequest>,
    ) -> wasmtime::Result<Option<String>> {
        let state = self.enter(&ASK, Work::NONE)?;
        let path = types::HostIncomingRequest::path_with_query(&mut state.http(), request)?;
        state.pay_more(&TEXT, text(path.as_deref()))?;
        Ok(path)
    }

    fn scheme(
        &mut self,
        request: Resource<HostIncomingRequest>,
    ) -> wasmtime::Result<Option<types::Scheme>> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostIncomingRequest::scheme(&mut state.http(), request)
    }

    fn authority(
        &mut self,
        request: Resource<HostIncomingRequest>,
    ) -> wasmtime::Result<Option<String>> {
        let state = self.enter(&ASK, Work::NONE)?;
        let authority = types::HostIncomingRequest::authority(&mut state.http(), request)?;
        state.pay_more(&TEXT, text(authority.as_deref()))?;
        Ok(authority)
    }

    fn headers(
        &mut self,
        request: Resource<HostIncomingRequest>,
    ) -> wasmtime::Result<Resource<FieldMap>> {
        let state = self.enter(&NEW_FIELDS, Work::NONE)?;
        let fields = types::HostIncomingRequest::headers(&mut state.http(), request)?;
        state.keep_fields(fields)
    }

    fn consume(
        &mut self,
        request: Resource<HostIncomingRequest>,
    ) -> wasmtime::Result<Result<Resource<HostIncomingBody>, ()>> {
        let state = self.enter(&OUT_BODY, Work::NONE)?;
        match types::HostIncomingRequest::consume(&mut state.http(), request)? {
            Ok(body) => Ok(Ok(state.keep(body, OUT_BODY.holds)?)),
            Err(()) => Ok(Err(())),
        }
    }

    fn drop(&mut self, request: Resource<HostIncomingRequest>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(request.rep());
        types::HostIncomingRequest::drop(&mut state.http(), request)
    }
}

impl types::HostResponseOutparam for Door<'_> {
    fn set(
        &mut self,
        outparam: Resource<HostResponseOutparam>,
        response: Result<Resource<HostOutgoingResponse>, types::ErrorCode>,
    ) -> wasmtime::Result<()> {
        let state = self.enter(&HEADERS, Work::bytes(FIELDS))?;
        let unsendable = Unsendable::default();
        let response = match response {
            Ok(response) => {
                let written = state.wasi.response_bodies.take_response(response.rep());
                let mut response = Response::try_from(state.take(response)?)?;
                response.extensions_mut().insert(unsendable.clone());
                if let Some(written) = written {
                    response.extensions_mut().insert(written);
                }
                Ok(response)
            }
            Err(mut code) => {
                if let Some(text) = text_of_error(&mut code) {
                    state.pay_more(&TEXT, Work::bytes(text.len()))?;
                    *text = text.chars().take(SHOWN).collect();
                }
                Err(code)
            }
        };
        (state.take(outparam)?.send)(response);
        Ok(unsendable.trap()?)
    }

    fn send_informational(
        &mut self,
        outparam: Resource<HostResponseOutparam>,
        status: u16,
        headers: Resource<FieldMap>,
    ) -> HttpResult<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        let mut http = state.http();
        types::HostResponseOutparam::send_informational(&mut http, outparam, status, headers)
    }

    fn drop(&mut self, outparam: Resource<HostResponseOutparam>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(outparam.rep());
        types::HostResponseOutparam::drop(&mut state.http(), outparam)
    }
}

impl types::HostOutgoingResponse for Door<'_> {
    fn new(
        &mut self,
        headers: Resource<FieldMap>,
    ) -> wasmtime::Result<Resource<HostOutgoingResponse>> {
        let state = self.enter(&RESPONSE, Work::NONE)?;
        let holds = held_by(state.table.get(&headers)?) + RESPONSE.holds;
        state.forget(headers.rep());
        let response = types::HostOutgoingResponse::new(&mut state.http(), headers)?;
        Ok(state.keep(response, holds)?)
    }

    fn status_code(&mut self, response: Resource<HostOutgoingResponse>) -> wasmtime::Result<u16> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostOutgoingResponse::status_code(&mut state.http(), response)
    }

    fn set_status_code(
        &mut self,
        response: Resource<HostOutgoingResponse>,
        status: u16,
    ) -> wasmtime::Result<Result<(), ()>> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostOutgoingResponse::set_status_code(&mut state.http(), response, status)
    }

    fn headers(
        &mut self,
        response: Resource<HostOutgoingResponse>,
    ) -> wasmtime::Result<Resource<FieldMap>> {
        let state = self.enter(&NEW_FIELDS, Work::NONE)?;
        let fields = types::HostOutgoingResponse::headers(&mut state.http(), response)?;
        state.keep_fields(fields)
    }

    fn body(
        &mut self,
        response: Resource<HostOutgoingResponse>,
    ) -> wasmtime::Result<Result<Resource<HostOutgoingBody>, ()>> {
        let state = self.enter(&OUT_BODY, Work::NONE)?;
        let entry = response.rep();
        match types::HostOutgoingResponse::body(&mut state.http(), response)? {
            Ok(body) => {
                let output = state.call.meter.limits.output;
                let bodies = &mut state.wasi.response_bodies;
                bodies.begin(entry, body.rep(), output);
                Ok(Ok(state.keep(body, OUT_BODY.holds)?))
            }
            Err(()) => Ok(Err(())),
        }
    }

    fn drop(&mut self, response: Resource<HostOutgoingResponse>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(response.rep());
        state.wasi.response_bodies.take_response(response.rep());
        types::HostOutgoingResponse::drop(&mut state.http(), response)
    }
}
