//! Bytes in, bytes out: the first of them says which way.

wit_bindgen::generate!({
    path: "../../../wit/provider",
    world: "tollgate:provider/provider",
    generate_all,
});

struct Payload;

impl Guest for Payload {
    fn run(input: Vec<u8>) -> Result<Vec<u8>, Error> {
        match input.split_first() {
            // Both ways: the input is the result, untouched.
            Some((b'b', _)) => Ok(input),
            // In: nothing goes back.
            Some((b'i', _)) => Ok(Vec::new()),
            // Out: as many as the rest says in decimal. The guest writes each of them once.
            Some((b'o', length)) => {
                let length = std::str::from_utf8(length)
                    .ok()
                    .and_then(|text| text.parse().ok());
                let length = length.ok_or_else(|| Error::InvalidInput("no length".to_owned()))?;
                Ok(vec![b'o'; length])
            }
            _ => Err(Error::InvalidInput("b, i or o".to_owned())),
        }
    }
}

export!(Payload);
