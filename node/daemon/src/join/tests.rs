//! Invitations by themselves, and strangers at the door.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use data_encoding::BASE64;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionId, Endpoint};
use tempfile::TempDir;
use tokio::sync::mpsc;
use waybook_agents::Incarnation;
use waybook_location_tree::PlaceName;

use super::invitations::Invitations;
use super::letter::{Answer, MOST_REQUEST, Request};
use super::token::Token;
use super::{ALPN, Desk, Invites, JoinCounters, Joining, MARK, Wanted};
use crate::Io;
use crate::audit::{self, Audit};
use crate::config::{AuditConfig, DaemonConfig, IdentityPaths, JoinConfig, Overrides};
use crate::files::Existing;
use crate::identity::{self, Authority, DEFAULT_VALIDITY, Identity, Pinned};
use crate::link::{DataSink, LinkConfig, Links};

const HOUR: Duration = Duration::from_secs(3600);
/// Some moment, in seconds since 1970.
const NOW: u64 = 1_000_000;

fn name(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

fn token() -> Token {
    Token::new(name("core/lab"), vec!["127.0.0.1:1".to_owned()], [7; 32])
}

/// What a machine asks with that token: another machine for each folder.
fn asked(token: &Token, folder: &Path) -> Vec<u8> {
    let request = identity::request(&folder.join("data/identity"), &token.name).unwrap();
    Request::write(token, request)
}

fn redeem(all: &Invitations, token: &Token, folder: &Path, now: u64) -> Result<String, String> {
    let request = Request::read(&asked(token, folder)).unwrap();
    let redeemed = all.redeem(&request, now, || Ok(format!("of {}", folder.display())));
    redeemed.map(|redeemed| redeemed.certificate)
}

#[test]
fn an_invitation_is_for_one_machine_also_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let [one, two] = ["one", "two"].map(|machine| folder.path().join(machine));
    let token = token();
    let all = Invitations::open(folder.path(), 10).unwrap();
    all.add(&token, HOUR, 1, NOW).unwrap();
    let all = Invitations::open(folder.path(), 10).unwrap();
    let first = redeem(&all, &token, &one, NOW).unwrap();
    for all in [&all, &Invitations::open(folder.path(), 10).unwrap()] {
        assert_eq!(redeem(all, &token, &one, NOW + 3599), Ok(first.clone()));
        let why = redeem(all, &token, &two, NOW + 60).unwrap_err();
        assert!(why.contains("used already, 1 min"), "{why}");
        let why = redeem(all, &token, &one, NOW + 3600).unwrap_err();
        assert!(why.contains("is over since"), "{why}");
    }
    // It is remembered for a while, and then not.
    assert_eq!(all.list(NOW + 3600 + 3600).len(), 1);
    assert!(!all.any(NOW + 3600 + 7 * 24 * 3600));
    let why = redeem(&all, &token, &one, NOW + 30 * 24 * 3600).unwrap_err();
    assert!(why.contains("no invitation with this token"), "{why}");
}

