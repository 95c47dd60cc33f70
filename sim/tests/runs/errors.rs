//! What is wrong with a scenario is said with line, field and what would be right.

use waybook_sim::scenario::Scenario;

use super::{STAR, no_files};

/// What is said of the shipped scenario with one thing changed.
fn said(from: &str, to: &str) -> String {
    assert!(STAR.contains(from), "{from} is not in the scenario");
    let text = STAR.replacen(from, to, 1);
    match Scenario::from_toml(&text) {
        Err(error) => error.to_string(),
        Ok(scenario) => match scenario.layout(1, &mut no_files) {
            Err(error) => error.to_string(),
            Ok(layout) => {
                let world = waybook_sim::run::Run::new(&scenario, 1, &mut no_files);
                let error = world.expect_err("a scenario that is wrong");
                drop(layout);
                error.to_string()
            }
        },
    }
}

/// The line of the shipped scenario that has these words.
fn line(of: &str) -> String {
    let before = STAR.split(of).next().unwrap();
    format!("line {}", before.matches('\n').count() + 1)
}

#[test]
fn a_key_that_there_is_not_is_named_with_its_line() {
    let said = said("warm-up = ", "warmup = ");
    assert!(said.contains(&line("warm-up = ")), "{said}");
    assert!(
        said.contains("warmup") && said.contains("warm-up"),
        "{said}"
    );
}

#[test]
fn a_wrong_unit_is_named_with_its_line() {
    let said = said("\"10 min\"", "\"10 minutes\"");
    assert!(said.contains(&line("\"10 min\"")), "{said}");
    assert!(said.contains("min"), "{said}");
}

#[test]
fn a_wrong_demand_is_named() {
    let said = said("\"6 Mbit/s\"", "\"6 Mbps\"");
    assert!(
        said.contains("quality \"high\"") && said.contains("Mbit/s"),
        "{said}"
    );
    assert!(said.contains("line "), "{said}");
}

#[test]
fn a_class_that_the_tree_has_not_is_named_with_those_it_has() {
    let said = said("[place.root]", "[place.roof]");
    assert!(
        said.contains("place.roof") && said.contains("root, leaf"),
        "{said}"
    );
}

/// Every session was refused, and the run told it as a figure.
#[test]
fn a_best_quality_that_nothing_has_is_named_with_those_there_are() {
    let said = said(
        "name = \"viewers\"",
        "name = \"viewers\"\nbest-quality = \"ultra\"",
    );
    assert!(
        said.contains("users `viewers`: best-quality") && said.contains("high, low"),
        "{said}"
    );
}

#[test]
fn a_place_that_there_is_not_is_named() {
    let said = said("at = \"root\"", "at = \"cellar\"");
    assert!(
        said.contains("presentation `film`: at") && said.contains("cellar"),
        "{said}"
    );
}

#[test]
fn times_that_do_not_fit_are_named_both() {
    let said = said("warm-up = \"30 min\"", "warm-up = \"4 h\"");
    assert!(
        said.contains("run.warm-up") && said.contains("run.duration"),
        "{said}"
    );
}

#[test]
fn a_decision_maker_that_there_is_not_is_named_with_those_there_are() {
    let said = said(
        "[edges]",
        "[protocol]\ndecision-maker = \"oracle\"\n\n[edges]",
    );
    assert!(
        said.contains("oracle") && said.contains("best-quality"),
        "{said}"
    );
}

#[test]
fn faults_and_the_central_baseline_are_refused_together() {
    let fault = "[protocol]\nbooking = \"central\"\n\n[[fault]]\nat = \"1 h\"\ncrash = \"keep-disk\"\n\n[edges]";
    let said = said("[edges]", fault);
    assert!(said.contains("fault") && said.contains("central"), "{said}");
}

#[test]
fn a_fault_that_strikes_nothing_is_named() {
    for (target, words) in [
        ("place = \"cellar\"", ["`fault` 1", "`cellar`"]),
        ("below = \"cellar\"", ["`fault` 1", "`cellar`"]),
        ("class = \"cellar\"", ["`cellar`", "root, leaf"]),
        ("class = \"root\"", ["`fault` 1", "edge"]),
    ] {
        let fault = format!("[[fault]]\n{target}\nat = \"1 h\"\npartition = \"both\"\n\n[edges]");
        let said = said("[edges]", &fault);
        assert!(words.iter().all(|word| said.contains(word)), "{said}");
    }
}

#[test]
fn a_download_strategy_that_there_is_not_is_named_with_those_there_are() {
    let said = said("[edges]", "[protocol]\ndownload = \"fetch\"\n\n[edges]");
    assert!(
        said.contains("protocol.download") && said.contains("fetch") && said.contains("direct"),
        "{said}"
    );
}
