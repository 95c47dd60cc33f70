//! A neighbour with a good certificate that lies. It costs itself only: what others have booked
//! stays, they are served meanwhile, and the place's memory stays bounded.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, Endpoint, SendStream};
use serde_json::json;
use waybook_agents::{
    Edition, Envelope, Feed, HopReport, Incarnation, IndexEntry, Message, PlanVisitor, Ready,
    Refuse, SessionId, Visit, wire,
};
use waybook_location_tree::PlaceName;
use waybook_plan::{
    Component, Demand, Plan, Presentation, Resource, Runtime, Solution, SolutionNumber, Stage,
    WhenCut,
};

use crate::daemons::until;
use crate::places::{Build, Kind, Places};
use crate::sessions::{self, Session};
use crate::{promises, raw};

/// More than any place here needs, and far less than what is thrown at it.
pub(crate) const MOST_MEMORY: u64 = 600 << 20;

fn name(text: &str) -> PlaceName {
    text.parse().unwrap()
}

/// Of what is said about two sessions, that which can only be a lie: acknowledgements of visits,
/// news, answers and losses of what was never sent there.
const ANSWERS: u64 = 2 * 4 * 7;

/// A place `r/c` that nobody runs, beside the honest ones.
pub(crate) struct Liar {
    endpoint: Endpoint,
    root: SocketAddr,
    lives: u64,
    runtime: tokio::runtime::Runtime,
    /// The present connection, and who is at its other end.
    line: Option<(Connection, SendStream, Incarnation)>,
}

impl Liar {
    fn new(places: &Places) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let _in_it = runtime.enter();
        Self {
            endpoint: raw::dialler(&places.identity("r/c")),
            root: places.quic(0),
            lives: 0,
            line: None,
            runtime,
        }
    }

    /// Joins the root in a new life.
    pub(crate) fn join(&mut self) {
        self.lives += 1;
        let (endpoint, root, life) = (&self.endpoint, self.root, self.lives);
        self.line = Some(self.runtime.block_on(async {
            let connection = raw::dial(endpoint, &name("r"), root).await;
            let (send, receive, hello) = raw::join(&connection, &name("r/c"), life).await;
            // What it is told is of no interest, and must not wait for ever.
            tokio::spawn(async move {
                let mut receive = receive;
                while raw::frame(&mut receive).await.is_some() {}
            });
            (connection, send, hello.incarnation)
        }));
    }

    /// The connection that it has joined on.
    pub(crate) fn connection(&self) -> Connection {
        self.line.as_ref().unwrap().0.clone()
    }

    pub(crate) fn runtime(&self) -> &tokio::runtime::Runtime {
        &self.runtime
    }

    fn is_connected(&self) -> bool {
        let line = self.line.as_ref();
        line.is_some_and(|(connection, ..)| connection.close_reason().is_none())
    }

    /// Says something, on a new connection if the last one was closed.
    fn say(&mut self, messages: Vec<Message>) {
        if !self.is_connected() {
            self.join();
        }
        let (_, send, to) = self.line.as_mut().unwrap();
        let from = Incarnation(self.lives);
        let bytes: Vec<u8> = messages
            .into_iter()
            .flat_map(|message| {
                let to = *to;
                wire::encode(&Envelope { from, to, message })
            })
            .collect();
        // The place may hang up in the middle of it.
        let _ = self.runtime.block_on(raw::in_time(send.write_all(&bytes)));
    }
}

/// What a place has refused: messages, and what was late.
fn refused(places: &Places, number: usize) -> u64 {
    let counters = places.info(number).unwrap().counters;
    counters.refused_messages + counters.fenced + counters.outdated
}

/// Waits until the root has refused so much.
fn counted(places: &Places, wanted: u64) {
    until("lies are not counted", || match refused(places, 0) {
        found if found >= wanted => Ok(()),
        found => Err(format!("{found} of {wanted}")),
    });
}

pub(crate) fn memory(places: &Places, number: usize) -> u64 {
    let file = format!("/proc/{}/status", places.all()[number].pid());
    let status = std::fs::read_to_string(file).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() << 10
}

/// A visit with a path, as if it were at that hop of it.
fn visit(session: u64, path: &[&str], hop: usize, demand: &Demand) -> Message {
    let stage = |at: &&str| Stage {
        place: name(at),
        demand: demand.clone(),
        components: vec![Component {
            name: "relay".to_owned(),
            runtime: Runtime::Builtin,
            config: BTreeMap::new(),
        }],
    };
    let solution = Solution {
        number: SolutionNumber(1),
        quality: "high".to_owned(),
        when_cut: WhenCut::default(),
        stages: path.iter().map(stage).collect(),
    };
    visit_with(session, vec![solution], hop)
}

