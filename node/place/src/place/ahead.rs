//! Looking ahead: code that a session will need farther on is fetched while its visitor
//! is still on its way there.

use std::collections::BTreeMap;
use std::sync::Arc;

use waybook_agents::{DownloadRule, PlanVisitor, SessionId};
use waybook_location_tree::PlaceName;
use waybook_plan::{Release, Runtime};

use super::Place;
use super::downloads::{Claim, Waiter};
use crate::io::Output;

impl Place {
    /// A visitor goes on from here to a place below. The code of the stages beyond that
    /// is still to be fetched will be fetched through here, if it comes by way of the
    /// default places; so it may as well come at once.
    pub(super) fn look_ahead(
        &mut self,
        visitor: &PlanVisitor,
        next: &PlaceName,
        out: &mut Vec<Output>,
    ) {
        let rule = self.strategies.download_rule(&self.config.code.strategy);
        let by_way_of_here =
            rule.is_ok_and(DownloadRule::passes_default_places) && self.config.name.contains(next);
        let needed = if by_way_of_here {
            self.missing_below(visitor)
        } else {
            BTreeMap::new()
        };
        let session = visitor.session();
        if needed.is_empty() && !self.downloads.ahead.contains_key(&session) {
            return;
        }
        let before = self.downloads.ahead.remove(&session).unwrap_or_default();
        for (claim, release) in &needed {
            // Whoever needs it will ask again, and be told why not.
            let waiter = Waiter::Ahead(session);
            if self.want(release, waiter, visitor.previous()).is_ok() {
                let ahead = self.downloads.ahead.entry(session);
                ahead.or_default().insert(claim.clone());
            }
        }
        for claim in before.iter().filter(|claim| !needed.contains_key(claim)) {
            self.wait_no_longer(claim, &Waiter::Ahead(session), out);
        }
    }

    /// The code of the stages beyond that neither this place nor any on the way to its
    /// stage is known to hold.
    fn missing_below(&self, visitor: &PlanVisitor) -> BTreeMap<Claim, Arc<Release>> {
        let mut missing = BTreeMap::new();
        let plan = visitor.plan();
        for stage in visitor.solution().stages.iter().skip(visitor.hop() + 1) {
            for component in &stage.components {
                let release = plan.releases.get(&component.name);
                let release = release.filter(|_| component.runtime == Runtime::Wasm);
                let Some(release) = release else { continue };
                let mut holders = self.catalogue.holders(&release.digest);
                if !holders.any(|holder| holder.contains(&stage.place)) {
                    missing.insert(Claim::of(release), Arc::clone(release));
                }
            }
        }
        missing
    }

    /// The session is over here, or goes another way.
    pub(super) fn look_ahead_no_longer(&mut self, session: SessionId, out: &mut Vec<Output>) {
        let ahead = (self.downloads.made()).and_then(|downloads| downloads.ahead.remove(&session));
        for claim in ahead.unwrap_or_default() {
            self.wait_no_longer(&claim, &Waiter::Ahead(session), out);
        }
    }

    /// A download that was started for a session further on is over.
    pub(super) fn no_longer_ahead(&mut self, session: SessionId, claim: &Claim) {
        if let Some(ahead) = self.downloads.ahead.get_mut(&session) {
            ahead.remove(claim);
            if ahead.is_empty() {
                self.downloads.ahead.remove(&session);
            }
        }
    }
}
