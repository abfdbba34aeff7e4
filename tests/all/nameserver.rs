//! A hostile DNS server on loopback, and the resolver of an embedder that asks it. Bounded: a server answers
//! a fixed number of questions at most, and ends when nobody asks.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::rdata::CNAME;
use hickory_resolver::proto::rr::{Name, RData, Record};
use tollgate::Resolver;

/// Questions that one server answers before it ends.
const QUESTIONS: usize = 100;

/// An owner and what it has: an address, or the name that is its canonical one.
pub(crate) type Entry = (&'static str, &'static str);

/// What a server was asked and how it answers.
pub(crate) struct NameServer {
    address: SocketAddr,
    /// Numbers, and names with types, as in `a.example. A`. What is sent again, having the same number, is
    /// one question.
    asked: Arc<Mutex<Vec<(u16, String)>>>,
}

impl NameServer {
    /// Answers each question with the bytes that `answer` makes of it and of how often it was asked before.
    pub(crate) fn start(
        answer: impl Fn(&Message, usize) -> Option<Vec<u8>> + Send + 'static,
    ) -> NameServer {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for _ in 0..QUESTIONS {
                let mut bytes = [0; 4096];
                let Ok((length, from)) = socket.recv_from(&mut bytes) else {
                    return;
                };
                let question = Message::from_vec(&bytes[..length]).unwrap();
                let query = &question.queries[0];
                let text = format!("{} {}", query.name(), query.query_type());
                let before = note(&mut seen.lock().unwrap(), (question.id, text));
                if let Some(bytes) = answer(&question, before) {
                    let _ = socket.send_to(&bytes, from);
                }
            }
        });
        NameServer { address, asked }
    }

    /// A server of these names and no others.
    pub(crate) fn of(entries: &'static [Entry]) -> NameServer {
        NameServer::start(move |question, _| Some(bytes(&reply(question, entries))))
    }

    /// How often a name's addresses of that type were asked for.
    pub(crate) fn asked(&self, name: &str, kind: &str) -> usize {
        let wanted = format!("{name}. {kind}");
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(_, text)| *text == wanted).count()
    }

    pub(crate) fn questions(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// A resolver that waits for an answer as long as `patience`.
    pub(crate) fn resolver(&self, patience: Duration) -> Stub {
        let mut connection = ConnectionConfig::udp();
        connection.port = self.address.port();
        let server = NameServerConfig::new(self.address.ip(), true, vec![connection]);
        let config = ResolverConfig::from_name_servers(vec![server]);
        let mut options = ResolverOpts::default();
        options.timeout = patience;
        options.attempts = 0;
        options.use_hosts_file = ResolveHosts::Never;
        let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        Stub(builder.with_options(options).build().unwrap())
    }
}

/// Notes a question, and says how often it was asked before.
fn note(seen: &mut Vec<(u16, String)>, asked: (u16, String)) -> usize {
    if !seen.contains(&asked) {
        seen.push(asked.clone());
    }
    let same = seen.iter().filter(|(_, text)| *text == asked.1);
    same.take_while(|(number, _)| *number != asked.0).count()
}

/// hickory-resolver as an embedder would use it.
pub(crate) struct Stub(TokioResolver);

impl Resolver for Stub {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send + 'a>> {
        Box::pin(async move {
            let found = self.0.lookup_ip(format!("{host}.")).await;
            Ok(found.map_err(std::io::Error::other)?.iter().collect())
        })
    }
}

/// What an honest server of these names answers: the address of the type that was asked for, or the canonical
/// name. Nobody is to keep any of it.
pub(crate) fn reply(question: &Message, entries: &[Entry]) -> Message {
    let query = &question.queries[0];
    let mut message = Message::response(question.id, question.op_code);
    message.metadata.recursion_available = true;
    message.add_query(query.clone());
    for (owner, data) in entries {
        let record = record(owner, data);
        let wanted = record.record_type() == query.query_type() || data.parse::<IpAddr>().is_err();
        if record.name == *query.name() && wanted {
            message.add_answer(record);
        }
    }
    message
}

pub(crate) fn record(owner: &str, data: &str) -> Record {
    let data = match data.parse::<IpAddr>() {
        Ok(address) => RData::from(address),
        Err(_) => RData::CNAME(CNAME(name(data))),
    };
    Record::from_rdata(name(owner), 0, data)
}

fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap()
}

pub(crate) fn bytes(message: &Message) -> Vec<u8> {
    message.to_vec().unwrap()
}