#[test]
fn of_many_at_once_no_more_get_in_than_it_is_for() {
    let folder = TempDir::new().unwrap();
    let token = token();
    let all = Invitations::open(folder.path(), 10).unwrap();
    all.add(&token, HOUR, 3, NOW).unwrap();
    let certified = AtomicUsize::new(0);
    let got_in = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for machine in 0..12 {
            let machine = folder.path().join(machine.to_string());
            let request = Request::read(&asked(&token, &machine)).unwrap();
            let (all, certified, got_in) = (&all, &certified, &got_in);
            scope.spawn(move || {
                let done = all.redeem(&request, NOW, || {
                    certified.fetch_add(1, Ordering::Relaxed);
                    Ok(String::new())
                });
                got_in.fetch_add(usize::from(done.is_ok()), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(certified.into_inner(), 3);
    assert_eq!(got_in.into_inner(), 3);
}

#[test]
fn what_cannot_be_kept_is_not_given() {
    let folder = TempDir::new().unwrap();
    let token = token();
    let all = Invitations::open(folder.path(), 10).unwrap();
    all.add(&token, HOUR, 1, NOW).unwrap();
    let machine = TempDir::new().unwrap();
    let request = Request::read(&asked(&token, machine.path())).unwrap();
    // The disk is gone.
    let path = folder.path().to_owned();
    folder.close().unwrap();
    let why = all.redeem(&request, NOW, || Ok(String::new())).unwrap_err();
    assert!(why.contains("its log says why"), "{why}");
    // When it is back, nobody has used it.
    std::fs::create_dir(&path).unwrap();
    all.redeem(&request, NOW, || Ok(String::new())).unwrap();
    std::fs::remove_dir_all(path).unwrap();
}

#[test]
fn there_are_no_more_invitations_than_may_be() {
    let folder = TempDir::new().unwrap();
    let all = Invitations::open(folder.path(), 2).unwrap();
    let first = all.add(&token(), HOUR, 1, NOW).unwrap();
    all.add(&token(), HOUR, 1, NOW).unwrap();
    let why = all.add(&token(), HOUR, 1, NOW).unwrap_err().to_string();
    assert!(why.contains("limit `join.invitations` = 2"), "{why}");
    // One that is of no use any more makes room.
    assert!(all.revoke("nothing", NOW).unwrap().is_none());
    all.revoke(&first.id, NOW).unwrap().unwrap();
    all.add(&token(), HOUR, 1, NOW).unwrap();
    assert!(all.list(NOW).iter().all(|one| one.id != first.id));
}

#[test]
fn an_invitation_is_for_one_name() {
    let folder = TempDir::new().unwrap();
    let token = token();
    let all = Invitations::open(folder.path(), 2).unwrap();
    all.add(&token, HOUR, 1, NOW).unwrap();
    let other = Token {
        name: name("core/other"),
        ..token
    };
    let why = redeem(&all, &other, folder.path(), NOW).unwrap_err();
    assert!(
        why.contains("is for `core/lab`, not for `core/other`"),
        "{why}"
    );
}

#[test]
fn who_has_not_the_key_is_not_certified() {
    let folder = TempDir::new().unwrap();
    let token = token();
    let pem = identity::request(&folder.path().join("data/identity"), &token.name).unwrap();
    let lines: Vec<_> = pem.lines().collect();
    let body = lines[1..lines.len() - 1].concat();
    let mut request = BASE64.decode(body.as_bytes()).unwrap();
    // The end of the signature is there last.
    *request.last_mut().unwrap() ^= 1;
    let (first, last) = (lines[0], lines[lines.len() - 1]);
    let forged = format!("{first}\n{}\n{last}\n", BASE64.encode(&request));
    let refused = Request::read(&Request::write(&token, forged))
        .err()
        .unwrap();
    assert!(refused.contains("is not right"), "{refused}");
}

struct NoStreams;

impl DataSink for NoStreams {
    fn accept(&self, _from: PlaceName, _stream: Box<dyn Io>) {}
}

/// A place that lets others join.
struct Parent {
    desk: Desk,
    audit: Arc<Audit>,
    _folder: TempDir,
    _events: mpsc::UnboundedReceiver<crate::link::LinkEvent>,
}

impl Parent {
    fn start(settings: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let ca = folder.path().join("ca");
        let authority = Authority::create(&ca, "test", DEFAULT_VALIDITY, Existing::Keep).unwrap();
        let data = folder.path().join("core");
        let own = data.join("identity");
        let core = name("core");
        authority
            .issue(&core, &own, DEFAULT_VALIDITY, Existing::Keep)
            .unwrap();
        let text =
            format!("name = \"core\"\ndata-dir = \"core\"\n[join]\nauthority = \"ca\"\n{settings}");
        let config =
            DaemonConfig::from_toml(&text, "core.toml", folder.path(), &Overrides::none()).unwrap();
        let identity =
            Identity::load(&IdentityPaths::in_folder(&own), &core, SystemTime::now()).unwrap();
        // Each entry begins a file, so that it can be made to fail.
        let kept = AuditConfig { size: 0, keep: 1 };
        let audit = Arc::new(Audit::open(&data, &core, kept).unwrap());
        let joining = Arc::new(Joining::open(&config, audit.clone()).unwrap());
        let link = LinkConfig {
            listen: config.listen,
            parent: None,
            transport: config.transport,
            children: 10,
            incarnation: Incarnation(1),
        };
        let (links, events) =
            Links::bind(identity, link, tokio::runtime::Handle::current()).unwrap();
        links.let_in(joining.clone());
        links.run(Arc::new(NoStreams));
        Self {
            desk: Desk {
                name: core,
                joining,
                links,
            },
            audit,
            _folder: folder,
            _events: events,
        }
    }

    fn invite(&self) -> Token {
        let wanted = Wanted {
            name: name("core/lab"),
            valid: HOUR,
            uses: 1,
            addresses: Vec::new(),
        };
        self.desk.invite(&wanted).unwrap().1
    }

    fn at(&self) -> SocketAddr {
        self.desk.links.local_addr().unwrap()
    }

    fn counters(&self) -> JoinCounters {
        self.desk.joining.counters()
    }

    /// Dials with that mark and that protocol; never with a certificate.
    async fn dial(&self, mark: &'static [u8], alpn: &[u8]) -> Result<Connection, String> {
        let pinned = Pinned::new(self.desk.links.key());
        let crypto = QuicClientConfig::try_from(pinned.client(alpn).unwrap()).unwrap();
        let mut client = ClientConfig::new(Arc::new(crypto));
        client.initial_dst_cid_provider(Arc::new(move || {
            ConnectionId::new(&[mark, &crate::files::random_bytes::<8>()].concat())
        }));
        let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connecting = endpoint.connect_with(client, self.at(), "core").unwrap();
        connecting.await.map_err(|error| error.to_string())
    }

    /// Says something at the door, and gives the answer.
    async fn say(&self, what: &[u8]) -> Result<Answer, String> {
        let connection = self.dial(MARK, ALPN).await?;
        let (mut send, mut receive) = connection.open_bi().await.map_err(|e| e.to_string())?;
        let said = async {
            send.write_all(what).await.ok()?;
            send.finish().ok()
        };
        said.await.ok_or("not listened to")?;
        let answer = receive.read_to_end(1 << 20).await;
        Answer::read(&answer.map_err(|error| error.to_string())?)
    }
}

#[tokio::test]
async fn strangers_at_the_door_get_nothing_and_are_counted() {
    let parent = Parent::start("attempts = 1000\n[transport]\nhandshake-timeout = \"300 ms\"\n");
    // Nobody is invited: nobody is listened to.
    parent.dial(MARK, ALPN).await.unwrap_err();
    assert_eq!(parent.counters().turned_away, 1);
    let token = parent.invite();

    // The two protocols do not lead to each other.
    let neighbour = identity::ALPN;
    parent.dial(MARK, neighbour).await.unwrap_err();
    parent.dial(b"whatever", ALPN).await.unwrap_err();
    let strange = parent.dial(b"whatever", neighbour).await;
    if let Ok(connection) = strange {
        connection.closed().await;
    }
    assert_eq!(parent.desk.links.counters().connections, 0);
    assert_eq!(parent.counters().failed, 1);

    // What is no request, is too long, or never comes.
    for what in [&b"GET / HTTP/1.1"[..], b"", b"{}"] {
        let answer = parent.say(what).await.unwrap();
        assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
    }
    assert_eq!(parent.counters().refused, 3);
    parent.say(&vec![b' '; MOST_REQUEST + 1]).await.unwrap_err();
    let silent = parent.dial(MARK, ALPN).await.unwrap();
    silent.closed().await;
    let second = parent.dial(MARK, ALPN).await.unwrap();
    let (mut one, _) = second.open_bi().await.unwrap();
    one.write_all(b"{").await.unwrap();
    second.closed().await;
    assert_eq!(parent.counters().failed, 4);
    assert_eq!(parent.counters().joined, 0);

    // And who is invited comes in all the same.
    let machine = TempDir::new().unwrap();
    let asked = asked(&token, machine.path());
    let answer = parent.say(&asked).await.unwrap();
    assert!(matches!(answer, Answer::Joined { .. }), "{answer:?}");
    assert_eq!(parent.counters().joined, 1);
}

/// A certificate that nobody had written down was given to whoever had a token.
#[tokio::test]
async fn who_is_certified_is_in_the_audit_log_before_they_know() {
    let parent = Parent::start("");
    let entries = || {
        let wanted = audit::Wanted {
            after: 0,
            since: 0,
            most: usize::MAX,
        };
        parent.audit.list(wanted).unwrap()
    };
    let token = parent.invite();
    let machine = TempDir::new().unwrap();
    let request = asked(&token, machine.path());
    // Nothing can be written down, so nobody gets anything.
    let in_the_way = parent._folder.path().join("core/audit/audit.1.jsonl");
    std::fs::create_dir_all(in_the_way.join("something")).unwrap();
    let answer = parent.say(&request).await.unwrap();
    let Answer::Refused { why } = answer else {
        panic!("{answer:?}");
    };
    assert!(why.contains("audit log"), "{why}");
    std::fs::remove_dir_all(in_the_way).unwrap();
    assert_eq!(entries(), []);
    // The second time, the first answer may have been lost.
    for _ in 0..2 {
        let answer = parent.say(&request).await.unwrap();
        assert!(matches!(answer, Answer::Joined { .. }), "{answer:?}");
    }
    let entries = entries();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (&*entry.what, &*entry.from))
        .collect();
    assert_eq!(told, [("join", "127.0.0.1"); 2]);
    let id = &parent.desk.list()[0].id;
    let on = format!("core/lab, by invitation {id}");
    assert_eq!(entries[0].on.as_ref(), Some(&on));
}

#[tokio::test]
async fn one_address_tries_only_so_often_and_so_many_at_a_time() {
    let parent = Parent::start("attempts = 3\n");
    parent.invite();
    for _ in 0..3 {
        parent.say(b"{}").await.unwrap();
    }
    parent.say(b"{}").await.unwrap_err();
    assert_eq!(parent.counters().turned_away, 1);

    let parent = Parent::start("connections = 2\n");
    parent.invite();
    let held = [
        parent.dial(MARK, ALPN).await.unwrap(),
        parent.dial(MARK, ALPN).await.unwrap(),
    ];
    parent.dial(MARK, ALPN).await.unwrap_err();
    assert_eq!(parent.counters().turned_away, 1);
    drop(held);
}

#[test]
fn an_authority_that_would_not_be_accepted_is_noticed_before_anybody_comes() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _in = runtime.enter();
    let parent = Parent::start("");
    let foreign = parent._folder.path().join("foreign");
    Authority::create(&foreign, "foreign", DEFAULT_VALIDITY, Existing::Keep).unwrap();
    let config = JoinConfig {
        authority: Some(foreign),
        ..JoinConfig::default()
    };
    let text = "name = \"core\"\ndata-dir = \"core\"\n";
    let folder = parent._folder.path();
    let read = DaemonConfig::from_toml(text, "core.toml", folder, &Overrides::none()).unwrap();
    let read = DaemonConfig {
        join: config,
        ..read
    };
    let joining = Joining::open(&read, parent.audit.clone());
    let desk = Desk {
        name: name("core"),
        joining: Arc::new(joining.unwrap()),
        links: parent.desk.links.clone(),
    };
    let wanted = Wanted {
        name: name("core/lab"),
        valid: HOUR,
        uses: 1,
        addresses: Vec::new(),
    };
    let why = desk.invite(&wanted).unwrap_err().to_string();
    assert!(
        why.contains("of an authority that `core` does not trust"),
        "{why}"
    );
}
