//! `fields` and `request-options` of `wasi:http/types`: wasmtime's own functions, behind their prices.

use http::{HeaderMap, HeaderName, HeaderValue};
use tollgate_capability::{Price, TEXT_PRICE, WASI_CALL_PRICE, Work};
use wasmtime::component::Resource;
use wasmtime_wasi_http::p2::HeaderResult;
use wasmtime_wasi_http::p2::bindings::http::types;
use wasmtime_wasi_http::{FieldMap, RequestOptions};

use super::door::Door;
use super::http::FIELDS;
use crate::call::context::CallContext;

/// A question, or a change of a number.
pub(super) const ASK: Price = Price::of_call(WASI_CALL_PRICE);
/// Headers are hashed, and each value is an allocation.
pub(super) const HEADERS: Price = Price::of_call(WASI_CALL_PRICE)
    .per_byte(6)
    .per_entry(TEXT_PRICE);
pub(super) const NEW_FIELDS: Price = HEADERS.holding(FIELDS as u64 + 512);
const OPTIONS: Price = Price::of_call(WASI_CALL_PRICE).holding(256);

/// Bytes that a field takes beside its name and its value, in its map and as an allocation.
const FIELD: u64 = 256;

/// Bytes that fields hold: more than a guest may make of them if they are those of a response, or a copy of them.
pub(super) fn held_by(fields: &FieldMap) -> u64 {
    held_by_headers(fields)
}

/// The same of headers that are no fields yet.
pub(super) fn held_by_headers(fields: &HeaderMap) -> u64 {
    let each = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.as_str().len() + value.len()) as u64 + FIELD
    };
    let held: u64 = fields.iter().map(each).sum();
    held.saturating_add(512).max(NEW_FIELDS.holds)
}

impl CallContext {
    /// Counts the bytes of fields that may be those of a response.
    pub(super) fn keep_fields(
        &mut self,
        fields: Resource<FieldMap>,
    ) -> wasmtime::Result<Resource<FieldMap>> {
        let held = held_by(self.table.get(&fields)?);
        Ok(self.keep(fields, held)?)
    }
}

/// The work on a list of values.
fn values(values: &[Vec<u8>]) -> Work {
    Work::bytes(values.iter().map(Vec::len).sum()).entries(values.len())
}

/// The work on a list of names and values.
fn pairs(pairs: &[(String, Vec<u8>)]) -> Work {
    let lengths = pairs.iter().map(|(name, value)| name.len() + value.len());
    Work::bytes(lengths.sum()).entries(pairs.len().saturating_mul(2))
}

impl types::HostFields for Door<'_> {
    fn new(&mut self) -> wasmtime::Result<Resource<FieldMap>> {
        let state = self.enter(&NEW_FIELDS, Work::NONE)?;
        let fields = types::HostFields::new(&mut state.http())?;
        Ok(state.keep(fields, NEW_FIELDS.holds)?)
    }

    fn from_list(&mut self, list: Vec<(String, Vec<u8>)>) -> HeaderResult<Resource<FieldMap>> {
        let state = self.enter(&NEW_FIELDS, pairs(&list))?;
        let fields = types::HostFields::from_list(&mut state.http(), list)?;
        Ok(state.keep(fields, NEW_FIELDS.holds)?)
    }

    fn get(&mut self, fields: Resource<FieldMap>, name: String) -> wasmtime::Result<Vec<Vec<u8>>> {
        let state = self.enter(&HEADERS, Work::bytes(name.len()).entries(1))?;
        let found = types::HostFields::get(&mut state.http(), fields, name)?;
        state.pay_more(&HEADERS, values(&found))?;
        Ok(found)
    }

    fn has(&mut self, fields: Resource<FieldMap>, name: String) -> wasmtime::Result<bool> {
        let state = self.enter(&HEADERS, Work::bytes(name.len()).entries(1))?;
        types::HostFields::has(&mut state.http(), fields, name)
    }

    fn set(
        &mut self,
        fields: Resource<FieldMap>,
        name: String,
        list: Vec<Vec<u8>>,
    ) -> HeaderResult<()> {
        let mut work = values(&list).entries(1);
        work.bytes = work.bytes.saturating_add(name.len() as u64);
        let state = self.enter(&HEADERS, work)?;
        types::HostFields::set(&mut state.http(), fields, name, list)
    }

    fn delete(&mut self, fields: Resource<FieldMap>, name: String) -> HeaderResult<()> {
        let state = self.enter(&HEADERS, Work::bytes(name.len()).entries(1))?;
        types::HostFields::delete(&mut state.http(), fields, name)
    }

    fn append(
        &mut self,
        fields: Resource<FieldMap>,
        name: String,
        value: Vec<u8>,
    ) -> HeaderResult<()> {
        let work = Work::bytes(name.len().saturating_add(value.len())).entries(2);
        let state = self.enter(&HEADERS, work)?;
        types::HostFields::append(&mut state.http(), fields, name, value)
    }

    fn entries(&mut self, fields: Resource<FieldMap>) -> wasmtime::Result<Vec<(String, Vec<u8>)>> {
        let state = self.enter(&HEADERS, Work::NONE)?;
        let list = types::HostFields::entries(&mut state.http(), fields)?;
        state.pay_more(&HEADERS, pairs(&list))?;
        Ok(list)
    }

    fn clone(&mut self, fields: Resource<FieldMap>) -> wasmtime::Result<Resource<FieldMap>> {
        let state = self.enter(&NEW_FIELDS, Work::NONE)?;
        let copy = types::HostFields::clone(&mut state.http(), fields)?;
        state.keep_fields(copy)
    }

    fn drop(&mut self, fields: Resource<FieldMap>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(fields.rep());
        types::HostFields::drop(&mut state.http(), fields)
    }
}

impl types::HostRequestOptions for Door<'_> {
    fn new(&mut self) -> wasmtime::Result<Resource<RequestOptions>> {
        let state = self.enter(&OPTIONS, Work::NONE)?;
        let options = types::HostRequestOptions::new(&mut state.http())?;
        Ok(state.keep(options, OPTIONS.holds)?)
    }

    fn connect_timeout(
        &mut self,
        options: Resource<RequestOptions>,
    ) -> wasmtime::Result<Option<types::Duration>> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostRequestOptions::connect_timeout(&mut state.http(), options)
    }

    fn set_connect_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        duration: Option<types::Duration>,
    ) -> wasmtime::Result<Result<(), ()>> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostRequestOptions::set_connect_timeout(&mut state.http(), options, duration)
    }

    fn first_byte_timeout(
        &mut self,
        options: Resource<RequestOptions>,
    ) -> wasmtime::Result<Option<types::Duration>> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostRequestOptions::first_byte_timeout(&mut state.http(), options)
    }

    fn set_first_byte_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        duration: Option<types::Duration>,
    ) -> wasmtime::Result<Result<(), ()>> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostRequestOptions::set_first_byte_timeout(&mut state.http(), options, duration)
    }

    fn between_bytes_timeout(
        &mut self,
        options: Resource<RequestOptions>,
    ) -> wasmtime::Result<Option<types::Duration>> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostRequestOptions::between_bytes_timeout(&mut state.http(), options)
    }

    fn set_between_bytes_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        duration: Option<types::Duration>,
    ) -> wasmtime::Result<Result<(), ()>> {
        let state = self.enter(&ASK, Work::NONE)?;
        types::HostRequestOptions::set_between_bytes_timeout(&mut state.http(), options, duration)
    }

    fn drop(&mut self, options: Resource<RequestOptions>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.forget(options.rep());
        types::HostRequestOptions::drop(&mut state.http(), options)
    }
}
