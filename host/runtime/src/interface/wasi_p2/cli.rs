//! `wasi:cli`: the environment that the policy grants, the standard streams, and the exit code.

use tollgate_capability::{Price, TEXT_PRICE, WASI_CALL_PRICE, Work};
use wasmtime::component::Resource;
use wasmtime_wasi::cli::WasiCliView as _;
use wasmtime_wasi::p2::bindings::cli::{
    environment, exit, stderr, stdin, stdout, terminal_input, terminal_output, terminal_stderr,
    terminal_stdin, terminal_stdout,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};

use super::door::Door;
use terminal_input::TerminalInput;
use terminal_output::TerminalOutput;

/// A question with a short answer.
const ASK: Price = Price::of_call(WASI_CALL_PRICE);

/// A list of texts.
const LIST: Price = Price::of_call(WASI_CALL_PRICE).per_entry(TEXT_PRICE);

/// A handle of a standard stream, which the host has once.
const STREAM: Price = Price::of_call(WASI_CALL_PRICE).holding(256);

impl environment::Host for Door<'_> {
    fn get_environment(&mut self) -> wasmtime::Result<Vec<(String, String)>> {
        let state = self.enter(&ASK, Work::NONE)?;
        let variables = environment::Host::get_environment(&mut state.cli())?;
        let lengths = variables
            .iter()
            .map(|(name, value)| name.len() + value.len());
        let work = Work::bytes(lengths.sum()).entries(variables.len().saturating_mul(2));
        state.pay_more(&LIST, work)?;
        Ok(variables)
    }

    fn get_arguments(&mut self) -> wasmtime::Result<Vec<String>> {
        let state = self.enter(&ASK, Work::NONE)?;
        let arguments = environment::Host::get_arguments(&mut state.cli())?;
        let work = Work::bytes(arguments.iter().map(String::len).sum());
        state.pay_more(&LIST, work.entries(arguments.len()))?;
        Ok(arguments)
    }

    fn initial_cwd(&mut self) -> wasmtime::Result<Option<String>> {
        self.enter(&ASK, Work::NONE)?;
        Ok(None)
    }
}

impl exit::Host for Door<'_> {
    fn exit(&mut self, status: Result<(), ()>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        exit::Host::exit(&mut state.cli(), status)
    }

    fn exit_with_code(&mut self, code: u8) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        exit::Host::exit_with_code(&mut state.cli(), code)
    }
}

impl stdin::Host for Door<'_> {
    fn get_stdin(&mut self) -> wasmtime::Result<Resource<DynInputStream>> {
        let state = self.enter(&STREAM, Work::NONE)?;
        let stream = stdin::Host::get_stdin(&mut state.cli())?;
        // The input stays for as long as the store, and is counted once.
        let input = std::mem::take(&mut state.wasi.stdin_bytes);
        state.call.meter.host_memory.hold(input)?;
        Ok(state.keep(stream, STREAM.holds)?)
    }
}

impl stdout::Host for Door<'_> {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        let state = self.enter(&STREAM, Work::NONE)?;
        let stream = stdout::Host::get_stdout(&mut state.cli())?;
        Ok(state.keep(stream, STREAM.holds)?)
    }
}

impl stderr::Host for Door<'_> {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        let state = self.enter(&STREAM, Work::NONE)?;
        let stream = stderr::Host::get_stderr(&mut state.cli())?;
        Ok(state.keep(stream, STREAM.holds)?)
    }
}

// No stream of a guest is a terminal: a guest never has one of these resources, and its number would be a handle that
// the engine does not know.
impl terminal_input::Host for Door<'_> {}
impl terminal_input::HostTerminalInput for Door<'_> {
    fn drop(&mut self, terminal: Resource<TerminalInput>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_output::Host for Door<'_> {}
impl terminal_output::HostTerminalOutput for Door<'_> {
    fn drop(&mut self, terminal: Resource<TerminalOutput>) -> wasmtime::Result<()> {
        let state = self.enter(&ASK, Work::NONE)?;
        state.table.delete(terminal)?;
        Ok(())
    }
}

impl terminal_stdin::Host for Door<'_> {
    fn get_terminal_stdin(&mut self) -> wasmtime::Result<Option<Resource<TerminalInput>>> {
        self.enter(&ASK, Work::NONE)?;
        Ok(None)
    }
}

impl terminal_stdout::Host for Door<'_> {
    fn get_terminal_stdout(&mut self) -> wasmtime::Result<Option<Resource<TerminalOutput>>> {
        self.enter(&ASK, Work::NONE)?;
        Ok(None)
    }
}

impl terminal_stderr::Host for Door<'_> {
    fn get_terminal_stderr(&mut self) -> wasmtime::Result<Option<Resource<TerminalOutput>>> {
        self.enter(&ASK, Work::NONE)?;
        Ok(None)
    }
}
