//! `tollgate serve`: the providers of a folder behind HTTP, until a signal ends it.

use std::io::Read as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tollgate::policy::Lock;
use tollgate::{Runtime, escape};
use tollgate_serve::{
    AuditLog, Bounds, Metrics, Route, Routes, Server, Tls, TlsError, Tokens, Traces,
};

#[cfg(feature = "fleet")]
use crate::commands::serve_fleet;
use crate::files::interrupt;
use crate::options::folder::{self, FolderOpts};
use crate::output::status::{ExitReason, RETURNED};
use crate::output::text;
use crate::output::ui::Ui;

const AFTER_HELP: &str = "\
Example: tollgate serve providers
         curl -H 'Content-Type: application/json' -d '{\"args\": [\"^1\", \"linux/x86_64\"]}' \\
              http://127.0.0.1:8080/v1/providers/registry/resolve";

/// The time for the last lines of the audit log, and for the last spans.
pub(super) const LAST_LINES: Duration = Duration::from_secs(2);

/// Clients that wait to be accepted. Linux allows 4,096 by default (`net.core.somaxconn`).
const BACKLOG: u32 = 4_096;

/// The most bytes of a file of tokens or certificates.
const MAX_FILE: u64 = 1 << 20;

/// Answer calls of the providers in a folder over HTTP, with JSON arguments and results
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
#[cfg_attr(feature = "fleet", command(mut_arg("folder", |arg| arg.required(false).required_unless_present("fleet"))))]
pub(crate) struct Opts {
    #[command(flatten)]
    folder: FolderOpts,
    /// The address to listen on; one that others reach needs --tokens
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Connections at once; more wait until one ends
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    connections: u32,
    /// Answer only callers with a token of this file: lines of `NAME sha256:HEX`
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// Let the component of `wasi:http` NAME answer at a host name, a path, or both: `blog.example.com=NAME`, `/shop=NAME`,
    /// `api.example.com/v2=NAME`. It may be given more than once. Without it, each is at /http/NAME/
    #[arg(long = "route", value_name = "[HOST][/PREFIX]=NAME")]
    routes: Vec<Route>,
    /// Speak TLS with this certificate: PEM, its own first, then those between it and its authority
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of --tls-cert, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Answer only callers with a certificate of these authorities, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_clients: Option<PathBuf>,
    /// Append a line of JSON to this file for each request, load, call and decision
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// Send a span for each request, load and call to this collector of OpenTelemetry, by OTLP over HTTP: `http://127.0.0.1:4318`
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
    #[cfg(feature = "fleet")]
    #[command(flatten)]
    fleet: crate::options::fleet::ServedOpts,
}

pub(crate) fn run(opts: &Opts, ui: &Ui) -> Result<u8, ExitReason> {
    if opts.tokens.is_none() && opts.tls_clients.is_none() && !opts.listen.ip().is_loopback() {
        return Err(ExitReason::Usage(format!(
            "--listen {}: everybody who reaches this address could call; add --tokens FILE or --tls-clients FILE, or listen on 127.0.0.1",
            opts.listen
        )));
    }
    let tokens = opts.tokens.as_deref().map(tokens).transpose()?;
    let mut routes = Routes::default();
    for route in &opts.routes {
        let added = routes.add(route.clone());
        added.map_err(|error| usage(&format!("--route {error}")))?;
    }
    let tls = tls(opts)?;
    let audit = opts.audit.as_deref().map(audit).transpose()?;
    let traces = opts.otlp.as_deref().map(Traces::otlp).transpose();
    let traces = traces.map_err(|error| usage(&format!("--otlp: {error}")))?;
    // They are as the lines of the file say, from where it is.
    let folder_of_tokens = opts.tokens.as_deref().and_then(Path::parent);
    let folder_of_tokens = folder_of_tokens.unwrap_or(Path::new(""));
    let named = tokens.iter().flat_map(Tokens::policies);
    let policies: Vec<(String, PathBuf)> = named
        .map(|name| (name.to_owned(), folder_of_tokens.join(name)))
        .collect();
    let metrics = Metrics::new();
    let observer = ((metrics.clone(), audit.clone()), traces.clone());
    let mut builder = opts.folder.builder(ui)?.observer(observer);
    let files = [
        &opts.audit,
        &opts.tokens,
        &opts.tls_cert,
        &opts.tls_key,
        &opts.tls_clients,
    ];
    for path in files.into_iter().flatten() {
        builder = builder.protect(path);
    }
    // Each watcher protects the policies in its own folder alone. A root that holds one of the folders could make more of
    // them, as it could the lock file, which need not be there.
    let folders = policies.iter().map(|(_, folder)| &**folder);
    for folder in folders.chain([opts.folder.policies()]) {
        builder = builder.protect_from_writing(folder.join(Lock::FILE));
    }
    #[cfg(feature = "fleet")]
    for file in opts.fleet.files() {
        builder = builder.protect(file);
    }
    let runtime = builder.build();
    let tokio = folder::tokio()?;
    let serve = async {
        // Signals are heard while the components are loaded, too, which takes up to a minute each.
        let mut stop = pin!(async {
            let _ = interrupt::signal().await;
        });
        // A port that is taken is told before anything is loaded. Clients that come meanwhile wait.
        let listener = listen(opts.listen)?;
        let (changed, changes) = watch::channel(());
        let providers = providers(
            opts,
            ui,
            &runtime,
            &policies,
            changed,
            (&metrics, audit.as_ref()),
        );
        let mut server = tokio::select! {
            biased;
            () = &mut stop => return Ok(RETURNED),
            server = providers => server?,
        };
        let address = listener.local_addr().unwrap_or(opts.listen);
        let bounds = Bounds {
            connections: usize::try_from(opts.connections).unwrap_or(usize::MAX),
            ..opts.folder.bounds()
        };
        server = server
            .bounds(bounds)
            .changes(changes)
            .routes(routes)
            .metrics(metrics);
        if let Some(tokens) = tokens {
            server = server.tokens(tokens);
        }
        let scheme = match tls {
            Some(tls) => {
                server = server.tls(tls);
                "https"
            }
            None => "http",
        };
        if let Some(audit) = &audit {
            server = server.audit(audit.clone());
        }
        if let Some(traces) = &traces {
            server = server.traces(traces.clone());
        }
        ui.stderr(&format!("listening on {scheme}://{address}\n"));
        let drained = server.run(listener, stop).await;
        let drained = drained.map_err(|error| ExitReason::Host(error.to_string()))?;
        if audit.is_some_and(|audit| !audit.flush(LAST_LINES)) {
            ui.note("the last lines of the audit log are not written");
        }
        if traces.is_some_and(|traces| !traces.flush(LAST_LINES)) {
            ui.note("the last spans are not sent");
        }
        if drained.cut > 0 {
            ui.note(&format!("{} connections were cut", drained.cut));
        }
        Ok(RETURNED)
    };
    // The signals end the server, and not the process at once.
    let done = interrupt::paused(|| tokio.block_on(serve));
    tokio.shutdown_background();
    done
}

