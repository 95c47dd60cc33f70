//! Profiles by user name: those of this place's users, one file each, and copies of those that other
//! places keep for theirs.
//!
//! `ann@core/bologna` is the user `ann` of core/bologna, her *home*. A place that needs her profile asks
//! there, by a request that travels as all others do ([`forward`](super::forward)), so that nobody is asked but
//! places of the tree, and each edge is one that certificates allow. What it is told it keeps as a copy.

mod copies;
mod files;
mod home;
mod open;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use axum::extract::State;
use axum::{Extension, Json};
use waybook_location_tree::PlaceName;
use waybook_plan::{Profile, User};

use super::extract::Named;
use super::model::{ProfileInfo, ProfileSource};
use super::rights::Caller;
use super::{Kind, Problem, Shared};
use crate::FileError;
use crate::config::ProfilesConfig;
use crate::slots::{Slots, share};
use copies::{Copies, Shelf};
use home::Flights;

pub(super) use open::profile;

/// The profiles of one place.
pub struct Profiles {
    /// Those of its own users.
    folder: PathBuf,
    config: ProfilesConfig,
    copies: Mutex<Copies>,
    shelf: Arc<Shelf>,
    flights: Mutex<Flights>,
    /// The homes that are being asked, by the neighbour that leads there.
    slots: Arc<Slots<PlaceName>>,
}

impl Profiles {
    /// Those in a data folder: `profiles/USER.toml`, and the copies that an earlier life has made.
    ///
    /// # Errors
    /// [`FileError`] if the folder of copies cannot be read or made.
    pub fn open(data: &Path, config: ProfilesConfig) -> Result<Self, FileError> {
        let shelf = Shelf::open(data)?;
        let mut copies = Copies::new(config.copies);
        shelf.read(&mut copies, config.keep, Instant::now(), SystemTime::now());
        let each = share(config.questions, config.neighbour_share);
        Ok(Self {
            folder: data.join("profiles"),
            config,
            copies: Mutex::new(copies),
            shelf: Arc::new(shelf),
            flights: Mutex::default(),
            slots: Slots::new(config.questions, each),
        })
    }

    #[cfg(test)]
    pub(super) fn has_copy(&self, user: &str) -> bool {
        self.copies().take(&User::new(user).unwrap()).is_some()
    }

    fn copies(&self) -> MutexGuard<'_, Copies> {
        self.copies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A profile, and where it came from.
#[derive(Debug, Clone)]
struct Found {
    profile: Arc<Profile>,
    from: From,
}

#[derive(Debug, Clone)]
enum From {
    /// Its home, now.
    Home,
    /// A copy that is that old.
    Copy(Duration),
    /// A copy that is that old, since its home cannot be asked, for that reason.
    Stale(Duration, Arc<str>),
}

/// Reads the name of a user as this place calls them.
pub(super) fn user(shared: &Shared, text: &str) -> Result<User, Problem> {
    let name = &shared.parts.name;
    let user =
        User::new(text).map_err(|error| Kind::Invalid.because(error.to_string()).at(name))?;
    match user.home() {
        Some(home) if home.root() != name.root() => Err(Kind::NotFound
            .because(format!(
                "the home of `{user}` is in another tree than {name}, whose root is {}: name a place \
                 of this one, or send a profile along",
                name.root()
            ))
            .at(name)),
        _ => Ok(user.at(name)),
    }
}

/// A user's name as that place says it: `ann@core` and `ann` are the same at core. What is no user's
/// name is as it is.
pub(super) fn called(user: &str, place: &PlaceName) -> String {
    User::new(user).map_or_else(|_| user.to_owned(), |user| user.at(place).to_string())
}

/// The profile of a user, if there is one.
async fn find(shared: &Arc<Shared>, user: &User) -> Result<Option<Found>, Problem> {
    if let Some(home) = user.home() {
        return home::find(shared, user, home).await.map(Some);
    }
    let (folder, name) = (shared.parts.profiles.folder.clone(), user.name().to_owned());
    let place = shared.parts.name.clone();
    let read = shared.blocking(move || files::read(&folder, &place, &name));
    let profile = read
        .await?
        .map_err(|problem| problem.at(&shared.parts.name))?;
    Ok(profile.map(|profile| Found {
        profile: Arc::new(profile),
        from: From::Home,
    }))
}

/// The profile of a user: of one whose home is here as it is kept, of `ann@core/bologna` as that place
/// has told it.
///
/// A copy is refreshed when it is older than `profiles.refresh`. While its home cannot be asked it is
/// used, and said to be stale, until it is older than `profiles.keep`.
#[utoipa::path(
    get,
    path = "/api/v1/profiles/{user}",
    tag = "sessions",
    params(
        ("user" = String, Path, description = "The user, `ann` or `ann@core/bologna`"),
        ("at" = Option<String>, Query, description = "The place to ask"),
    ),
    responses(
        (status = 200, body = ProfileInfo),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The home cannot be asked, and there is no copy that may be used", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Named(text): Named,
) -> Result<Json<ProfileInfo>, Problem> {
    let here = &shared.parts.name;
    let user = user(&shared, &text)?;
    if !caller.speaks_for(&user.to_string(), here) {
        let what = format!(
            "token `{}` is bound to another user than `{user}`, and sees only the profile of its own",
            caller.token
        );
        return Err(Kind::NotAllowed.because(what).at(here));
    }
    let found = find(&shared, &user).await?;
    let found = found.ok_or_else(|| {
        Kind::NotFound
            .because(format!(
                "there is no profile of `{user}` at {here}: put {user}.toml into the folder \
                 `profiles` of its data folder"
            ))
            .at(here)
    })?;
    Ok(Json(info(here, &user, found)))
}

fn info(here: &PlaceName, user: &User, found: Found) -> ProfileInfo {
    let (source, age, problem) = match found.from {
        From::Home => (ProfileSource::Home, None, None),
        From::Copy(age) => (ProfileSource::Copy, Some(age.into()), None),
        From::Stale(age, why) => (
            ProfileSource::Stale,
            Some(age.into()),
            Some(why.as_ref().to_owned()),
        ),
    };
    let profile = Arc::unwrap_or_clone(found.profile);
    ProfileInfo {
        user: user.name().to_owned(),
        home: user.home().unwrap_or(here).to_string(),
        source,
        age,
        problem,
        best_quality: profile.best_quality,
        terminal_bandwidth: profile.terminal_bandwidth,
        may_open: profile.may_open,
    }
}
