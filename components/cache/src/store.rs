//! Answers in memory, within a budget. The least recently used goes first.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use waybook_http_rules::fields::Fields;

use crate::rules::{Freshness, selecting, takes};

/// What an answer or a piece of one takes beyond its bytes, about.
const OVERHEAD: u64 = 64;

/// Memory that is counted as long as this lives, also when the store has let go of what it holds.
#[derive(Debug)]
pub struct Hold {
    bytes: u64,
    held: Rc<Cell<u64>>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.set(self.held.get() - self.bytes);
    }
}

/// A body that is being collected while it passes.
#[derive(Debug)]
pub struct Collecting {
    pieces: Vec<Box<[u8]>>,
    length: u64,
    hold: Hold,
}

impl Collecting {
    /// How many bytes there are by now.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// An answer that is stored.
#[derive(Debug)]
pub struct Stored {
    /// Its header fields, without those of the connection.
    pub headers: Fields,
    /// How long it is fresh and for whom.
    pub freshness: Freshness,
    /// How old it was when it arrived, in seconds.
    pub age_on_arrival: u64,
    /// When it arrived, in seconds of a clock that only goes forward.
    pub arrived: u64,
    /// What the request said in the fields that the answer depends on.
    pub selecting: Vec<(String, Option<String>)>,
    /// Its body.
    body: Collecting,
}

impl Stored {
    /// How old it is.
    #[must_use]
    pub fn age(&self, now: u64) -> u64 {
        self.age_on_arrival
            .saturating_add(now.saturating_sub(self.arrived))
    }

    /// The length of its body.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.body.length
    }

    /// The bytes from `from` to `to`, both included, piece by piece.
    pub fn bytes(&self, from: u64, to: u64) -> impl Iterator<Item = &[u8]> {
        let mut at = 0_u64;
        self.body.pieces.iter().filter_map(move |piece| {
            let (begin, end) = (at, at + piece.len() as u64);
            at = end;
            let (first, last) = (from.max(begin), to.saturating_add(1).min(end));
            // Both are within the piece, whose length is a usize.
            (first < last).then(|| &piece[(first - begin) as usize..(last - begin) as usize])
        })
    }

    fn answers(&self, request: &Fields) -> bool {
        let names: Vec<String> = self
            .selecting
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        selecting(&names, request) == self.selecting
    }
}

/// The answers of one instance. Sorted lists, not trees: there are few answers, and code that is carried
/// to every place should be small.
#[derive(Debug)]
pub struct Store {
    budget: u64,
    largest: u64,
    held: Rc<Cell<u64>>,
    /// With the number of their last use, oldest first.
    answers: VecDeque<(u64, String, Rc<Stored>)>,
    /// URIs in order, with the last uses of their answers.
    index: Vec<(String, Vec<u64>)>,
    uses: u64,
}

impl Store {
    /// A store that takes at most `budget` bytes in all, and bodies of at most `largest`.
    #[must_use]
    pub fn new(budget: u64, largest: u64) -> Store {
        Store {
            budget,
            largest,
            held: Rc::default(),
            answers: VecDeque::new(),
            index: Vec::new(),
            uses: 0,
        }
    }

    /// Whether a body of this length could be stored at all.
    #[must_use]
    pub fn could_take(&self, length: u64) -> bool {
        length <= self.largest
    }

    /// How many bytes are taken: by what is stored, collected, or still being sent.
    #[must_use]
    pub fn held(&self) -> u64 {
        self.held.get()
    }

    /// The stored answer to a request, if it is fresh enough for it. One that is stale goes.
    pub fn find(&mut self, uri: &str, request: &Fields, now: u64) -> Option<Rc<Stored>> {
        // Of several the newest (RFC 9111, 4.1): what an answer depends on may have changed.
        let (used, stored) = self
            .of(uri)
            .filter(|(_, stored)| stored.answers(request))
            .max_by_key(|(used, stored)| (stored.arrived, *used))?;
        let stored = Rc::clone(stored);
        let age = stored.age(now);
        if age >= stored.freshness.lifetime {
            self.remove(used);
            return None;
        }
        if !takes(request, stored.freshness, age) {
            return None;
        }
        self.remove(used);
        self.insert(uri, Rc::clone(&stored));
        Some(stored)
    }