fn visit_with(session: u64, solutions: Vec<Solution>, hop: usize) -> Message {
    let plan = Plan {
        title: "film".to_owned(),
        solutions: solutions.into_iter().map(Arc::new).collect(),
        releases: Arc::default(),
    };
    let agent = PlanVisitor::new(SessionId(u128::from(session)), plan, false);
    // Agents say themselves where they are; an honest one could not say this.
    let mut value = serde_json::to_value(&agent).unwrap();
    value["hop"] = json!(hop);
    value["upstream"] = json!(vec![1; hop]);
    let agent = serde_json::from_value(value).unwrap();
    let remaining = Duration::from_secs(10);
    Message::Visit(Visit { agent, remaining })
}

fn small() -> Demand {
    let mut demand = Demand::none();
    demand.add(&Resource::cpu(), 1).unwrap();
    demand
}

/// The film, as served where the liar says, published later than by whom really serves it.
fn claim(server: &str, title: &str) -> IndexEntry {
    let text = format!(
        "title = \"{title}\"\n[[quality]]\nname = \"high\"\n[quality.demand.edge]\n\
         to-client = \"1 Mbit/s\"\n"
    );
    IndexEntry {
        server: name(server),
        edition: Edition(Incarnation(u64::MAX), 1),
        presentation: Arc::new(Presentation::from_toml(&text).unwrap()),
    }
}

fn index(entries: Vec<IndexEntry>) -> Message {
    Message::Index {
        complete: false,
        entries,
        withdrawn: Vec::new(),
    }
}

/// All that is said about a session by whoever has nothing to do with it.
fn about(session: &Session) -> Vec<Message> {
    let id: SessionId = session.id.parse().unwrap();
    let mut lies = Vec::new();
    for number in [0, 1, 2, u16::MAX] {
        let number = SolutionNumber(number);
        let feed = Feed {
            session: id,
            number,
        };
        lies.extend([
            Message::Release(feed),
            Message::Gone(feed),
            Message::VisitAck(feed),
            Message::ReleaseAck(feed),
            Message::Confirm(feed),
            Message::ConfirmAck(feed),
            Message::Working(vec![feed; 3]),
            Message::Refresh {
                setups: vec![feed],
                established: vec![feed],
            },
            Message::Ready(Ready {
                session: id,
                number,
                solution: number,
                journey: vec![HopReport {
                    place: name("r/c"),
                    booked: small(),
                    components: Vec::new(),
                    took: Duration::ZERO,
                }],
                refused: Vec::new(),
            }),
            Message::Refuse(Refuse {
                session: id,
                number,
                next: None,
                refused: Vec::new(),
            }),
        ]);
    }
    // It feeds nothing, so all is over; or it feeds what is not its own.
    for sessions in [
        Vec::new(),
        vec![Feed {
            session: id,
            number: SolutionNumber(1),
        }],
    ] {
        lies.push(Message::Resync {
            sessions,
            first: true,
            last: true,
        });
    }
    lies
}

/// What honest neighbours have stays as it is.
fn unharmed(places: &Places, honest: &[Session]) {
    sessions::stand(places, honest);
    sessions::work(honest);
    // And they get more.
    let more = sessions::open(places, 4, "film");
    sessions::work(std::slice::from_ref(&more));
    sessions::close(places, &more);
    let most = memory(places, 0);
    assert!(most < MOST_MEMORY, "the root took {} MiB", most >> 20);
}

pub(crate) fn tree() -> (Places, Vec<Session>, Liar) {
    let kind = Kind {
        walls: false,
        code: false,
    };
    let places = Places::up(kind, |_| Build::This);
    let honest = [(3, "program"), (5, "film")];
    let honest = honest.map(|(at, title)| sessions::open(&places, at, title));
    let liar = Liar::new(&places);
    (places, honest.into_iter().collect(), liar)
}

