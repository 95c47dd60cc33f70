//! Asks another place for a profile that it keeps.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;
use waybook_location_tree::PlaceName;
use waybook_plan::{Profile, User, format_duration};

use super::copies::Copy;
use super::{Found, From, Profiles};
use crate::api::model::{ProfileInfo, Span};
use crate::api::{Kind, PREFIX, Problem, Shared, forward};
use crate::slots::{Full, Slot};

/// What became of asking a home.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// It told the profile.
    Told(Arc<Profile>),
    /// It answered that it has none, or may not or cannot tell it.
    Denied(Problem),
    /// It could not be asked.
    Away(Arc<str>),
}

/// Who is being asked for, and where the answer will be. Those who want to know the same ask once.
pub(super) type Flights = BTreeMap<User, watch::Receiver<Option<Answer>>>;

impl Profiles {
    fn flights(&self) -> MutexGuard<'_, Flights> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a copy does without asking.
    fn does(&self, copy: &Copy, now: Instant) -> Option<Found> {
        let age = copy.age(now);
        let from = if age <= self.config.refresh {
            From::Copy(age)
        } else {
            let (failed, why) = copy.failed.as_ref()?;
            let just_now = now.saturating_duration_since(*failed) <= self.config.timeout;
            if !just_now || age > self.config.keep {
                return None;
            }
            From::Stale(age, why.clone())
        };
        Some(Found {
            profile: copy.profile.clone(),
            from,
        })
    }
}

/// The profile of a user of another place.
pub(super) async fn find(
    shared: &Arc<Shared>,
    user: &User,
    home: &PlaceName,
) -> Result<Found, Problem> {
    let found = look(shared, user, home).await;
    let result = match &found {
        Ok(found) => match found.from {
            From::Home => "home",
            From::Copy(_) => "copy",
            From::Stale(..) => "stale",
        },
        Err(_) => "refused",
    };
    shared.parts.recorded.profile(result);
    found.map_err(|problem| problem.at(&shared.parts.name))
}

async fn look(shared: &Arc<Shared>, user: &User, home: &PlaceName) -> Result<Found, Problem> {
    let profiles = &shared.parts.profiles;
    let copy = profiles.copies().take(user);
    if let Some(found) = copy.and_then(|copy| profiles.does(&copy, Instant::now())) {
        return Ok(found);
    }
    let why = match ask(shared, user, home).await {
        Answer::Told(profile) => {
            let from = From::Home;
            return Ok(Found { profile, from });
        }
        Answer::Denied(problem) => return Err(problem),
        Answer::Away(why) => why,
    };
    let copy = profiles.copies().take(user);
    let age = copy.as_ref().map(|copy| copy.age(Instant::now()));
    match (copy, age) {
        (Some(copy), Some(age)) if age <= profiles.config.keep => Ok(Found {
            profile: copy.profile,
            from: From::Stale(age, why),
        }),
        (_, age) => {
            let copy = match age {
                None => "there is no copy of it here".to_owned(),
                Some(age) => format!(
                    "the copy that is here is {} old, and is used for {} only (`profiles.keep`)",
                    Span::from(age).text,
                    format_duration(profiles.config.keep)
                ),
            };
            Err(Kind::Unanswered.because(format!(
                "the profile of `{user}` is kept by {home}, which cannot be asked: {why}; {copy}: try \
                 again when {home} can be reached, or send a profile along"
            )))
        }
    }
}

/// Asks the home, or joins who does. It is asked to the end, whoever still waits for it: what it says
/// is kept for the next one.
async fn ask(shared: &Arc<Shared>, user: &User, home: &PlaceName) -> Answer {
    let lost = || Answer::Away("asking it was given up".into());
    let mut told = {
        let mut flights = shared.parts.profiles.flights();
        match flights.get(user) {
            Some(told) => told.clone(),
            None => match take_slot(shared, home) {
                Err(why) => return Answer::Away(why.into()),
                Ok(slot) => {
                    let (tell, told) = watch::channel(None);
                    flights.insert(user.clone(), told.clone());
                    tokio::spawn(fly(shared.clone(), user.clone(), home.clone(), slot, tell));
                    told
                }
            },
        }
    };
    let answer = told.wait_for(Option::is_some).await;
    answer.map_or_else(|_| lost(), |answer| answer.clone().unwrap_or_else(lost))
}

