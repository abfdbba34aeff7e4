//! The page for people.

use std::sync::Arc;

use tollgate::Catalog;
use tollgate_serve::{Metrics, Server};

use support::harness::{ALL, builder, policy, source, wait};

use super::Served;

#[test]
fn the_page_shows_providers_and_what_would_allow_a_denial() {
    let metrics = Metrics::new();
    let runtime = builder().observer(metrics.clone()).build();
    let hostile = wait(runtime.load(&source("hostile"), &policy(ALL))).unwrap();
    // Names of files are those of whoever delivers them.
    let name = "<script>alert(1)</script>";
    let catalog = std::collections::BTreeMap::from([(name.to_owned(), hostile)]);
    let catalog: Arc<dyn Catalog> = Arc::new(catalog);
    let served = Served::with(Server::new(Arc::clone(&catalog)).metrics(metrics));
    let hostile = catalog.get(name).unwrap();
    let input = b"http-get https://b.example/%3Cscript%3E<script>alert(2)</script>";
    wait(hostile.session().run(input)).unwrap();
    wait(hostile.session().run(b"http-get https://b.example/<img>")).unwrap();
    wait(hostile.session().run(b"unreachable")).unwrap();
    let page = served.get("/");
    assert_eq!(page.status, 200);
    assert!(
        page.head.contains("content-type: text/html"),
        "{}",
        page.head
    );
    assert!(
        page.head
            .contains("content-security-policy: default-src 'none';"),
        "{}",
        page.head
    );
    for shown in ["&lt;script&gt;alert(1)", "trap 1", "bad-url", ">3<"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(!page.body.contains("<script"), "{}", page.body);
    assert!(!page.body.contains("<img"), "{}", page.body);
    let style = served.get("/style.css");
    assert!(
        style.head.contains("content-type: text/css"),
        "{}",
        style.head
    );
}

/// The page says what a policy lacks.
#[test]
fn a_denial_is_shown_with_its_line() {
    let metrics = Metrics::new();
    let runtime = builder().observer(metrics.clone()).build();
    let hostile = wait(runtime.load(&source("hostile"), &policy(ALL))).unwrap();
    let served = Served::with(
        Server::new(std::collections::BTreeMap::from([(
            "hostile".to_owned(),
            hostile.clone(),
        )]))
        .metrics(metrics),
    );
    for _ in 0..2 {
        wait(hostile.session().run(b"http-get https://b.example/")).unwrap();
    }
    let page = served.get("/").body;
    assert!(
        page.contains("a `[[grants.http]]` with its `url`"),
        "{page}"
    );
    assert!(page.contains("<td class=\"number\">2</td>"), "{page}");
}
