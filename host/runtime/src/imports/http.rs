//! `tollgate:provider/http`: this host has no network yet, and says so to the guest.

use crate::bindings::tollgate::provider::http::{Error, Host, Request, Response};
use crate::meter::MOVE_PRICE;
use crate::state::HostState;

impl Host for HostState {
    async fn get(&mut self, request: Request) -> wasmtime::Result<Result<Response, Error>> {
        let headers: usize = request
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + size_of::<(String, String)>())
            .sum();
        let bytes = request.url.len() as u64 + headers as u64;
        self.meter.charge(bytes, MOVE_PRICE)?;
        self.be_fair().await;
        Ok(Err(Error::Unavailable(
            "this host has no network to offer".to_owned(),
        )))
    }
}