/// Room for one more home that is asked.
fn take_slot(shared: &Shared, home: &PlaceName) -> Result<Slot<PlaceName>, String> {
    let name = &shared.parts.name;
    let next = name
        .next_hop(home)
        .ok_or_else(|| format!("no edge leads from {name} to {home}"))?;
    let taken = shared.parts.profiles.slots.take(&next);
    taken.map_err(|full| match full {
        Full::All(most) => format!("limit `profiles.questions` = {most} is reached at {name}"),
        Full::Share(most) => format!(
            "`limits.neighbour-share` of `profiles.questions` = {most} is reached at {name} by those \
             over {next}"
        ),
    })
}

async fn fly(
    shared: Arc<Shared>,
    user: User,
    home: PlaceName,
    slot: Slot<PlaceName>,
    tell: watch::Sender<Option<Answer>>,
) {
    let profiles = &shared.parts.profiles;
    let answer = answer(&shared, &user, &home).await;
    let mut changed = vec![user.clone()];
    match &answer {
        Answer::Told(profile) => {
            let mut copies = profiles.copies();
            changed.extend(copies.put(&user, profile.clone(), Instant::now()));
        }
        Answer::Denied(problem) => {
            tracing::warn!(%user, %home, why = problem.detail, "the home of a user tells no profile");
            profiles.copies().remove(&user);
        }
        Answer::Away(why) => {
            tracing::warn!(%user, %home, why = &**why, "the home of a user cannot be asked");
            profiles.copies().fail(&user, Instant::now(), why);
            changed.clear();
        }
    }
    if !changed.is_empty() {
        let of = shared.clone();
        let written = shared.blocking(move || {
            let profiles = &of.parts.profiles;
            profiles.shelf.write(&profiles.copies, &changed);
        });
        // Nothing is lost but a copy.
        let _ = written.await;
    }
    drop(slot);
    profiles.flights().remove(&user);
    tell.send_replace(Some(answer));
}

/// What the home says within its time.
async fn answer(shared: &Shared, user: &User, home: &PlaceName) -> Answer {
    let path = format!("{PREFIX}/profiles/{}", escape(user.name()));
    let asked = forward::ask::<ProfileInfo>(shared, home, &path);
    let timeout = shared.parts.profiles.config.timeout;
    let Ok(said) = tokio::time::timeout(timeout, asked).await else {
        let patience = format_duration(timeout);
        return Answer::Away(format!("no answer within {patience} (`profiles.timeout`)").into());
    };
    let problem = match said {
        Ok(info) => {
            return match checked(info, user) {
                Ok(profile) => Answer::Told(Arc::new(profile)),
                Err(why) => Answer::Away(why.into()),
            };
        }
        Err(problem) => problem,
    };
    let is = |kind: Kind| kind.is_of(&problem);
    if is(Kind::NoSuchPath) {
        return Answer::Denied(Kind::Rejected.because(format!(
            "the profile of `{user}` is kept by {home}, which runs an older version that tells none to \
             other places: upgrade it, or send a profile along"
        )));
    }
    let by_home = problem.place.as_deref() == Some(home.as_str());
    for kind in [Kind::NotFound, Kind::Invalid, Kind::NotAllowed] {
        if by_home && is(kind) {
            return Answer::Denied(kind.because(format!(
                "{home}, the home of `{user}`, was asked and says: {}",
                problem.detail
            )));
        }
    }
    Answer::Away(problem.detail.into())
}

/// What was told, if it is a profile of that user, and no larger than its file could be.
fn checked(info: ProfileInfo, user: &User) -> Result<Profile, String> {
    let odd = |what: &str| Err(format!("it sent what is no profile of `{user}`: {what}"));
    if info.user != user.name() {
        return odd("it is another user's");
    }
    if info
        .best_quality
        .as_ref()
        .is_some_and(|name| name.len() > Profile::MAX_NAME)
    {
        return odd("its best quality is too long");
    }
    let long = |pattern: &String| pattern.len() > Profile::MAX_PATTERN;
    if info.may_open.len() > Profile::MAX_PATTERNS || info.may_open.iter().any(long) {
        return odd("what the user may open is too long");
    }
    Ok(Profile {
        user: info.user,
        best_quality: info.best_quality,
        terminal_bandwidth: info.terminal_bandwidth,
        may_open: info.may_open,
    })
}

/// A name as one segment of a path (RFC 3986, section 3.3).
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let bytes = text.bytes().map(|byte| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    });
    bytes.collect()
}
