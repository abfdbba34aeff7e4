//! Names for which a hostile DNS server answers, looked up by a resolver as embedders use one: row 37.
//!
//! No test dials a public address, so what turns out to be one is answered beside one that is not.

use std::time::Duration;

use hickory_resolver::proto::op::{Message, MessageType, ResponseCode};
use tollgate::Runtime;

use crate::client::Client;
use crate::nameserver::{NameServer, bytes, record, reply};
use crate::server::{Server, response};

/// Longer than any test lasts.
const PATIENT: Duration = Duration::from_secs(60);

/// A client that asks a hostile server, and a server that nobody is to reach who is not meant to.
struct Network {
    dns: NameServer,
    client: Client,
    server: Server,
}

impl Network {
    fn new(dns: NameServer, patience: Duration, server: Server) -> Network {
        let resolver = dns.resolver(patience);
        Network {
            dns,
            client: Client::of(Runtime::builder().resolver(resolver)),
            server,
        }
    }

    fn of(dns: NameServer) -> Network {
        let server = Server::saying(response("200 OK", "", "hello"));
        Network::new(dns, PATIENT, server)
    }

    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/", self.server.port())
    }

    fn public(&self, host: &str) -> String {
        format!("{{ url = \"{}**\" }}", self.url(host))
    }

    fn private(&self, host: &str) -> String {
        format!("{{ url = \"{}**\", private = true }}", self.url(host))
    }

    /// What becomes of a request that may go to private addresses.
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
    let network = Network::of(NameServer::start(|question, before| {
        let entry = match before {
            0 => ("rebind.example", "127.0.0.1"),
            // Where nobody listens.
            _ => ("rebind.example", "127.0.0.2"),
        };
        Some(bytes(&reply(question, &[entry])))
    }));
    let answer = network.answer("rebind.example");
    assert!(answer.contains("200"), "{answer}");
    assert_eq!(network.dns.asked("rebind.example", "A"), 1);
    assert_eq!(network.server.requests().len(), 1);
    // A request is a look-up: what the first was told is not kept for the second.
    let answer = network.answer("rebind.example");
    assert!(answer.contains("does not answer"), "{answer}");
    assert_eq!(network.dns.asked("rebind.example", "A"), 2);
    assert_eq!(network.server.requests().len(), 1);
}

#[test]
fn a_name_rebound_between_two_hops_is_decided_on_anew() {
    let dns = NameServer::start(|question, before| {
        let entry = match before {
            0 => ("rebind.example", "127.0.0.1"),
            _ => ("rebind.example", "64:ff9b::7f00:1"),
        };
        Some(bytes(&reply(question, &[entry])))
    });
    let server = Server::saying(response("302 Found", "location: /again\r\n", ""));
    let network = Network::new(dns, PATIENT, server);
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
    // What hides where it leads, or leads to nobody, is not even for those who may go to private ones.
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
    let one_by_one = NameServer::of(CHAIN);
    let all_at_once = NameServer::start(|question, _| {
        let mut message = reply(question, &[]);
        for (owner, data) in CHAIN {
            message.add_answer(record(owner, data));
        }
        Some(bytes(&message))
    });
    for dns in [one_by_one, all_at_once] {
        let network = Network::of(dns);
        let reason = network.denied(&network.public("alias.example"), "alias.example");
        assert_eq!(reason, "private-address");
        assert!(network.server.requests().is_empty());
        // The grant is for the name that the guest wrote, and that is the name that the server is told.
        let answer = network.answer("alias.example");
        assert!(answer.contains("200"), "{answer}");
        let head = &network.server.requests()[0];
        assert!(head.contains("host: alias.example:"), "{head}");
    }
}

#[test]
fn aliases_without_end_are_not_followed_for_ever() {
    let network = Network::of(NameServer::of(&[
        ("ring.example", "round.example"),
        ("round.example", "ring.example"),
        ("self.example", "self.example"),
    ]));
    for host in ["ring.example", "self.example"] {
        let answer = network.answer(host);
        assert!(
            answer.contains("could not be looked up"),
            "{host}: {answer}"
        );
    }
    assert!(network.dns.questions() < 50, "{}", network.dns.questions());
}

/// What is no answer leads nowhere, though all of it says 127.0.0.1, where the guest may go.
#[test]
fn answers_that_are_none_lead_nowhere() {
    type Answer = fn(&Message, Message) -> Vec<u8>;
    let answers: &[(&str, Answer)] = &[
        ("nothing", |_, _| Vec::new()),
        ("noise", |_, _| vec![0xff; 64]),
        ("noise with the right number", |question, _| {
            let mut noise = question.id.to_be_bytes().to_vec();
            noise.extend([0xff; 64]);
            noise
        }),
        ("a head alone", |_, honest| bytes(&honest)[..12].to_vec()),
        ("half an address", |_, honest| {
            let whole = bytes(&honest);
            whole[..whole.len() - 2].to_vec()
        }),
        ("another number", |_, mut honest| {
            honest.metadata.id = honest.id.wrapping_add(1);
            bytes(&honest)
        }),
        ("another question", |_, mut honest| {
            let name = record("other.example", "127.0.0.1").name;
            honest.queries[0].set_name(name);
            bytes(&honest)
        }),
        ("the address of another name", |question, _| {
            let mut message = reply(question, &[]);
            message.add_answer(record("other.example", "127.0.0.1"));
            bytes(&message)
        }),
        ("an address in another section", |question, _| {
            let mut message = reply(question, &[]);
            message.add_additional(record("name.example", "127.0.0.1"));
            bytes(&message)
        }),
        ("cut short, it says", |_, mut honest| {
            honest.metadata.truncation = true;
            bytes(&honest)
        }),
        ("no such name", |question, _| {
            let mut message = reply(question, &[]);
            message.metadata.response_code = ResponseCode::NXDomain;
            bytes(&message)
        }),
        ("a failure", |_, mut honest| {
            honest.metadata.response_code = ResponseCode::ServFail;
            bytes(&honest)
        }),
        ("the question", |question, _| bytes(question)),
        ("a question with an answer", |_, mut honest| {
            honest.metadata.message_type = MessageType::Query;
            bytes(&honest)
        }),
    ];
    for (what, answer) in answers.iter().copied() {
        let dns = NameServer::start(move |question, _| {
            let honest = reply(question, &[("name.example", "127.0.0.1")]);
            Some(answer(question, honest))
        });
        let server = Server::saying(response("200 OK", "", "hello"));
        let network = Network::new(dns, Duration::from_millis(200), server);
        let answer = network.answer("name.example");
        assert!(answer.contains("Unavailable"), "{what}: {answer}");
        assert!(network.server.requests().is_empty(), "{what}");
    }
}

/// The deadline is the call's, however long the resolver would wait.
#[test]
fn a_name_server_that_never_answers_meets_the_deadline() {
    let network = Network::of(NameServer::start(|_, _| None));
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
