//! Names of users, with the place where their profile is kept.

use std::fmt;

use waybook_location_tree::{NameError, PlaceName};

use crate::Profile;
use crate::text::quote;

/// The name of a user: `ann`, of the place where it is said, or `ann@core/bologna`, of another one.
///
/// What stands behind the last `@` is the *home*, the place that keeps the profile, if it is a place's
/// name. Else it is part of the user's own name: `ann@example.org` is a user of the place where that is
/// said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct User {
    name: String,
    home: Option<PlaceName>,
}

/// Why a text is no user's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// The user's own name is not as it must be.
    #[error(
        "{} is no user's name: use up to {most} letters, digits, `-`, `_`, `.`, `@` and spaces, not \
         beginning with a dot; behind the last `@` may be the place that keeps the profile, as in \
         `ann@core/bologna`", quote(.0), most = Profile::MAX_NAME
    )]
    Name(String),
    /// What stands behind the `@` has a `/`, and is no place's name.
    #[error("the home of {} is no place: {why}", quote(user))]
    Home {
        /// The whole text.
        user: String,
        /// What is wrong with it.
        why: NameError,
    },
    /// There are two homes.
    #[error("{} names two places; a user has one home", quote(.0))]
    Homes(String),
    /// It is longer than [`User::MAX`].
    #[error("{} has {} bytes with its home; at most {} are allowed", quote(.0), .0.len(), User::MAX)]
    Long(String),
}

impl User {
    /// Greatest length with the home, in bytes. It fits the name of a file, and a header.
    pub const MAX: usize = 240;

    /// Reads a name.
    ///
    /// # Errors
    /// [`UserError`] says what is wrong, and what is allowed.
    pub fn new(text: &str) -> Result<Self, UserError> {
        if text.len() > Self::MAX {
            return Err(UserError::Long(text.to_owned()));
        }
        let (name, home) = split(text).map_err(|why| UserError::Home {
            user: text.to_owned(),
            why,
        })?;
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | ' ');
        let right = !name.is_empty()
            && name.len() <= Profile::MAX_NAME
            && !name.starts_with('.')
            && name.chars().all(plain);
        // At its home it goes by its own name, which must not name another one there.
        let two = home.is_some() && !matches!(split(name), Ok((_, None)));
        match (two, right) {
            (true, _) => Err(UserError::Homes(text.to_owned())),
            (false, false) => Err(UserError::Name(text.to_owned())),
            (false, true) => Ok(Self {
                name: name.to_owned(),
                home,
            }),
        }
    }

    /// The user's own name, by which the home knows them.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The place that keeps the profile; none if it is the one where the name is said.
    #[must_use]
    pub fn home(&self) -> Option<&PlaceName> {
        self.home.as_ref()
    }

    /// The same user as that place calls them: without the home if it is that place itself.
    #[must_use]
    pub fn at(mut self, place: &PlaceName) -> Self {
        if self.home.as_ref() == Some(place) {
            self.home = None;
        }
        self
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.home {
            None => f.write_str(&self.name),
            Some(home) => write!(f, "{}@{home}", self.name),
        }
    }
}

/// The two sides of the last `@`, if there is a home behind it.
fn split(text: &str) -> Result<(&str, Option<PlaceName>), NameError> {
    let Some((name, home)) = text.rsplit_once('@') else {
        return Ok((text, None));
    };
    match PlaceName::new(home) {
        Ok(home) => Ok((name, Some(home))),
        Err(error) if home.contains('/') => Err(error),
        Err(_) => Ok((text, None)),
    }
}
