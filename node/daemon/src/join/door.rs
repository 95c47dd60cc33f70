//! Where newcomers come in: within bounds, and only while somebody is invited.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use quinn::{Connection, VarInt};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use waybook_location_tree::PlaceName;

use super::invitations::{Invitations, Redeemed};
use super::letter::{Answer, MOST_REQUEST, Request};
use super::pace::Pace;
use crate::audit::{Audit, Change, SYSTEM};
use crate::config::{DaemonConfig, JoinConfig};
use crate::files::{self, FileError};
use crate::identity::Authority;
use crate::moment::seconds;

/// What newcomers came to, since the daemon started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct JoinCounters {
    /// Those that were given a certificate, or the same one again.
    pub joined: u64,
    /// Those that were told why not.
    pub refused: u64,
    /// Those that were not listened to: nobody is invited, or a bound was reached.
    pub turned_away: u64,
    /// Those that asked nothing, or not in time.
    pub failed: u64,
}

#[derive(Debug, Default)]
struct Counting {
    joined: AtomicU64,
    refused: AtomicU64,
    turned_away: AtomicU64,
    failed: AtomicU64,
}

/// Lets newcomers join below one place.
pub(crate) struct Joining {
    name: PlaceName,
    audit: Arc<Audit>,
    pub(super) invitations: Invitations,
    config: Mutex<Arc<JoinConfig>>,
    /// Whom the place trusts, and so its children are to.
    authorities: PathBuf,
    slots: Arc<Semaphore>,
    pace: Mutex<Pace>,
    counting: Counting,
    /// How long one may take in all.
    within: Duration,
}

impl Joining {
    /// Below a place that is configured like that; who is certified is written into `audit`.
    ///
    /// # Errors
    /// [`FileError`] if who was invited in earlier lives cannot be read.
    pub(crate) fn open(config: &DaemonConfig, audit: Arc<Audit>) -> Result<Self, FileError> {
        let join = config.join.clone();
        Ok(Self {
            name: config.place.name.clone(),
            audit,
            invitations: Invitations::open(&config.data_dir, join.invitations)?,
            authorities: config.identity.authority.clone(),
            slots: Arc::new(Semaphore::new(join.connections)),
            pace: Mutex::default(),
            counting: Counting::default(),
            within: config.transport.handshake_timeout,
            config: Mutex::new(Arc::new(join)),
        })
    }

    /// How it is done now.
    pub(super) fn config(&self) -> Arc<JoinConfig> {
        let config = self.config.lock();
        config.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Does it like that from now on; how many newcomers and invitations there may be stays.
    pub(crate) fn configure(&self, config: JoinConfig) {
        let mut current = self.config.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(config);
    }

    pub(crate) fn counters(&self) -> JoinCounters {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        JoinCounters {
            joined: get(&self.counting.joined),
            refused: get(&self.counting.refused),
            turned_away: get(&self.counting.turned_away),
            failed: get(&self.counting.failed),
        }
    }

    /// Whether newcomers are listened to at all.
    pub(crate) fn is_open(&self) -> bool {
        self.config().authority.is_some() && self.invitations.any(seconds(SystemTime::now()))
    }

    /// Whether a newcomer from that address, which it is known to have, is listened to. What is
    /// given must be held for as long as it is.
    pub(crate) fn knock(&self, from: IpAddr) -> Option<OwnedSemaphorePermit> {
        let config = self.config();
        let most = config.attempts;
        let pace = self.pace.lock();
        let mut pace = pace.unwrap_or_else(PoisonError::into_inner);
        let why = if !self.is_open() {
            "nobody is invited".to_owned()
        } else if !pace.allows(from, most, Instant::now()) {
            format!("limit `join.attempts` = {most} a minute is reached")
        } else if let Ok(slot) = self.slots.clone().try_acquire_owned() {
            return Some(slot);
        } else {
            let most = config.connections;
            format!("limit `join.connections` = {most} is reached")
        };
        self.counting.turned_away.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%from, why, "a newcomer was turned away");
        None
    }

    /// Notes one that did not get as far as to ask.
    pub(crate) fn failed(&self, from: IpAddr, why: &str) {
        self.counting.failed.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(%from, why, "a newcomer did not ask for anything");
    }

    /// Serves a newcomer that was let in.
    pub(crate) async fn serve(self: Arc<Self>, connection: Connection) {
        let from = connection.remote_address().ip();
        let asked = tokio::time::timeout(self.within, async {
            let (send, mut receive) = connection.accept_bi().await.ok()?;
            let request = receive.read_to_end(MOST_REQUEST).await.ok()?;
            Some((send, request))
        });
        let Ok(Some((mut send, request))) = asked.await else {
            self.failed(from, "no request in time, or one that is too long");
            connection.close(VarInt::from_u32(1), b"no request in time, or too long");
            return;
        };
        let this = self.clone();
        let answer = tokio::task::spawn_blocking(move || this.answer(&request, from)).await;
        let Ok(answer) = answer else {
            return;
        };
        let _ = tokio::time::timeout(self.within, async {
            let _ = send.write_all(&answer.write()).await;
            let _ = send.finish();
            // It hangs up when it has read all of it.
            connection.closed().await;
        })
        .await;
        connection.close(VarInt::from_u32(0), b"");
    }

    fn answer(&self, request: &[u8], from: IpAddr) -> Answer {
        let now = SystemTime::now();
        let read = Request::read(request);
        let name = read.as_ref().map(|request| request.name.clone());
        let name = name.map_or_else(|_| "?".to_owned(), |name| name.to_string());
        match read.and_then(|request| self.admit(&request, from, now)) {
            Ok((certificate, authority)) => {
                self.counting.joined.fetch_add(1, Ordering::Relaxed);
                tracing::info!(%from, name, "a newcomer was certified");
                Answer::Joined {
                    certificate,
                    authority,
                    clock: seconds(now),
                }
            }
            Err(why) => {
                self.counting.refused.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%from, name, why, "a newcomer was refused");
                Answer::Refused { why }
            }
        }
    }

    /// The certificate, and whom to trust. That it was given is on disk then, also where it is given
    /// again because nobody knows whether it arrived.
    fn admit(
        &self,
        request: &Request,
        from: IpAddr,
        now: SystemTime,
    ) -> Result<(String, String), String> {
        let config = self.config();
        let Some(folder) = &config.authority else {
            return Err("the parent certifies no places any more".to_owned());
        };
        let read = files::read_text(&self.authorities);
        let read = read.map_err(|error| {
            tracing::error!(%error, "a newcomer could not be told whom to trust");
            "the parent could not say whom to trust; its log says why".to_owned()
        })?;
        let unwritten = |error: FileError| {
            tracing::error!(%error, "a newcomer could not be written into the audit log");
            "the parent could not write into its audit log who joins, and its log says why; when \
             that is mended, the same command goes on"
                .to_owned()
        };
        let permit = self.audit.permit().map_err(unwritten)?;
        let redeemed = self.invitations.redeem(request, seconds(now), || {
            let key = &request.asked.public_key;
            Authority::load(folder)?.admit(&request.name, key, config.validity)
        })?;
        let Redeemed { certificate, id } = redeemed;
        let change = Change {
            token: SYSTEM.to_owned(),
            user: None,
            origin: self.name.clone(),
            from: from.to_string(),
            what: "join",
            on: Some(format!("{}, by invitation {id}", request.name)),
            status: None,
            why: None,
        };
        permit.finish(&change).map_err(unwritten)?;
        Ok((certificate, read))
    }
}
