//! Waits in a function of the host's until the host returns, then reverses its input.

tollgate_guest::arena!();

wit_bindgen::generate!({
    inline: r#"
        package bench:parked@0.1.0;

        interface gate {
            pass: func();
        }

        world parked {
            include tollgate:provider/provider@0.1.0;
            import gate;
        }
    "#,
    path: "../../../wit/provider",
    world: "bench:parked/parked",
    generate_all,
});

struct Parked;

impl Guest for Parked {
    fn run(mut input: Vec<u8>) -> Result<Vec<u8>, Error> {
        bench::parked::gate::pass();
        input.reverse();
        Ok(input)
    }
}

export!(Parked);