#[test]
fn a_liar_has_no_say_in_what_others_have() {
    let (places, honest, mut liar) = tree();
    unharmed(&places, &honest);
    let before = refused(&places, 0);
    for session in &honest {
        liar.say(about(session));
    }
    counted(&places, before + ANSWERS);
    unharmed(&places, &honest);

    // Servers of other localities, and one that is nowhere.
    let before = refused(&places, 0);
    liar.say(vec![index(vec![
        claim("r/a/z", "film"),
        claim("r/b/w", "program"),
        claim("r", "mine"),
        claim("r/nowhere", "mine"),
    ])]);
    counted(&places, before + 4);
    let known = places.ask(places.client(0).unwrap().presentations());
    let known = known.unwrap();
    assert!(known.iter().all(|p| p.title != "mine"), "{known:?}");
    assert_eq!(known.len(), 3, "{known:?}");

    // Agents that cannot have come from there: of other localities, at the wrong hop, in
    // circles, through places that are no neighbours.
    let paths: [(&[&str], usize); 7] = [
        (&["r/a/x", "r/a", "r", "r/b", "r/b/y"], 2),
        (&["r/a", "r", "r/b"], 1),
        (&["r/c", "r", "r/b"], 0),
        (&["r/c", "r", "r/b"], 2),
        (&["r", "r/b", "r/b/y"], 0),
        (&["r/c", "r", "r/c", "r", "r/b"], 1),
        (&["r/c", "r", "r/b/y"], 1),
    ];
    for (number, (path, hop)) in paths.into_iter().enumerate() {
        let session = 1000 + number as u64;
        liar.say(vec![visit(session, path, hop, &small())]);
    }
    // A plan that is longer than any may be, and one whose path never ends.
    let many = (1..=5000).map(|number| Solution {
        number: SolutionNumber(number),
        quality: "high".to_owned(),
        when_cut: WhenCut::default(),
        stages: ["r/c", "r"]
            .map(|at| Stage {
                place: name(at),
                demand: small(),
                components: Vec::new(),
            })
            .into(),
    });
    liar.say(vec![visit_with(2000, many.collect(), 1)]);
    let endless: Vec<&str> = ["r/c", "r"].into_iter().cycle().take(2000).collect();
    liar.say(vec![visit(2001, &endless, 1, &small())]);
    // The others are refused before the place sees them.
    counted(&places, before + 4 + 5);
    unharmed(&places, &honest);
    sessions::end(&places, honest);
}

#[test]
fn a_flood_costs_whoever_makes_it() {
    let (places, honest, mut liar) = tree();
    unharmed(&places, &honest);
    // Questions, claims within its own locality, and set-ups that are never finished.
    let mut demand = small();
    demand.add(&Resource::memory(), 1 << 20).unwrap();
    for round in 0..15_u64 {
        let searches = (0..500).map(|number| Message::Search {
            id: round * 1000 + number,
            origin: name("r/c"),
            title: format!("nothing {number}"),
            most: u16::MAX,
        });
        liar.say(searches.collect());
        let entries = (0..200).map(|number| claim("r/c", &format!("of {round}, {number}")));
        liar.say(vec![index(entries.collect())]);
        let visits = (0..50).map(|number| {
            let path = ["r/c", "r", "r/a", "r/a/z"];
            visit(1_000_000 + round * 1000 + number, &path, 1, &demand)
        });
        liar.say(visits.collect());
        sessions::work(&honest[..1]);
    }
    // Streams that say nothing, or half of a request.
    for _ in 0..2 {
        if !liar.is_connected() {
            liar.join();
        }
        let (connection, ..) = liar.line.as_ref().unwrap();
        let streams = liar.runtime.block_on(async {
            let mut streams = Vec::new();
            for number in 0..3000 {
                let opening = tokio::time::timeout(Duration::from_secs(1), connection.open_bi());
                let Ok(Ok((mut send, receive))) = opening.await else {
                    break;
                };
                let bytes: &[u8] = match number % 4 {
                    0 => b"",
                    1 => b"\x01GET / HT",
                    2 => b"\x02\xff\xff\xff\xff",
                    _ => b"\x63",
                };
                let _ = send.write_all(bytes).await;
                streams.push((send, receive));
            }
            streams
        });
        sessions::work(&honest);
        drop(streams);
    }
    // A message of a megabyte, byte by byte: the others do not wait for it.
    liar.join();
    let (_, send, _) = liar.line.as_mut().unwrap();
    let dripping = async {
        send.write_all(&(1_u32 << 20).to_le_bytes()).await?;
        for _ in 0..200 {
            send.write_all(b"\x01").await?;
            tokio::task::yield_now().await;
        }
        Ok::<_, quinn::WriteError>(())
    };
    let _ = liar.runtime.block_on(dripping);
    sessions::work(&honest);

    // With the liar gone, all that it took comes back.
    drop(liar);
    unharmed(&places, &honest);
    let known = places.ask(places.client(0).unwrap().presentations());
    let own = known.unwrap().into_iter().filter(|p| p.server != "r/c");
    assert_eq!(own.count(), 3);
    let past = Vec::new();
    for session in &honest {
        sessions::close(&places, session);
    }
    let ports = promises::belongings(&places);
    promises::quiet_and_empty(&places, &past, &ports);
}
