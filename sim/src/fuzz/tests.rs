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
    let struck = |act: &mut Act| match act {
        Act::Message { kind, .. } => kind.take(),
        _ => None,
    };
    let mut case = (0..).map(draw).find_map(|mut case| {
        let mut acts = case.acts.iter_mut();
        acts.any(|timed| struck(&mut timed.act).is_some())
            .then_some(case)
    });
    let case = case.as_mut().unwrap();
    for timed in &mut case.acts {
        if let Act::Message { kind, .. } = &mut timed.act {
            *kind = Some("vist".to_owned());
        }
    }
    let wrong = execute(case, false).unwrap_err();
    assert!(
        wrong.contains("of the kind `vist`; there are visit, "),
        "{wrong}"
    );
}

/// What an act is to do was text, and what nobody knew did something else instead.
#[test]
fn a_word_that_there_is_not_is_said() {
    let text = draw(1).to_toml();
    let act = |act: &str| {
        let case = Case::from_toml(&format!("{text}\n[[acts]]\nat-ms = 1\n{act}"));
        case.and_then(|case| execute(&case, false)).unwrap_err()
    };
    for (wrong, known) in [
        ("do = 'message'\nnth = 1\nhow = 'dorp'\nby-ms = 1", "`drop`"),
        (
            "do = 'component'\nname = 'relay'\nhow = 'silnt'\nafter-ms = 1",
            "`silent`",
        ),
        ("do = 'mute'\nplace = 'r'\nway = 'uo'\nfor-ms = 1", "`up`"),
        ("do = 'order'\nplace = 'r'\norder = 'ad'\ncode = 0", "`add`"),
        (
            "do = 'trouble'\nplace = 'r'\ncode = 0\nhow = 'dirps'\nchunk = 1",
            "`drips`",
        ),
        ("do = 'crsh'", "`crash`"),
        (
            "do = 'step'\nplace = 'r'\nby-ms = 1\nfor-ms = 1",
            "`for-ms`",
        ),
    ] {
        let said = act(wrong);
        assert!(said.contains(known), "{wrong}: {said}");
    }
    let mut case = draw(1);
    case.decision_maker = "nearst".to_owned();
    let said = execute(&case, false).unwrap_err();
    assert!(
        said.contains("`decision-maker`: there is no Decision Maker `nearst`; there are"),
        "{said}"
    );
    let mut case = draw(1);
    case.places[0].download = "dirct".to_owned();
    let said = execute(&case, false).unwrap_err();
    assert!(
        said.contains("no download strategy `dirct`; there are"),
        "{said}"
    );
}
