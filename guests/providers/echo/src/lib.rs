//! Returns its input: the smallest provider there is.
//!
//! Input that starts with `fail:` comes back as an `invalid-input` error with the rest as its text,
//! to show how a provider says no. It uses no import, so its component asks the host for nothing.

tollgate_guest::arena!();

wit_bindgen::generate!({
    path: "../../../wit/provider",
    world: "tollgate:provider/provider",
    generate_all,
});

struct Echo;

impl Guest for Echo {
    fn run(input: Vec<u8>) -> Result<Vec<u8>, Error> {
        match input.strip_prefix(b"fail:") {
            Some(why) => Err(Error::InvalidInput(
                String::from_utf8_lossy(why).into_owned(),
            )),
            None => Ok(input),
        }
    }
}

export!(Echo);
