//! The server's side of `wasi:http/types`. A guest can make a response and has no request to send it to, since no call
//! of this host begins with a request: the resources of a request are never made.

use tollgate_capability::Work;
use wasmtime::component::Resource;
use wasmtime_wasi_http::FieldMap;
use wasmtime_wasi_http::p2::HttpResult;
use wasmtime_wasi_http::p2::bindings::http::types;
use wasmtime_wasi_http::p2::body::{HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{
    HostIncomingRequest, HostOutgoingResponse, HostResponseOutparam,
};

use super::door::Door;
use super::http_fields::ASK;
use super::http_fields::{NEW_FIELDS, held_by};
use super::http_types::{OUT_BODY, RESPONSE};

impl types::HostIncomingRequest for Door<'_> {
    fn method(
        &mut self,
        request: Resource<HostIncomingRequest>,
    ) -> wasmtime::Result<types::Method> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostIncomingRequest::method(&mut state.http(), request)
    }

    fn path_with_query(
        &mut self,
        request: Resource<HostIncomingRequest>,
    ) -> wasmtime::Result<Option<String>> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostIncomingRequest::path_with_query(&mut state.http(), request)
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
        types::HostIncomingRequest::authority(&mut state.http(), request)
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
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(outparam.rep());
        if let Ok(response) = &response {
            state.forget(response.rep());
        }
        types::HostResponseOutparam::set(&mut state.http(), outparam, response)
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
        match types::HostOutgoingResponse::body(&mut state.http(), response)? {
            Ok(body) => Ok(Ok(state.keep(body, OUT_BODY.holds)?)),
            Err(()) => Ok(Err(())),
        }
    }

    fn drop(&mut self, response: Resource<HostOutgoingResponse>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(response.rep());
        types::HostOutgoingResponse::drop(&mut state.http(), response)
    }
}
