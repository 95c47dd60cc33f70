//! Names of users with their homes.

use proptest::prelude::*;
use waybook_location_tree::PlaceName;
use waybook_plan::User;

fn place(text: &str) -> PlaceName {
    PlaceName::new(text).unwrap()
}

#[test]
fn a_place_behind_the_last_at_is_the_home() {
    for (text, name, home) in [
        ("ann", "ann", None),
        ("ann@core", "ann", Some("core")),
        ("ann@core/bologna", "ann", Some("core/bologna")),
        ("ann@example.org", "ann@example.org", None),
        ("ann@example.org@core", "ann@example.org", Some("core")),
        ("Ann Ø.-_@core-2", "Ann Ø.-_", Some("core-2")),
        ("ann@", "ann@", None),
        ("ann@Core", "ann@Core", None),
    ] {
        let user = User::new(text).unwrap();
        assert_eq!(user.name(), name, "{text}");
        assert_eq!(user.home().map(PlaceName::as_str), home, "{text}");
        assert_eq!(user.to_string(), text);
    }
}

#[test]
fn what_is_no_user_is_refused_with_what_would_be() {
    let long = "x".repeat(65);
    let longer = format!("ann@{}", "core/".repeat(60));
    for (text, said) in [
        ("", "letters"),
        (".ann", "letters"),
        ("../ann", "letters"),
        ("a/b", "letters"),
        ("a\nb", "letters"),
        (&long, "up to 64"),
        ("@core", "letters"),
        ("a/b@core", "letters"),
        ("ann@core//x", "not a label"),
        ("ann@Core/x", "not a label"),
        ("ann@core/", "not a label"),
        ("ann@core@core/x", "one home"),
        (&longer, "at most 240"),
    ] {
        let error = User::new(text).expect_err(text).to_string();
        assert!(error.contains(said), "{text}: {error}");
    }
}

proptest! {
    #[test]
    fn a_name_reads_as_what_it_is_written(text in "[a-b@/. -]{0,12}|\\PC{0,20}") {
        if let Ok(user) = User::new(&text) {
            prop_assert_eq!(user.to_string(), text);
        }
    }

    /// A user who is called by one name at home is no other one there.
    #[test]
    fn at_home_the_own_name_is_enough(text in "[ab@.]{1,8}@(core|core/x)") {
        if let Ok(user) = User::new(&text) {
            let home = user.home().expect("it has one").clone();
            let at_home = user.clone().at(&home);
            prop_assert_eq!(at_home.to_string(), user.name());
            prop_assert_eq!(User::new(user.name()), Ok(at_home));
            prop_assert_eq!(user.clone().at(&place("core/y")), user);
        }
    }
}
