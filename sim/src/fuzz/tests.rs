use super::*;

#[test]
fn a_case_is_what_its_file_says() {
    for seed in 0..200 {
        let case = draw(seed);
        assert_eq!(Case::from_toml(&case.to_toml()), Ok(case), "seed {seed}");
    }
}

#[test]
fn a_seed_is_one_case_and_a_case_is_one_run() {
    for seed in 0..20 {
        let runs = [(); 2].map(|()| execute(&draw(seed), true).unwrap().tally);
        assert_eq!(runs[0], runs[1], "seed {seed}");
        // The transcript changes nothing.
        assert_eq!(runs[0], execute(&draw(seed), false).unwrap().tally);
    }
}

#[test]
fn what_is_wrong_in_a_file_is_said() {
    let mut case = draw(1);
    case.clients[0].at = "nowhere".to_owned();
    let wrong = execute(&case, false).unwrap_err();
    assert!(
        wrong.contains("`clients`: there is no place `nowhere`"),
        "{wrong}"
    );
}

/// A drawn fault at a kind of message that the one who carried it out did not know struck
/// nothing, and nobody was told.
#[test]
fn a_kind_of_message_that_there_is_not_is_said() {
    let struck = |act: &mut case::Act| match act {
        case::Act::Message { kind, .. } => kind.take(),
        _ => None,
    };
    let mut case = (0..).map(draw).find_map(|mut case| {
        let mut acts = case.acts.iter_mut();
        acts.any(|timed| struck(&mut timed.act).is_some())
            .then_some(case)
    });
    let case = case.as_mut().unwrap();
    for timed in &mut case.acts {
        if let case::Act::Message { kind, .. } = &mut timed.act {
            *kind = Some("vist".to_owned());
        }
    }
    let wrong = execute(case, false).unwrap_err();
    assert!(
        wrong.contains("of the kind `vist`; there are visit, "),
        "{wrong}"
    );
}
