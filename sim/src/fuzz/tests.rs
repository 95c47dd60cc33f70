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
