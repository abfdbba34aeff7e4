//! Reverses its input: the work of every contender.

wit_bindgen::generate!({
    path: "../../../wit/provider",
    world: "tollgate:provider/provider",
    generate_all,
});

struct Reverse;

impl Guest for Reverse {
    fn run(mut input: Vec<u8>) -> Result<Vec<u8>, Error> {
        input.reverse();
        Ok(input)
    }
}

export!(Reverse);
