//! The page for people at `/`: providers, calls, faults, denials and the line of policy that would allow them. It only shows,
//! and runs no script.

#![expect(
    clippy::disallowed_methods,
    reason = "the templates begin with a `String` of the size of their fixed text"
)]

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use http::{HeaderValue, StatusCode};
use maud::{DOCTYPE, Markup, html};
use tollgate::{Catalog, Provider, escape};

use crate::metrics::Metrics;
use crate::problem::{Answer, json_answer};
use crate::recent::{MINUTES, Numbers};

/// Nothing is loaded but the style, nothing is sent, and no other page shows this one.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1a1a1a; }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; vertical-align: top; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 13px ui-monospace, monospace; overflow-wrap: anywhere; }
svg { width: 100%; height: 5rem; fill: #4a7; }
td svg { width: 8rem; height: 1.5rem; }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #ddd; } th, td { border-color: #333; } }
";

/// Providers that the page shows.
const MAX_PROVIDERS: usize = 200;

pub(crate) fn answer(catalog: &dyn Catalog, metrics: Option<&Metrics>) -> Answer {
    let providers = catalog.list();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                meta http-equiv="refresh" content="10";
                title { "Tollgate" }
                link rel="stylesheet" href="/style.css";
            }
            body {
                h1 { "Tollgate " small { (env!("CARGO_PKG_VERSION")) } }
                p {
                    a href="/v1/providers" { "Providers and their functions" } ", "
                    a href="/openapi.json" { "OpenAPI" } ", "
                    a href="/metrics" { "numbers for Prometheus" } "."
                }
                h2 { "Providers" }
                table {
                    tr {
                        th { "name" } th { "world" } th { "digest" } th { "signer" } th.number { "functions" }
                        th.number { "calls" } th.number { "under way" } th.number { "fuel" } th { "of the last hour" } th { "faults" }
                    }
                    @for (name, provider) in providers.iter().take(MAX_PROVIDERS) {
                        (row(name, provider, metrics))
                    }
                }
                @if providers.is_empty() { p { "No provider serves." } }
                @if providers.len() > MAX_PROVIDERS { p { (providers.len() - MAX_PROVIDERS) " more are not shown." } }
                @if let Some(metrics) = metrics { (lately(metrics)) }
            }
        }
    };
    let mut answer = json_answer(StatusCode::OK, page.into_string());
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
    ] {
        let _ = headers.try_insert(name, HeaderValue::from_static(value));
    }
    answer
}

pub(crate) fn style() -> Answer {
    let mut answer = json_answer(StatusCode::OK, STYLE);
    let kind = HeaderValue::from_static("text/css; charset=utf-8");
    let _ = answer.headers_mut().try_insert(CONTENT_TYPE, kind);
    answer
}

fn row(name: &str, provider: &Provider, metrics: Option<&Metrics>) -> Markup {
    let info = provider.info();
    let digest: String = info
        .digest
        .chars()
        .take("sha256:".len().saturating_add(12))
        .collect();
    let under_way = metrics.map_or(0, |metrics| metrics.under_way(&info.name));
    let numbers = metrics.map(|metrics| metrics.recent().numbers(&info.name));
    let Numbers {
        calls,
        fuel,
        faults,
        ..
    } = numbers.unwrap_or_default();
    html! {
        tr {
            td {
                code { (escape::line(name)) }
                @if let Some(docs) = provider.docs().world() { br; (escape::line(docs)) }
            }
            td { code { (escape::line(info.world.as_deref().unwrap_or_default())) } }
            td { code title=(info.digest) { (digest) } }
            td {
                @match &info.signer {
                    Some(signer) => { code { (signer.key_id) } " " (escape::line(&signer.comment)) }
                    None => { "unsigned" }
                }
            }
            td.number { (provider.functions().len()) }
            td.number { (calls) }
            td.number { (under_way) }
            td.number { (fuel) }
            td { @if let Some(metrics) = metrics { (bars(&metrics.recent().fuel_of(&info.name))) } }
            td { @for (kind, times) in &faults { (kind) " " (times) " " } }
        }
    }
}

/// A bar for the fuel of each minute that has some, the newest of which is at the right.
fn bars(fuel: &[u64]) -> Markup {
    let most = fuel.iter().copied().max().unwrap_or(0).max(1);
    let used = fuel.iter().enumerate().filter(|(_, fuel)| **fuel > 0);
    let bars = used.map(|(ago, fuel)| {
        let at = MINUTES.saturating_sub(ago.saturating_add(1));
        (at.saturating_mul(10), (*fuel as f64 / most as f64) * 100.0)
    });
    html! {
        svg viewBox="0 0 600 100" preserveAspectRatio="none" role="img" {
            @for (at, height) in bars {
                rect x=(at) y=(format!("{:.1}", 100.0 - height)) width="9" height=(format!("{height:.1}")) {}
            }
        }
    }
}

fn lately(metrics: &Metrics) -> Markup {
    let (denials, fuel) = {
        let mut recent = metrics.recent();
        (recent.denials(), recent.fuel())
    };
    html! {
        h2 { "Fuel of the last hour, by the minute" }
        (bars(&fuel))
        h2 { "Denials" }
        @if denials.is_empty() { p { "Nothing was denied." } } @else {
            table {
                tr { th { "provider" } th { "request" } th { "reason" } th { "a policy that allows it has" } th.number { "times" } }
                @for denial in &denials {
                    tr {
                        td { code { (denial.provider) } }
                        td { (denial.capability) " " code { (denial.target) } }
                        td { (denial.reason) }
                        td { (denial.remedy.as_deref().unwrap_or("nothing: no policy allows it")) }
                        td.number { (denial.times) }
                    }
                }
            }
        }
    }
}
