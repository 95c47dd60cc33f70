//! Which profile an open is planned for.

use std::sync::Arc;

use waybook_plan::{Profile, User};

use super::{called, find, user};
use crate::api::model::{OpenForm, ProfileForm};
use crate::api::rights::Caller;
use crate::api::{Kind, Problem, Shared};

/// The profile that an open is to be planned for.
pub(in crate::api) async fn profile(
    shared: &Arc<Shared>,
    form: &OpenForm,
    caller: &Caller,
) -> Result<Profile, Problem> {
    if form.user.is_some() && form.profile.is_some() {
        return Err(Kind::Invalid.because("give either `user` or `profile`, not both"));
    }
    if let Some(bound_to) = &caller.user {
        return bound(shared, form, &user(shared, bound_to)?, &caller.token).await;
    }
    match (&form.user, &form.profile) {
        (_, Some(profile)) => Ok(sent(shared, profile)),
        (Some(text), None) => {
            let user = user(shared, text)?;
            kept(shared, &user).await?.ok_or_else(|| nowhere(&user))
        }
        (None, None) => {
            let anybody = Profile::default();
            let kept = kept(shared, &user(shared, &anybody.user)?).await?;
            Ok(kept.unwrap_or(anybody))
        }
    }
}

fn nowhere(user: &User) -> Problem {
    let home = match user.name().contains('@') {
        true => {
            "; what stands behind its `@` is no place's name, so its home is the client's place"
        }
        false => "",
    };
    Kind::NotFound.because(format!(
        "there is no profile of `{user}` at the client's place: put {user}.toml into its folder of \
         profiles, name the place that keeps it (`{name}@core/bologna`), or send a profile \
         along{home}",
        name = user.name()
    ))
}

/// The profile that is kept of a user, here or at their home, by the name that they have here.
async fn kept(shared: &Arc<Shared>, user: &User) -> Result<Option<Profile>, Problem> {
    let found = find(shared, user).await?;
    Ok(found.map(|found| Profile {
        user: user.to_string(),
        ..Arc::unwrap_or_clone(found.profile)
    }))
}

/// The profile of the user that a token is bound to. What the client sends along can say less than
/// the one that is kept, and no more: the token's holder is not who gives rights.
async fn bound(
    shared: &Arc<Shared>,
    form: &OpenForm,
    user: &User,
    token: &str,
) -> Result<Profile, Problem> {
    let claimed = form.user.as_ref();
    let claimed = claimed.or(form.profile.as_ref().map(|profile| &profile.user));
    let name = user.to_string();
    if claimed.is_some_and(|claimed| called(claimed, &shared.parts.name) != name) {
        return Err(Kind::NotAllowed.because(format!(
            "token `{token}` is bound to `{user}`, and opens for nobody else: leave the user out, \
             or ask with another token"
        )));
    }
    let sent = form.profile.as_ref().map(|profile| sent(shared, profile));
    Ok(match (kept(shared, user).await?, sent) {
        (None, None) => Profile {
            user: name,
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
fn sent(shared: &Shared, profile: &ProfileForm) -> Profile {
    Profile {
        user: called(&profile.user, &shared.parts.name),
        best_quality: profile.best_quality.clone(),
        terminal_bandwidth: profile.terminal_bandwidth,
        may_open: profile.may_open.clone(),
    }
}
