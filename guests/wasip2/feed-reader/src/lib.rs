//! A guest of the world in `host/runtime/examples/wit`: it averages a feed that the program has opened for it.

wit_bindgen::generate!({
    path: "../../../host/runtime/examples/wit",
    world: "acme:report/reader",
});

use acme::report::feeds;

struct Reader;

impl Guest for Reader {
    fn average(name: String) -> Result<f64, String> {
        let feed = feeds::open(&name)?;
        let (mut sum, mut count) = (0.0, 0);
        while let Some(rate) = feed.next() {
            sum += rate;
            count += 1;
        }
        match count {
            0 => Err(format!("the feed {name} is empty")),
            count => Ok(sum / f64::from(count)),
        }
    }
}

export!(Reader);
