//! The profiles of this place's own users, one file each.

use std::path::Path;

use waybook_location_tree::PlaceName;
use waybook_plan::{Profile, User};

use crate::api::{Kind, Problem};

/// The profile of a user whose home this place is, if there is one. Blocks.
///
/// The file is named as seen from the data folder: whoever asks may be another place.
pub(super) fn read(
    folder: &Path,
    here: &PlaceName,
    user: &str,
) -> Result<Option<Profile>, Problem> {
    let file = format!("`profiles/{user}.toml` of {here}");
    let wrong = |what: String| Kind::Invalid.because(format!("{file}: {what}"));
    let text = match std::fs::read_to_string(folder.join(format!("{user}.toml"))) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let mut profile = Profile::from_toml(&text).map_err(|error| wrong(error.to_string()))?;
    let named = User::new(&profile.user).map(|named| named.at(here).to_string());
    if named.as_deref() != Ok(user) {
        return Err(wrong(format!(
            "is the profile of `{}`, not of `{user}`",
            profile.user
        )));
    }
    user.clone_into(&mut profile.user);
    Ok(Some(profile))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let here = PlaceName::new("core").unwrap();
        let write = |user: &str, text: &str| {
            std::fs::write(folder.path().join(format!("{user}.toml")), text).unwrap();
        };
        let said = |user: &str| read(folder.path(), &here, user).unwrap_err().detail;
        assert_eq!(read(folder.path(), &here, "ann").unwrap(), None);
        write("ann", "user = 'ann'\nmay-open = 7");
        assert!(said("ann").starts_with("`profiles/ann.toml` of core: line 2"));
        write("ann", "user = 'bob'");
        assert!(said("ann").ends_with("is the profile of `bob`, not of `ann`"));
        write("ann", "user = 'ann@core/x'");
        assert!(said("ann").contains("ann@core/x"));
        write("ann", "user = 'ann@core'");
        assert_eq!(
            read(folder.path(), &here, "ann").unwrap().unwrap().user,
            "ann"
        );
    }
}
