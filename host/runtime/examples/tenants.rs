//! A service with a policy for each of its tenants: one component, compiled once, under many policies.
//!
//! `POST /NAME` calls the component for the tenant `NAME`; `NAME.toml` in the folder is its policy. `cargo run --example
//! tenants -- target/guests/echo.wasm FOLDER` (build the guests first: `./justw guests`). It ends with its standard input.
#![expect(clippy::print_stdout, reason = "a program of its own")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Segment, State};
use axum::http::StatusCode;
use axum::routing::post;
use tokio::io::AsyncReadExt as _;
use tollgate::{CallError, Outcome, Policy, Provider, Runtime, Source};

type Tenants = Arc<BTreeMap<String, Provider>>;

/// A tenant's call: its provider, its limits, its report.
async fn call(
    State(tenants): State<Tenants>,
    Segment(name): Segment<String>,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let Some(provider) = tenants.get(&name) else {
        return (StatusCode::NOT_FOUND, b"no such tenant\n".to_vec());
    };
    // If the client goes away, this future is dropped, and the call with it.
    match provider.session().run(&body).await {
        Ok(report) => match report.outcome {
            Outcome::Returned(output) => (StatusCode::OK, output),
            Outcome::Failed(error) => {
                let text = format!("{error}\n").into_bytes();
                (StatusCode::UNPROCESSABLE_ENTITY, text)
            }
            Outcome::Faulted(fault) => {
                let text = format!("stopped: {fault}\n").into_bytes();
                (StatusCode::BAD_GATEWAY, text)
            }
        },
        Err(CallError::Busy) => (StatusCode::SERVICE_UNAVAILABLE, b"busy\n".to_vec()),
        Err(error) => {
            let text = format!("{error}\n").into_bytes();
            (StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    }
}

/// A provider for each policy of the folder: the first is compiled, the others share its code.
async fn load(component: &Path, folder: &Path) -> Result<Tenants, Box<dyn std::error::Error>> {
    let mut tenants: BTreeMap<String, Provider> = BTreeMap::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|it| it == "toml"));
    for file in files {
        let policy = Policy::parse(&std::fs::read_to_string(&file)?, folder)?;
        let first = tenants.values().next().cloned();
        let provider = match first {
            Some(provider) => provider.with_policy(&policy)?,
            None => {
                let source = Source::file(component, &policy.limits)?;
                Runtime::new().load(&source, &policy).await?
            }
        };
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        tenants.insert(name.into_owned(), provider);
    }
    Ok(Arc::new(tenants))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(component), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: tenants COMPONENT FOLDER".into());
    };
    let tenants = load(&component, &folder).await?;
    let routes = Router::new()
        .route("/{name}", post(call))
        .with_state(tenants);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let end = async {
        let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
    };
    axum::serve(listener, routes)
        .with_graceful_shutdown(end)
        .await?;
    Ok(())
}
