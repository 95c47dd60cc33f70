//! What happens and how things are, in words.

use waybook_agents::{Message, SessionId};

use super::super::check;
use super::{Act, Disk, EDGES, Knows, Letter, PLACES, World};
use crate::place::Place;

impl World {
    /// An act in words.
    pub(in crate::place::model) fn tell(&self, act: Act) -> String {
        let letter = |edge: usize, letter: Option<&Letter>| {
            let (from, to) = EDGES[edge];
            let what = letter.map_or_else(String::new, |l| say(&l.envelope.message));
            format!("{what} from {} to {}", PLACES[from], PLACES[to])
        };
        let head = |edge: usize| letter(edge, self.edges[edge].front());
        let component = |at: usize| self.starting.get(at).map_or("", |(p, _)| PLACES[*p]);
        match act {
            Act::Open(client) => format!("client {client} asks for a session"),
            Act::Leave(client) => format!("client {client} leaves"),
            Act::Deliver(edge) => format!("arrives: {}", head(edge)),
            Act::Lose(edge) => format!("LOST: {}", head(edge)),
            Act::Twice(edge) => format!("arrives, to come TWICE: {}", head(edge)),
            Act::Delay(edge) => format!("STAYS BEHIND: {}", head(edge)),
            Act::Late(at) => {
                let (edge, late) = &self.late[at];
                format!("arrives LATE: {}", letter(*edge, Some(late)))
            }
            Act::Up(at) => format!("a component answers at {}", component(at)),
            Act::Fail(at) => format!("a component FAILS at {}", component(at)),
            Act::Tick(place) => {
                let next = self.place(place).and_then(Place::next_timeout);
                let passes = next.map_or(0, |next| next.since(self.now).as_nanos());
                let slow = if self.is_still() {
                    ""
                } else {
                    ", with messages UNDER WAY"
                };
                format!("after {passes}: a timer fires at {}{slow}", PLACES[place])
            }
            Act::Crash(place, Disk::Whole) => format!("{} CRASHES", PLACES[place]),
            Act::Crash(place, Disk::Behind) => {
                format!("{} CRASHES, and its disk is BEHIND", PLACES[place])
            }
            Act::Restart(place) => format!("{} restarts", PLACES[place]),
            Act::Cut(leaf) => format!("the connection of {} is CUT", PLACES[leaf]),
            Act::Heal(leaf) => format!("the connection of {} stands again", PLACES[leaf]),
        }
    }

    /// What there is, in a line.
    pub(in crate::place::model) fn describe(&self) -> String {
        let mut parts = Vec::new();
        for (at, node) in self.nodes.iter().enumerate() {
            let Some(place) = &node.place else {
                parts.push(format!("{} dead", PLACES[at]));
                continue;
            };
            let hop = |(session, number): (SessionId, u16)| {
                let hop = &place.hops[&session];
                let booked = hop.booking.as_ref().map(ToString::to_string);
                let booked = booked.unwrap_or_else(|| "no booking".to_owned());
                format!("{} #{number} {:?} {booked}", short(session), hop.phase())
            };
            let hops: Vec<_> = check::numbers(place).into_iter().map(hop).collect();
            parts.push(format!("{} [{}]", PLACES[at], hops.join("; ")));
        }
        let clients = self.clients.map(|c| match c {
            Knows::Has(session) => format!("has {}", short(session)),
            other => format!("{other:?}").to_lowercase(),
        });
        parts.push(format!("clients: {}", clients.join(", ")));
        parts.join(" | ")
    }
}

fn short(session: SessionId) -> String {
    format!("{:02x}", session.0 & 0xff)
}

fn say(message: &Message) -> String {
    let feed = |f: &waybook_agents::Feed| format!("{} #{}", short(f.session), f.number);
    let feeds = |f: &[waybook_agents::Feed]| f.iter().map(feed).collect::<Vec<_>>().join(", ");
    let about = match message {
        Message::Visit(v) => format!("{} #{}", short(v.agent.session()), v.agent.number()),
        Message::Ready(r) => format!(
            "{} #{} with solution {}",
            short(r.session),
            r.number,
            r.solution
        ),
        Message::Refuse(r) => {
            let next = r
                .next
                .map_or_else(|| "none left".to_owned(), |n| format!("next {n}"));
            format!("{} #{}, {next}", short(r.session), r.number)
        }
        Message::VisitAck(f)
        | Message::Release(f)
        | Message::ReleaseAck(f)
        | Message::Confirm(f)
        | Message::ConfirmAck(f)
        | Message::Gone(f) => feed(f),
        Message::Refresh {
            setups,
            established,
        } => {
            format!(
                "set-ups {}; established {}",
                feeds(setups),
                feeds(established)
            )
        }
        Message::Working(f) => feeds(f),
        Message::Resync { sessions, .. } => feeds(sessions),
        _ => String::new(),
    };
    format!("{} {about}", message.kind())
}
