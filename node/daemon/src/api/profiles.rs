//! Profiles by user name, one file each.

use std::path::Path;

use waybook_plan::Profile;

use super::model::{OpenForm, ProfileForm};
use super::rights::Caller;
use super::{Kind, Problem};

/// The profile that an open is to be planned for.
pub(super) fn profile(folder: &Path, form: &OpenForm, caller: &Caller) -> Result<Profile, Problem> {
    if form.user.is_some() && form.profile.is_some() {
        return Err(Kind::Invalid.because("give either `user` or `profile`, not both"));
    }
    if let Some(user) = &caller.user {
        return bound(folder, form, user, &caller.token);
    }
    match (&form.user, &form.profile) {
        (_, Some(profile)) => Ok(sent(profile)),
        (Some(user), None) => read(folder, user)?.ok_or_else(|| {
            Kind::NotFound.because(format!(
                "there is no profile of `{user}` at the client's place: put {user}.toml into its \
                 folder of profiles, or send a profile along"
            ))
        }),
        (None, None) => {
            let anybody = Profile::default();
            Ok(read(folder, &anybody.user)?.unwrap_or(anybody))
        }
    }
}

/// The profile of the user that a token is bound to. What the client sends along can say less than
/// the one that is kept here, and no more: the token's holder is not who gives rights.
fn bound(folder: &Path, form: &OpenForm, user: &str, token: &str) -> Result<Profile, Problem> {
    let claimed = form.user.as_ref();
    let claimed = claimed.or(form.profile.as_ref().map(|profile| &profile.user));
    if claimed.is_some_and(|claimed| claimed != user) {
        return Err(Kind::NotAllowed.because(format!(
            "token `{token}` is bound to `{user}`, and opens for nobody else: leave the user out, \
             or ask with another token"
        )));
    }
    let kept = read(folder, user)?;
    Ok(match (kept, form.profile.as_ref().map(sent)) {
        (None, None) => Profile {
            user: user.to_owned(),
            ..Profile::default()
        },
        (Some(kept), None) => kept,
        (None, Some(sent)) => sent,
        (Some(kept), Some(sent)) => Profile {
            best_quality: kept.best_quality.or(sent.best_quality),
            terminal_bandwidth: match (kept.terminal_bandwidth, sent.terminal_bandwidth) {
                (Some(kept), Some(sent)) => Some(kept.min(sent)),
                (kept, sent) => kept.or(sent),
            },
            ..kept
        },
    })
}

/// A profile that was sent along.
fn sent(profile: &ProfileForm) -> Profile {
    Profile {
        user: profile.user.clone(),
        best_quality: profile.best_quality.clone(),
        terminal_bandwidth: profile.terminal_bandwidth,
        may_open: profile.may_open.clone(),
    }
}

/// Refuses what is no user's name.
pub(super) fn check_user(user: &str) -> Result<(), Problem> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | ' ');
    if user.is_empty() || user.len() > 64 || user.starts_with('.') || !user.chars().all(plain) {
        return Err(Kind::Invalid.because(format!(
            "`{user}` is no user's name: use up to 64 letters, digits, `-`, `_`, `.`, `@` and \
             spaces, not beginning with a dot"
        )));
    }
    Ok(())
}

/// A user's file, if there is one.
fn read(folder: &Path, user: &str) -> Result<Option<Profile>, Problem> {
    check_user(user)?;
    let path = folder.join(format!("{user}.toml"));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Kind::Invalid.because(format!("{}: {error}", path.display())));
        }
    };
    let profile = Profile::from_toml(&text)
        .map_err(|error| Kind::Invalid.because(format!("{}: {error}", path.display())))?;
    if profile.user != user {
        return Err(Kind::Invalid.because(format!(
            "{} is the profile of `{}`, not of `{user}`",
            path.display(),
            profile.user
        )));
    }
    Ok(Some(profile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("profiles")).unwrap();
        std::fs::write(folder.path().join("anna.toml"), "user = \"anna\"").unwrap();
        let profiles = folder.path().join("profiles");
        for user in ["../anna", "/etc/passwd", "", ".", "..", "a/b", "a\0b"] {
            let error = read(&profiles, user).unwrap_err();
            assert_eq!(error.status, 422, "{user}");
        }
        assert_eq!(read(&profiles, "anna").unwrap(), None);
    }
}
