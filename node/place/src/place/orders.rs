//! Orders of the operator about code.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use waybook_agents::wire;
use waybook_plan::{Digest, Release, Resolver};

use super::Place;
use super::downloads::{Claim, Waiter};
use super::repository::Held;
use super::resolve::{CodeAsker, Known};
use crate::Instant;
use crate::io::{CodeOrder, Output, RecordKey, RequestId};

/// Sessions that a refusal names.
const MOST_NAMED: usize = 3;

/// An order to fetch code that is under way.
#[derive(Debug, Clone)]
pub(super) struct Prefetch {
    releases: Vec<Arc<Release>>,
    /// What of it is not here yet.
    missing: BTreeSet<Claim>,
}

/// Code that is held, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
struct CodeRecord {
    release: Release,
    added: bool,
    pinned: bool,
    used: u64,
}

/// The value of a [`RecordKey::Code`]: for drivers that find code of which the record was
/// lost. `used` orders what was used when; 0 is before all else.
#[must_use]
pub fn code_record(release: &Release, added: bool, pinned: bool, used: u64) -> Vec<u8> {
    wire::encode_record(&CodeRecord {
        release: release.clone(),
        added,
        pinned,
        used,
    })
}

/// Code that is held in part, as a driver hands it in.
#[derive(Debug, Serialize, Deserialize)]
struct PartRecord {
    release: Release,
    bytes: u64,
}

/// The value of a [`RecordKey::Part`]: so many bytes of that code are on the driver's disk,
/// verified.
#[must_use]
pub fn part_record(release: &Release, bytes: u64) -> Vec<u8> {
    wire::encode_record(&PartRecord {
        release: release.clone(),
        bytes,
    })
}

impl Place {
    /// The operator wants something done about code.
    pub(super) fn order(
        &mut self,
        now: Instant,
        request: RequestId,
        order: CodeOrder,
        out: &mut Vec<Output>,
    ) {
        let result = match order {
            CodeOrder::Add(release) => self.add_code(&release, out),
            CodeOrder::Remove(digest) => self.remove_code(&digest, out),
            CodeOrder::Pin(digest, pin) => self.pin_code(&digest, pin, out),
            CodeOrder::Collect => Ok(self.collect_code(out)),
            CodeOrder::Prefetch(reference) => {
                let wanted = vec![reference.clone()];
                let asker = CodeAsker::Order(request, reference);
                return self.ask_for_releases(now, wanted, asker, out);
            }
        };
        out.push(Output::CodeDone { request, result });
    }

    fn add_code(
        &mut self,
        release: &Arc<Release>,
        out: &mut Vec<Output>,
    ) -> Result<Vec<Arc<Release>>, String> {
        let (here, reference) = (&self.config.name, release.reference());
        release.check().map_err(|e| e.to_string())?;
        if release.home != *here {
            let home = &release.home;
            return Err(format!(
                "the home of {reference} is {home}; what is added at {here} has its home there"
            ));
        }
        // A name that has once been given to code means that code, wherever it went.
        let same_name = |held: &Held| held.added && held.release.reference() == reference;
        let named = self.repository.held().find(|(_, held)| same_name(held));
        if let Some((digest, _)) = named.filter(|(digest, _)| **digest != release.digest) {
            return Err(format!(
                "{reference} was added here before, as {digest}; other code needs another version"
            ));
        }
        if let Some(held) = self.repository.get(&release.digest)
            && held.added
            && held.release.reference() != reference
        {
            let before = held.release.reference();
            return Err(format!("the same code was added here before, as {before}"));
        }
        self.verified.accept(&self.config, release)?;
        let limit = self.config.limits.repository;
        let gone = self.repository.add(release, limit)?;
        self.evicted(&gone, out);
        self.code_is_here(release.digest, out);
        Ok(vec![Arc::clone(release)])
    }

