//! The interfaces of WASI 0.2, put into a linker. Each is implemented for [`Door`], so that no function is without its
//! price.

use wasmtime::component::Linker;
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random, sockets};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtxView, WasiSocketsView as _};
use wasmtime_wasi_http::p2::bindings::http;

use super::door::{Door, Doors};
use crate::call::context::CallContext;

/// Links every interface of WASI 0.2.
pub(crate) fn link(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    fn door(state: &mut CallContext) -> Door<'_> {
        Door::new(state)
    }
    macro_rules! behind_the_door {
        ($($($interface:ident)::+),+ $(,)?) => {
            $($($interface)::+::add_to_linker::<_, Doors>(linker, door)?;)+
        };
    }
    behind_the_door!(
        io::error,
        io::poll,
        io::streams,
        clocks::monotonic_clock,
        clocks::wall_clock,
        random::random,
        random::insecure,
        random::insecure_seed,
        cli::environment,
        cli::exit,
        cli::stdin,
        cli::stdout,
        cli::stderr,
        cli::terminal_input,
        cli::terminal_output,
        cli::terminal_stdin,
        cli::terminal_stdout,
        cli::terminal_stderr,
        filesystem::preopens,
        filesystem::types,
        http::outgoing_handler,
    );
    http::types::add_to_linker::<_, Doors>(linker, &http::types::LinkOptions::default(), door)?;
    link_sockets(linker)
}

/// Links `wasi:sockets`, all of it wasmtime's own. No guest has a socket: making one is denied, and so is a look-up. Each
/// function has the same price, which is charged where its state is handed out.
fn link_sockets(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    fn state(state: &mut CallContext) -> WasiSocketsCtxView<'_> {
        state.call.meter.count_wasi();
        state.sockets()
    }
    sockets::tcp::add_to_linker::<_, WasiSockets>(linker, state)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, state)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(linker, state)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, state)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(linker, state)?;
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<_, WasiSockets>(linker, &options, state)?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(linker, state)
}
