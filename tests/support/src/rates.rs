//! The embedder's interface that `asker.wat` imports: a function that fails as it is told.

use std::fmt;

use tollgate::CallContext;
use tollgate::load::GuestError;
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

/// The grant of the interface.
pub const RATES: &str = "grants.interfaces = [\"acme:report/rates@1.0.0\"]";

/// The secret text of its errors, which no report has.
pub const CANARY: &str = "postgres://report:hunter2@db.example/rates";

/// An error with a type.
#[derive(Debug)]
pub struct Database;

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CANARY)
    }
}

impl std::error::Error for Database {}

fn rate(mut store: StoreContextMut<'_, CallContext>, of: &str) -> wasmtime::Result<String> {
    match of {
        "early" => return Err(wasmtime::Error::msg(CANARY)),
        "early-typed" => return Err(Database.into()),
        _ => {}
    }
    store.data_mut().charge(of.len() as u64)?;
    match of {
        "bare" => Err(wasmtime::Error::msg(CANARY)),
        "typed" => Err(Database.into()),
        // In the engine's words, as a guest may have a program say them.
        "index " | "unknown handle index 7" => Err(wasmtime::Error::msg(format!("{of}: {CANARY}"))),
        "context" => Err(wasmtime::Error::msg("no rates").context(CANARY)),
        // Errors that reading a guest's values has as well.
        "utf-8" => {
            let bytes = vec![0xff];
            Ok(String::from_utf8(bytes)
                .map_err(|error| wasmtime::Error::from(error.utf8_error()))?)
        }
        "number" => Ok(u8::try_from(1_000)?.to_string()),
        "guest" => Err(GuestError("there is no such\ncurrency".to_owned()).into()),
        _ => Ok("1.17".to_owned()),
    }
}

/// Adds the interface to a linker.
pub fn rates(linker: &mut Linker<CallContext>) -> wasmtime::Result<()> {
    let mut interface = linker.instance("acme:report/rates@1.0.0")?;
    // A function without arguments and result, which may be a start function itself.
    interface.func_wrap("refresh", |_: StoreContextMut<'_, CallContext>, (): ()| {
        Err::<(), _>(Database.into())
    })?;
    interface.func_wrap(
        "refresh-bare",
        |_: StoreContextMut<'_, CallContext>, (): ()| Err::<(), _>(wasmtime::Error::msg(CANARY)),
    )?;
    interface.func_wrap(
        "rate",
        |store: StoreContextMut<'_, CallContext>, (of,): (String,)| Ok((rate(store, &of)?,)),
    )
}
