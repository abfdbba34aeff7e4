//! A provider built for `wasm32-wasip2`: it imports WASI without asking for it.
//!
//! The standard library of that target reaches for the environment, standard error and exit as soon
//! as code can panic. So the same few lines that need nothing on `wasm32-unknown-unknown` show up here
//! with a list of WASI imports, which a policy has to answer.
//!
//! Input is a decimal number, output is 1000 divided by it. Anything else panics, on purpose.

wit_bindgen::generate!({
    path: "../../../wit/provider",
    world: "tollgate:provider/provider",
    generate_all,
});

struct WasiProvider;

impl Guest for WasiProvider {
    #[expect(clippy::unwrap_used, reason = "the panic is what pulls WASI in")]
    fn run(input: Vec<u8>) -> Result<Vec<u8>, Error> {
        let number: u32 = String::from_utf8(input).unwrap().trim().parse().unwrap();
        Ok((1000 / number).to_string().into_bytes())
    }
}

export!(WasiProvider);
