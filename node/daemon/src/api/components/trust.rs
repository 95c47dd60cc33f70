//! Whether a place would run a release, and why.

use waybook_place::Trust;
use waybook_plan::{PublisherKey, Release};

/// Judges a release by what the operator chose: the reason why it is trusted, or why it
/// is not and what would help.
pub(super) fn judge(release: &Release, trust: &Trust) -> Result<String, String> {
    let Some(key) = release.publisher() else {
        return if trust.unsigned {
            Ok("nobody signed it, and the place's `code.unsigned` allows that".to_owned())
        } else {
            Err(format!(
                "nobody signed {}: sign it (`waybook component add --key FILE`) with a key that \
                 the place's `code.trust` names",
                release.reference()
            ))
        };
    };
    release
        .verify_signature()
        .map_err(|error| error.to_string())?;
    let key = PublisherKey(*key);
    if trust.publishers.contains(&key.0) {
        return Ok(format!(
            "{key} signed it, whom the place's `code.trust` names"
        ));
    }
    if trust.unsigned {
        return Ok(format!(
            "{key} signed it, whom the place's `code.trust` does not name; its \
             `code.unsigned` allows that"
        ));
    }
    Err(format!(
        "{key} signed {}, whom the place's `code.trust` does not name: add \"{key}\" there if its \
         code may run here",
        release.reference()
    ))
}
