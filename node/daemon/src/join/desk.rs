//! Where operators invite.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use waybook_location_tree::PlaceName;

use super::Joining;
use super::invitations::Invitation;
use super::token::{MOST_ADDRESSES, Token};
use crate::config::host_and_port;
use crate::files::FileError;
use crate::identity::Authority;
use crate::link::Links;
use crate::moment::seconds;

/// How long an invitation may be valid.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// How many machines it may be for.
const MOST_USES: usize = 1000;

/// Whom an operator invites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The name of the new place, right below this one's.
    pub name: PlaceName,
    /// For how long.
    pub valid: Duration,
    /// How many machines may use it.
    pub uses: usize,
    /// Where this place is reached from there, each `host:port`; none for what is configured.
    pub addresses: Vec<String>,
}

/// Why nobody can be invited like that.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// What is asked for is wrong.
    #[error("{0}")]
    Wrong(String),
    /// The place is not set up for it.
    #[error("{0}")]
    NotSetUp(String),
    /// A file cannot be read or written, or a limit is reached.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Invites machines to become children of a place. It reads and writes files, and so blocks.
pub trait Invites: Send + Sync {
    /// Makes an invitation. The token is told this once.
    ///
    /// # Errors
    /// [`InviteError`]; nobody is invited then.
    fn invite(&self, wanted: &Wanted) -> Result<(Invitation, Token), InviteError>;

    /// Who is invited, and who was lately.
    fn list(&self) -> Vec<Invitation>;

    /// Takes an invitation back. None if there is none of that number.
    ///
    /// # Errors
    /// [`FileError`] if that could not be kept; it is valid then.
    fn revoke(&self, id: &str) -> Result<Option<Invitation>, FileError>;
}

/// Nobody is invited.
impl Invites for () {
    fn invite(&self, _wanted: &Wanted) -> Result<(Invitation, Token), InviteError> {
        Err(InviteError::NotSetUp("nobody can join here".to_owned()))
    }

    fn list(&self) -> Vec<Invitation> {
        Vec::new()
    }

    fn revoke(&self, _id: &str) -> Result<Option<Invitation>, FileError> {
        Ok(None)
    }
}

/// Invites machines to one place.
pub(crate) struct Desk {
    pub(crate) name: PlaceName,
    pub(crate) joining: Arc<Joining>,
    pub(crate) links: Links,
}

impl Desk {
    /// Where newcomers find this place.
    fn addresses(&self, wanted: &Wanted) -> Result<Vec<String>, InviteError> {
        let config = self.joining.config();
        let given = match wanted.addresses.is_empty() {
            true => &config.addresses,
            false => &wanted.addresses,
        };
        if let Some(bad) = given.iter().find(|address| !host_and_port(address)) {
            let what = format!("`{bad}` must be a host and a port, such as bologna.example:4710");
            return Err(InviteError::Wrong(what));
        }
        if given.len() > MOST_ADDRESSES {
            let what = format!("no more than {MOST_ADDRESSES} addresses go into a token");
            return Err(InviteError::Wrong(what));
        }
        if !given.is_empty() {
            return Ok(given.clone());
        }
        let bound: Option<SocketAddr> = self.links.local_addr().ok();
        match bound.filter(|at| !at.ip().is_unspecified()) {
            Some(at) => Ok(vec![at.to_string()]),
            None => Err(InviteError::NotSetUp(format!(
                "it is not known at which address other machines reach `{}`: say so with \
                 `--address HOST:PORT`, or once for all with `[join] addresses` in its file",
                self.name
            ))),
        }
    }

    /// Whether what would be certified is accepted, before anybody comes.
    fn check_authority(&self, name: &PlaceName, now: SystemTime) -> Result<(), InviteError> {
        let own = &self.name;
        let join = self.joining.config();
        let Some(folder) = &join.authority else {
            return Err(InviteError::NotSetUp(format!(
                "`{own}` has no authority to certify new places with. Make one that is limited to \
                 its locality where the tree's authority is (`waybook ca issue {own} --authority`), \
                 put that folder on the machine of `{own}`, name it in its file (`[join] authority`) \
                 and `waybook place reload {own}`. To have no such key there, certify the place by hand: `waybook ca \
                 issue {name}`"
            )));
        };
        let sample = Authority::load(folder)?.sample(name, join.validity)?;
        let accepted = self.links.accepts(&sample, now);
        accepted.map_err(|why| {
            InviteError::NotSetUp(format!(
                "what the authority in {} certifies would not be accepted here: {why}",
                folder.display()
            ))
        })
    }
}

impl Invites for Desk {
    fn invite(&self, wanted: &Wanted) -> Result<(Invitation, Token), InviteError> {
        let (own, name) = (&self.name, &wanted.name);
        let wrong = |what: String| Err(InviteError::Wrong(what));
        if name.parent().as_ref() != Some(own) {
            return wrong(format!(
                "`{name}` is not right below `{own}`; a place is invited by its parent"
            ));
        }
        if wanted.valid.is_zero() || wanted.valid > LONGEST {
            return wrong("an invitation is valid for some time, 30 days at most".to_owned());
        }
        if !(1..=MOST_USES).contains(&wanted.uses) {
            return wrong(format!("an invitation is for 1 to {MOST_USES} machines"));
        }
        let addresses = self.addresses(wanted)?;
        let now = SystemTime::now();
        self.check_authority(name, now)?;
        let token = Token::new(name.clone(), addresses, self.links.key());
        let invitations = &self.joining.invitations;
        let invitation = invitations.add(&token, wanted.valid, wanted.uses, seconds(now))?;
        tracing::info!(%name, id = invitation.id, valid = ?wanted.valid, "a place is invited");
        Ok((invitation, token))
    }

    fn list(&self) -> Vec<Invitation> {
        self.joining.invitations.list(seconds(SystemTime::now()))
    }

    fn revoke(&self, id: &str) -> Result<Option<Invitation>, FileError> {
        let now = seconds(SystemTime::now());
        let revoked = self.joining.invitations.revoke(id, now)?;
        if let Some(one) = &revoked {
            tracing::info!(name = %one.name, id, "an invitation was revoked");
        }
        Ok(revoked)
    }
}
