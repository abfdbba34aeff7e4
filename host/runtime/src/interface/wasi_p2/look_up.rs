//! `wasi:sockets/network`, `instance-network` and `ip-name-lookup`: a look-up is denied, at the price of the name, which has been copied from
//! the guest.

use tollgate_capability::{Price, WASI_CALL_PRICE, Work};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::instance_network;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{
    Host, HostResolveAddressStream, IpAddress, Network, ResolveAddressStream,
};
use wasmtime_wasi::p2::bindings::sockets::network::{self, ErrorCode, HostNetwork};
use wasmtime_wasi::p2::{DynPollable, SocketError};
use wasmtime_wasi::sockets::WasiSocketsView as _;

use super::door::Door;

const LOOK_UP: Price = Price::of_call(WASI_CALL_PRICE);
/// A handle of the network, with nothing behind it.
const NETWORK: Price = Price::of_call(WASI_CALL_PRICE).holding(256);

impl network::Host for Door<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    /// Not linked: it is unstable in WASI.
    fn network_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let state = self.enter(&LOOK_UP, Work::NONE)?;
        state.table.get(&error)?;
        Ok(None)
    }
}

impl instance_network::Host for Door<'_> {
    fn instance_network(&mut self) -> wasmtime::Result<Resource<Network>> {
        let state = self.enter(&NETWORK, Work::NONE)?;
        let network = instance_network::Host::instance_network(&mut state.sockets())?;
        Ok(state.keep(network, NETWORK.holds)?)
    }
}

impl HostNetwork for Door<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        let state = self.enter(&LOOK_UP, Work::NONE)?;
        state.take(network)?;
        Ok(())
    }
}

impl Host for Door<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> Result<Resource<ResolveAddressStream>, SocketError> {
        let state = self.enter(&LOOK_UP, Work::bytes(name.len()))?;
        state.table.get(&network)?;
        Err(ErrorCode::AccessDenied.into())
    }
}

/// No guest has such a stream, so the handles that these functions get are those of other resources.
impl HostResolveAddressStream for Door<'_> {
    fn resolve_next_address(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> Result<Option<IpAddress>, SocketError> {
        let state = self.enter(&LOOK_UP, Work::NONE)?;
        state.table.get(&stream)?;
        Err(ErrorCode::AccessDenied.into())
    }

    fn subscribe(
        &mut self,
        stream: Resource<ResolveAddressStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let state = self.enter(&LOOK_UP, Work::NONE)?;
        state.table.get(&stream)?;
        wasmtime::bail!("there are no look-ups")
    }

    fn drop(&mut self, stream: Resource<ResolveAddressStream>) -> wasmtime::Result<()> {
        let state = self.enter(&LOOK_UP, Work::NONE)?;
        state.table.delete(stream)?;
        Ok(())
    }
}