    /// Begins to collect a body.
    #[must_use]
    pub fn collect(&self) -> Collecting {
        Collecting {
            pieces: Vec::new(),
            length: 0,
            hold: Hold {
                bytes: 0,
                held: Rc::clone(&self.held),
            },
        }
    }

    /// Takes more of a body in. False if it has become too large, or if there is no room for it even
    /// when everything else has gone.
    #[must_use]
    pub fn grow(&mut self, collecting: &mut Collecting, bytes: &[u8]) -> bool {
        let length = bytes.len() as u64;
        if collecting.length + length > self.largest
            || !self.make_room(&mut collecting.hold, length + OVERHEAD)
        {
            return false;
        }
        collecting.length += length;
        collecting.pieces.push(bytes.into());
        true
    }

    /// Stores an answer whose body was collected, in place of one that answers the same requests.
    pub fn put(&mut self, uri: &str, head: Head, mut body: Collecting) {
        let texts = |(name, value): &(String, Option<String>)| {
            name.len() + value.as_ref().map_or(0, String::len)
        };
        let headers: usize = head
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2 * OVERHEAD as usize)
            .sum();
        let selecting: usize = head.selecting.iter().map(texts).sum();
        let more = (uri.len() * 2 + headers + selecting) as u64 + 4 * OVERHEAD;
        self.remove_where(uri, |stored| stored.selecting == head.selecting);
        if !self.make_room(&mut body.hold, more) {
            return;
        }
        let Head {
            headers,
            freshness,
            age_on_arrival,
            arrived,
            selecting,
        } = head;
        self.insert(
            uri,
            Rc::new(Stored {
                headers,
                freshness,
                age_on_arrival,
                arrived,
                selecting,
                body,
            }),
        );
    }

    /// Forgets all answers of a URI.
    pub fn forget(&mut self, uri: &str) {
        self.remove_where(uri, |_| true);
    }

    fn make_room(&mut self, hold: &mut Hold, bytes: u64) -> bool {
        while self.held.get() + bytes > self.budget {
            let Some((oldest, ..)) = self.answers.front() else {
                return false;
            };
            self.remove(*oldest);
        }
        hold.bytes += bytes;
        self.held.set(self.held.get() + bytes);
        true
    }

    /// Where a URI is in the index, or would be.
    fn at(&self, uri: &str) -> Result<usize, usize> {
        self.index
            .binary_search_by(|(other, _)| other.as_str().cmp(uri))
    }

    fn at_use(&self, used: u64) -> Result<usize, usize> {
        self.answers
            .binary_search_by_key(&used, |(other, ..)| *other)
    }

    /// The answers of a URI with the numbers of their last uses.
    fn of(&self, uri: &str) -> impl Iterator<Item = (u64, &Rc<Stored>)> {
        let uses = self.at(uri).map_or(&[][..], |at| &self.index[at].1);
        uses.iter()
            .filter_map(|used| Some((*used, &self.answers[self.at_use(*used).ok()?].2)))
    }

    fn remove_where(&mut self, uri: &str, which: impl Fn(&Stored) -> bool) {
        let found: Vec<u64> = self
            .of(uri)
            .filter(|(_, stored)| which(stored))
            .map(|(used, _)| used)
            .collect();
        for used in found {
            self.remove(used);
        }
    }

    fn insert(&mut self, uri: &str, stored: Rc<Stored>) {
        self.uses += 1;
        match self.at(uri) {
            Ok(at) => self.index[at].1.push(self.uses),
            Err(at) => self.index.insert(at, (uri.to_owned(), vec![self.uses])),
        }
        self.answers.push_back((self.uses, uri.to_owned(), stored));
    }

    fn remove(&mut self, used: u64) {
        let Some((_, uri, _)) = self
            .at_use(used)
            .ok()
            .and_then(|at| self.answers.remove(at))
        else {
            return;
        };
        if let Ok(at) = self.at(&uri) {
            let uses = &mut self.index[at].1;
            uses.retain(|other| *other != used);
            if uses.is_empty() {
                self.index.remove(at);
            }
        }
    }
}

/// What is stored of an answer beside its body; see [`Stored`].
#[derive(Debug)]
#[expect(missing_docs, reason = "as in Stored")]
pub struct Head {
    pub headers: Fields,
    pub freshness: Freshness,
    pub age_on_arrival: u64,
    pub arrived: u64,
    pub selecting: Vec<(String, Option<String>)>,
}

#[cfg(test)]
mod tests;
