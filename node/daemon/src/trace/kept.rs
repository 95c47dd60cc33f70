//! The set-ups that a place remembers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use waybook_agents::SessionId;

use super::setup::Setup;

/// The latest set-ups at one place. So many are kept of those that went well or still go on, and
/// as many of those that did not: what a person looks for is not driven out by what works.
#[derive(Debug)]
pub struct Setups {
    inner: Mutex<Kept>,
}

/// One set-up's number among those of this place.
type Serial = u64;

#[derive(Debug)]
pub(super) struct Kept {
    most: usize,
    last: Serial,
    all: HashMap<Serial, Setup>,
    by_session: HashMap<SessionId, Serial>,
    /// Those that went well or go on, in the order in which they began.
    began: VecDeque<Serial>,
    /// Those that went wrong, in the order in which that was known.
    wrong: VecDeque<Serial>,
    /// The same, to be looked up.
    is_wrong: HashSet<Serial>,
}

impl Setups {
    /// Remembers so many of each sort; none at all if that is zero.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let kept = Kept {
            most,
            last: 0,
            all: HashMap::new(),
            by_session: HashMap::new(),
            began: VecDeque::new(),
            wrong: VecDeque::new(),
            is_wrong: HashSet::new(),
        };
        Self {
            inner: Mutex::new(kept),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Kept> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many are remembered of each sort.
    #[must_use]
    pub fn most(&self) -> usize {
        self.lock().most
    }

    /// What is wanted of each that is remembered, the latest first.
    pub fn each<T>(&self, look: impl Fn(&Setup) -> T) -> Vec<T> {
        let kept = self.lock();
        let mut serials: Vec<_> = kept.all.keys().copied().collect();
        serials.sort_unstable_by(|a, b| b.cmp(a));
        serials
            .iter()
            .map(|serial| look(&kept.all[serial]))
            .collect()
    }

    /// The set-up of a session, if it is remembered.
    #[must_use]
    pub fn of(&self, session: SessionId) -> Option<Setup> {
        let kept = self.lock();
        kept.by_session
            .get(&session)
            .and_then(|serial| kept.all.get(serial))
            .cloned()
    }
}

impl Kept {
    /// Remembers one more.
    pub(super) fn add(&mut self, setup: Setup) {
        self.last += 1;
        let serial = self.last;
        if let Some(session) = setup.session {
            self.by_session.insert(session, serial);
        }
        let wrong = setup.became.went_wrong();
        self.all.insert(serial, setup);
        self.began.push_back(serial);
        if wrong {
            self.went_wrong(serial);
        }
        while self.began.len() > self.most
            && let Some(oldest) = self.began.pop_front()
        {
            self.forget(oldest);
        }
    }

    pub(super) fn of(&mut self, session: SessionId) -> Option<&mut Setup> {
        let serial = self.by_session.get(&session)?;
        self.all.get_mut(serial)
    }

    /// It is known now that the set-up of a session has gone wrong.
    pub(super) fn session_went_wrong(&mut self, session: SessionId) {
        if let Some(serial) = self.by_session.get(&session) {
            let serial = *serial;
            self.went_wrong(serial);
        }
    }

    fn went_wrong(&mut self, serial: Serial) {
        // A later visit of the session may go wrong as well.
        if !self.is_wrong.insert(serial) {
            return;
        }
        // It began lately, most often.
        if let Some(at) = self.began.iter().rposition(|began| *began == serial) {
            self.began.remove(at);
        }
        self.wrong.push_back(serial);
        if self.wrong.len() > self.most
            && let Some(oldest) = self.wrong.pop_front()
        {
            self.is_wrong.remove(&oldest);
            self.forget(oldest);
        }
    }

    fn forget(&mut self, serial: Serial) {
        if let Some(setup) = self.all.remove(&serial)
            && let Some(session) = setup.session
            && self.by_session.get(&session) == Some(&serial)
        {
            self.by_session.remove(&session);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use waybook_location_tree::PlaceName;
    use waybook_place::Instant;

    use super::super::setup::Became;
    use super::*;

    fn setup(session: u128, became: Became) -> Setup {
        Setup {
            session: Some(SessionId(session)),
            context: None,
            title: String::new(),
            hop: 0,
            client: PlaceName::new("core").unwrap(),
            previous: None,
            request: None,
            plan: None,
            began: SystemTime::UNIX_EPOCH,
            origin: Instant(0),
            spans: Vec::new(),
            refused: Vec::new(),
            solution: None,
            became,
            took: None,
        }
    }

    fn remembered(setups: &Setups) -> Vec<u128> {
        setups.each(|setup| setup.session.unwrap().0)
    }

    #[test]
    fn what_went_wrong_is_not_driven_out_by_what_works() {
        let setups = Setups::new(2);
        for (session, became) in [
            (1, Became::Refused),
            (2, Became::Established),
            (3, Became::Established),
            (4, Became::Established),
        ] {
            setups.lock().add(setup(session, became));
        }
        assert_eq!(remembered(&setups), [4, 3, 1]);
        // What goes wrong later moves to the others of its sort.
        setups.lock().session_went_wrong(SessionId(3));
        setups.lock().session_went_wrong(SessionId(3));
        setups.lock().add(setup(5, Became::Established));
        setups.lock().add(setup(6, Became::Established));
        assert_eq!(remembered(&setups), [6, 5, 3, 1]);
        setups.lock().add(setup(7, Became::Refused));
        assert_eq!(remembered(&setups), [7, 6, 5, 3]);
        assert_eq!(setups.of(SessionId(1)), None);
        assert!(setups.of(SessionId(3)).is_some());
        let kept = setups.lock();
        assert_eq!((kept.began.len(), kept.wrong.len()), (2, 2));
        assert_eq!(kept.by_session.len(), 4);
    }

    #[test]
    fn nothing_is_remembered_where_that_is_not_wanted() {
        let setups = Setups::new(0);
        setups.lock().add(setup(1, Became::UnderWay));
        setups.lock().add(setup(2, Became::Refused));
        assert_eq!(remembered(&setups), []);
    }
}
