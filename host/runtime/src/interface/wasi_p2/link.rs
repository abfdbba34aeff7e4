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
        sockets::ip_name_lookup,
        sockets::instance_network,
    );
    http::types::add_to_linker::<_, Doors>(linker, &http::types::LinkOptions::default(), door)?;
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<_, Doors>(linker, &options, door)?;
    link_sockets(linker)
}

/// Links the rest of `wasi:sockets`, which is wasmtime's own. No guest has a socket, since making one is denied. Each
/// function has the same price, which is charged where its state is handed out: none of them moves bytes.
fn link_sockets(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    fn state(state: &mut CallContext) -> WasiSocketsCtxView<'_> {
        state.call.meter.count_wasi();
        state.sockets()
    }
    sockets::tcp::add_to_linker::<_, WasiSockets>(linker, state)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, state)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(linker, state)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, state)
}