/// A server of the providers in the folder, or in a fleet. `changed` is told of changes.
async fn providers(
    opts: &Opts,
    ui: &Ui,
    runtime: &Runtime,
    policies: &[(String, PathBuf)],
    changed: watch::Sender<()>,
    #[cfg_attr(not(feature = "fleet"), expect(unused, reason = "there is no queue"))] observed: (
        &Metrics,
        Option<&AuditLog>,
    ),
) -> Result<Server, ExitReason> {
    #[cfg(feature = "fleet")]
    if let Some(connect) = opts.fleet.connect()? {
        if !policies.is_empty() {
            return Err(usage(
                "--tokens: `policies=` is for a folder; in a fleet each provider has the policy that it was deployed with",
            ));
        }
        let ceiling = opts.fleet.ceiling()?;
        let served = serve_fleet::server(&connect, ceiling, ui, runtime.clone(), changed, observed);
        return served.await;
    }
    let changed = Arc::new(changed);
    let watch = async |under: Option<(&str, &Path)>| {
        let changed = Arc::clone(&changed);
        let watch = opts.folder.watch(ui, under, move || {
            changed.send_replace(());
        });
        let folder = runtime.watch(watch).await;
        folder.map_err(|error| usage(&error.to_string()))
    };
    let mut server = Server::new(watch(None).await?);
    for (name, path) in policies {
        server = server.policies(name, watch(Some((name, path))).await?);
    }
    Ok(server)
}

/// A listener with a long backlog. A client beyond the backlog tries again after a second, and the standard library's default is 128.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, ExitReason> {
    let listen = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A server that was killed starts again on its port.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|error: std::io::Error| usage(&format!("{address}: {error}")))
}

pub(super) fn audit(path: &Path) -> Result<AuditLog, ExitReason> {
    // A pipe that nobody reads would hold up the program.
    if std::fs::metadata(path).is_ok_and(|known| !known.is_file()) {
        let why = "not a regular file; name one";
        return Err(ExitReason::Usage(format!(
            "--audit {}: {why}",
            text::path(path)
        )));
    }
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options
        .open(path)
        .map_err(|error| ExitReason::Usage(format!("--audit {}: {error}", text::path(path))))?;
    Ok(AuditLog::new(file))
}

fn tls(opts: &Opts) -> Result<Option<Tls>, ExitReason> {
    let (Some(chain), Some(key)) = (&opts.tls_cert, &opts.tls_key) else {
        return Ok(None);
    };
    let clients = opts.tls_clients.as_deref();
    let authorities = clients
        .map(|path| read("--tls-clients", path))
        .transpose()?;
    let tls = Tls::pem(
        read("--tls-cert", chain)?.as_bytes(),
        read("--tls-key", key)?.as_bytes(),
        authorities.as_deref().map(str::as_bytes),
    );
    tls.map(Some).map_err(|error| {
        let (option, path) = match &error {
            TlsError::Key(_) => ("--tls-key", &**key),
            TlsError::Clients(_) => ("--tls-clients", clients.unwrap_or(chain)),
            _ => ("--tls-cert", &**chain),
        };
        usage(&format!("{option} {}: {error}", path.display()))
    })
}

fn tokens(path: &Path) -> Result<Tokens, ExitReason> {
    Tokens::parse(&read("--tokens", path)?)
        .map_err(|error| ExitReason::Usage(format!("--tokens {}: {error}", text::path(path))))
}

/// The text of a file that an option names.
fn read(option: &str, path: &Path) -> Result<String, ExitReason> {
    let failed = |why: &str| ExitReason::Usage(format!("{option} {}: {why}", text::path(path)));
    let io = |error: std::io::Error| failed(&error.to_string());
    let file = std::fs::File::open(path).map_err(io)?;
    let mut read = String::new();
    let bytes = file.take(MAX_FILE + 1).read_to_string(&mut read);
    if bytes.map_err(io)? as u64 > MAX_FILE {
        return Err(failed("larger than 1 MiB; name another file"));
    }
    Ok(read)
}

pub(super) fn usage(why: &str) -> ExitReason {
    ExitReason::Usage(escape::line(why).into_owned())
}
