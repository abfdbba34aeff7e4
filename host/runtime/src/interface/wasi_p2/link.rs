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
    macro_rules! behind_the_door {
        ($($name:literal => $($interface:ident)::+,)+) => {
            $($($interface)::+::add_to_linker::<_, Doors>(linker, |state| Door::new(state.serving($name)))?;)+
        };
    }
    behind_the_door!(
        "wasi:io/error" => io::error,
        "wasi:io/poll" => io::poll,
        "wasi:io/streams" => io::streams,
        "wasi:clocks/monotonic-clock" => clocks::monotonic_clock,
        "wasi:clocks/wall-clock" => clocks::wall_clock,
        "wasi:random/random" => random::random,
        "wasi:random/insecure" => random::insecure,
        "wasi:random/insecure-seed" => random::insecure_seed,
        "wasi:cli/environment" => cli::environment,
        "wasi:cli/exit" => cli::exit,
        "wasi:cli/stdin" => cli::stdin,
        "wasi:cli/stdout" => cli::stdout,
        "wasi:cli/stderr" => cli::stderr,
        "wasi:cli/terminal-input" => cli::terminal_input,
        "wasi:cli/terminal-output" => cli::terminal_output,
        "wasi:cli/terminal-stdin" => cli::terminal_stdin,
        "wasi:cli/terminal-stdout" => cli::terminal_stdout,
        "wasi:cli/terminal-stderr" => cli::terminal_stderr,
        "wasi:filesystem/preopens" => filesystem::preopens,
        "wasi:filesystem/types" => filesystem::types,
        "wasi:http/outgoing-handler" => http::outgoing_handler,
        "wasi:sockets/ip-name-lookup" => sockets::ip_name_lookup,
        "wasi:sockets/instance-network" => sockets::instance_network,
    );
    let (of_http, of_network) = (
        http::types::LinkOptions::default(),
        sockets::network::LinkOptions::default(),
    );
    http::types::add_to_linker::<_, Doors>(linker, &of_http, |state| {
        Door::new(state.serving("wasi:http/types"))
    })?;
    sockets::network::add_to_linker::<_, Doors>(linker, &of_network, |state| {
        Door::new(state.serving("wasi:sockets/network"))
    })?;
    link_sockets(linker)
}

/// Links the rest of `wasi:sockets`, which is wasmtime's own. No guest has a socket, since making one is denied. Each
/// function has the same price, which is charged where its state is handed out: none of them moves bytes.
fn link_sockets(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    fn state(state: &mut CallContext) -> WasiSocketsCtxView<'_> {
        let state = state.serving("wasi:sockets");
        state.call.meter.count_wasi();
        state.sockets()
    }
    sockets::tcp::add_to_linker::<_, WasiSockets>(linker, state)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, state)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(linker, state)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, state)
}
