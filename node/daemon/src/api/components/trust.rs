//! Whether a place would run a release, and why.

use waybook_place::Trust;
use waybook_plan::{PublisherKey, Release};

/// Judges a release by what the operator chose: the reason why it is trusted, or why it
/// is not and what would help.
pub(super) fn judge(release: &Release, trust: &Trust) -> Result<String, String> {
    if release.signature.is_some() {
        release
            .verify_signature()
            .map_err(|error| error.to_string())?;
    }
    publisher(release.publisher(), trust)
}

/// Judges by the publisher alone, who may not have signed that very release.
pub(super) fn publisher(key: Option<&[u8; 32]>, trust: &Trust) -> Result<String, String> {
    let Some(key) = key else {
        return if trust.unsigned {
            Ok("nobody signed it, and the place's `code.unsigned` allows that".to_owned())
        } else {
            Err(
                "nobody signed it: sign it (`waybook component add --key FILE`) with a key that \
                 the place's `code.trust` names"
                    .to_owned(),
            )
        };
    };
    let known = trust.publishers.contains(key);
    let key = PublisherKey(*key);
    if known {
        return Ok(format!(
            "{key} signed it, whom the place's `code.trust` names"
        ));
    }
    if trust.unsigned {
        return Ok(format!(
            "{key} signed it, whom the place's `code.trust` does not name; its `code.unsigned` \
             allows that"
        ));
    }
    Err(format!(
        "{key} signed it, whom the place's `code.trust` does not name: add \"{key}\" there if its \
         code may run here"
    ))
}
