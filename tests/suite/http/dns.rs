//! Names for which a hostile DNS server answers: A37-addresses.
//!
//! No test dials a public address, so the server answers a public address together with a private one.

use support::http_client::Client;
use support::http_server::{Server, response};
use support::nameserver::NameServer;

/// A client that asks a hostile server, and a server that only requests with the right grant may reach.
struct Network {
    dns: NameServer,
    client: Client,
    server: Server,
}

impl Network {
    fn new(dns: NameServer, server: Server) -> Network {
        let resolver = dns.resolver();
        Network {
            dns,
            client: Client::of(support::harness::builder().resolver(resolver)),
            server,
        }
    }

    fn of(dns: NameServer) -> Network {
        let server = Server::saying(response("200 OK", "", "hello"));
        Network::new(dns, server)
    }

    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/", self.server.port())
    }

    fn public(&self, host: &str) -> String {
        format!("{{ url = \"{}**\" }}", self.url(host))
    }

    fn private(&self, host: &str) -> String {
        format!(
            "{{ url = \"{}**\", networks = [\"loopback\", \"private\", \"link-local\"] }}",
            self.url(host)
        )
    }

    /// The answer to a request that may go to private addresses.
    fn answer(&self, host: &str) -> String {
        self.client.answer(&self.private(host), &self.url(host))
    }

    fn denied(&self, grant: &str, host: &str) -> &'static str {
        let input = format!("http-get {}", self.url(host));
        self.client.denied(grant, &input)
    }
}

#[test]
fn a_rebound_name_is_asked_for_once_and_dialled_where_it_was() {
    let network = Network::of(NameServer::start(|before| {
        let entry = match before {
            0 => ("rebind.example", "127.0.0.1"),
            // An address on which no server listens.
            _ => ("rebind.example", "127.0.0.2"),
        };
        Some(vec![entry])
    }));
    let answer = network.answer("rebind.example");
    assert!(answer.contains("200"), "{answer}");
    assert_eq!(network.dns.asked("rebind.example", "A"), 1);
    assert_eq!(network.server.requests().len(), 1);
    // Each request is a look-up: the answer for the first is not kept for the second.
    let answer = network.answer("rebind.example");
    assert!(answer.contains("does not answer"), "{answer}");
    assert_eq!(network.dns.asked("rebind.example", "A"), 2);
    assert_eq!(network.server.requests().len(), 1);
}

#[test]
fn a_name_rebound_between_two_hops_is_decided_on_anew() {
    let dns = NameServer::start(|before| {
        let entry = match before {
            0 => ("rebind.example", "127.0.0.1"),
            _ => ("rebind.example", "64:ff9b::7f00:1"),
        };
        Some(vec![entry])
    });
    let server = Server::saying(response("302 Found", "location: /again\r\n", ""));
    let network = Network::new(dns, server);
    let grant = network.private("rebind.example");
    let reason = network.denied(&grant, "rebind.example");
    assert_eq!(reason, "private-address");
    assert_eq!(network.dns.asked("rebind.example", "A"), 2);
    assert_eq!(
        network.server.requests().len(),
        1,
        "the second hop was dialled"
    );
}

#[test]
fn one_private_address_among_public_ones_denies_them_all() {
    let network = Network::of(NameServer::of(&[
        ("mixed.example", "93.184.216.34"),
        ("mixed.example", "10.0.0.1"),
        ("families.example", "93.184.216.34"),
        ("families.example", "fd00::1"),
        ("other-way.example", "2606:2800:220:1::1"),
        ("other-way.example", "192.168.0.1"),
        ("mapped.example", "::ffff:10.0.0.1"),
        ("nat.example", "64:ff9b::7f00:1"),
        ("nat-mixed.example", "93.184.216.34"),
        ("nat-mixed.example", "64:ff9b::a00:1"),
        ("metadata.example", "169.254.169.254"),
        ("own.example", "127.0.0.1"),
        ("own-six.example", "::1"),
        ("nobody.example", "0.0.0.0"),
    ]));
    for host in [
        "mixed.example",
        "families.example",
        "other-way.example",
        "mapped.example",
        "nat.example",
        "nat-mixed.example",
        "metadata.example",
        "own.example",
        "own-six.example",
        "nobody.example",
    ] {
        let reason = network.denied(&network.public(host), host);
        assert_eq!(reason, "private-address", "{host}");
        assert_eq!(network.dns.asked(host, "A"), 1, "{host}");
        assert_eq!(network.dns.asked(host, "AAAA"), 1, "{host}");
    }
    // An address that hides its destination, or leads to none, is denied even with a grant for private ones.
    for host in ["nat.example", "nat-mixed.example", "nobody.example"] {
        let reason = network.denied(&network.private(host), host);
        assert_eq!(reason, "private-address", "{host}");
    }
    assert!(network.server.requests().is_empty());
}

#[test]
fn aliases_are_decided_on_where_they_end() {
    const CHAIN: &[(&str, &str)] = &[
        ("alias.example", "middle.example"),
        ("middle.example", "end.example"),
        ("end.example", "127.0.0.1"),
    ];
    let network = Network::of(NameServer::of(CHAIN));
    let reason = network.denied(&network.public("alias.example"), "alias.example");
    assert_eq!(reason, "private-address");
    assert!(network.server.requests().is_empty());
    // The grant is for the name that the guest wrote, and that is the name that the server is told.
    let answer = network.answer("alias.example");
    assert!(answer.contains("200"), "{answer}");
    let head = &network.server.requests()[0];
    assert!(head.contains("host: alias.example:"), "{head}");
}

/// The deadline is the call's, however long the resolver would wait.
#[test]
fn a_name_server_that_never_answers_meets_the_deadline() {
    let network = Network::of(NameServer::start(|_| None));
    let grant = format!(
        "{}]\nlimits.deadline = \"300ms\"\ngrants.interfaces = [",
        network.private("silent.example")
    );
    let input = format!("http-get {}", network.url("silent.example"));
    let report = network.client.run(&grant, &input);
    assert_eq!(report.outcome.fault().unwrap().label(), "deadline");
    assert_eq!(network.dns.asked("silent.example", "A"), 1);
    assert!(network.server.requests().is_empty());
}