    fn remove_code(
        &mut self,
        digest: &Digest,
        out: &mut Vec<Output>,
    ) -> Result<Vec<Arc<Release>>, String> {
        let Some(held) = self.repository.get(digest) else {
            return Err(format!("{digest} is not held here"));
        };
        let running = self.components.users_of(digest);
        if self.repository.uses(digest) > 0 {
            let first = running.iter().take(MOST_NAMED).map(ToString::to_string);
            let first: Vec<_> = first.collect();
            let more = match running.len().saturating_sub(MOST_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            return Err(format!(
                "{} runs for session {}{more}",
                held.release.reference(),
                first.join(", ")
            ));
        }
        self.repository.remove(digest);
        out.push(Output::Evict { digest: *digest });
        self.forget_code(digest, out);
        self.say_dropped(digest, out);
        Ok(vec![held.release])
    }

    fn pin_code(
        &mut self,
        digest: &Digest,
        pin: bool,
        out: &mut Vec<Output>,
    ) -> Result<Vec<Arc<Release>>, String> {
        match self.repository.get(digest) {
            Some(held) => {
                self.repository.pin(digest, pin);
                self.store_code(digest, out);
                Ok(vec![held.release])
            }
            None => Err(format!("{digest} is not held here")),
        }
    }

    fn collect_code(&mut self, out: &mut Vec<Output>) -> Vec<Arc<Release>> {
        let (gone, releases): (Vec<_>, Vec<_>) = self.repository.collect().into_iter().unzip();
        self.evicted(&gone, out);
        releases
    }

    /// What a reference may stand for is known: fetch the newest of it, and what that
    /// depends on.
    pub(super) fn prefetch_known(
        &mut self,
        request: RequestId,
        reference: &str,
        known: Known<'_>,
        out: &mut Vec<Output>,
    ) {
        let mut resolver = Resolver::new(known.releases).with_gap(known.gap);
        let locked = match resolver.lock(&[reference]) {
            Ok(locked) => locked,
            Err(conflict) => {
                let result = Err(conflict.to_string());
                return out.push(Output::CodeDone { request, result });
            }
        };
        let mut order = Prefetch {
            releases: locked.releases().iter().cloned().collect(),
            missing: BTreeSet::new(),
        };
        let mut refused = None;
        for release in &order.releases {
            if self.repository.holds(&release.digest) {
                continue;
            }
            order.missing.insert(Claim::of(release));
            if let Err(why) = self.want(release, Waiter::Order(request), None) {
                refused = Some(why);
                break;
            }
        }
        self.orders.insert(request, order);
        match refused {
            Some(why) => self.order_failed(request, &why, out),
            None => self.answer_order(request, out),
        }
    }

    /// Something that an order waited for is here.
    pub(super) fn order_got(&mut self, request: RequestId, digest: Digest, out: &mut Vec<Output>) {
        if let Some(order) = self.orders.get_mut(&request) {
            order.missing.retain(|claim| claim.digest != digest);
            self.answer_order(request, out);
        }
    }

    fn answer_order(&mut self, request: RequestId, out: &mut Vec<Output>) {
        let complete = self
            .orders
            .get(&request)
            .is_some_and(|o| o.missing.is_empty());
        if complete && let Some(order) = self.orders.remove(&request) {
            let result = Ok(order.releases);
            out.push(Output::CodeDone { request, result });
        }
    }

    /// Something that an order waited for cannot be had.
    pub(super) fn order_failed(&mut self, request: RequestId, why: &str, out: &mut Vec<Output>) {
        let Some(order) = self.orders.remove(&request) else {
            return;
        };
        for claim in &order.missing {
            self.wait_no_longer(claim, &Waiter::Order(request), out);
        }
        let result = Err(why.to_owned());
        out.push(Output::CodeDone { request, result });
    }

    /// Keeps what is held for the next life.
    pub(super) fn store_code(&self, digest: &Digest, out: &mut Vec<Output>) {
        if let Some(held) = self.repository.get(digest) {
            let record = code_record(&held.release, held.added, held.pinned, held.used);
            out.push(Output::Store {
                key: RecordKey::Code(*digest),
                value: Some(record),
            });
        }
    }

    pub(super) fn forget_code(&self, digest: &Digest, out: &mut Vec<Output>) {
        out.push(Output::Store {
            key: RecordKey::Code(*digest),
            value: None,
        });
    }

    /// Takes up what is left of a transfer of an earlier life.
    pub(super) fn restore_part(
        &mut self,
        digest: &Digest,
        value: &[u8],
    ) -> Result<(), wire::WireError> {
        let record: PartRecord = wire::decode_record(value)?;
        check_record(&record.release, digest)?;
        let release = Arc::new(record.release);
        self.repository.restore_part(release, record.bytes);
        Ok(())
    }

    /// Takes up code that an earlier life held.
    pub(super) fn restore_code(
        &mut self,
        digest: &Digest,
        value: &[u8],
        out: &mut Vec<Output>,
    ) -> Result<(), wire::WireError> {
        let record: CodeRecord = wire::decode_record(value)?;
        check_record(&record.release, digest)?;
        let release = Arc::new(record.release);
        self.repository.restore(Held {
            release: Arc::clone(&release),
            added: record.added,
            pinned: record.pinned,
            used: record.used,
        });
        self.say_held(&release, record.added, out);
        Ok(())
    }
}

fn check_record(release: &Release, digest: &Digest) -> Result<(), wire::WireError> {
    if release.digest != *digest || release.check().is_err() {
        let what = "it is not of the code that its key names".to_owned();
        return Err(wire::WireError::Body(what));
    }
    Ok(())
}
