//! Trees from lists of names.

use waybook_sim::topology::{Classes, NamesRule, Repeated, from_names};

use super::names as names_of;

fn made(text: &str, rule: &NamesRule) -> (Vec<String>, Vec<String>) {
    let (topology, notes) = from_names(text, rule).unwrap();
    (names_of(&topology), notes)
}

fn refused(text: &str, rule: &NamesRule) -> String {
    from_names(text, rule).unwrap_err().to_string()
}

#[test]
fn missing_ancestors_are_added() {
    let text =
        "\u{feff}# Italy\nit/emilia-romagna/bologna\r\n\nit/Emilia Romagna/Forlì\nit/lazio\n";
    let (names, notes) = made(text, &NamesRule::default());
    assert_eq!(
        names,
        [
            "it",
            "it/emilia-romagna",
            "it/emilia-romagna/bologna",
            "it/emilia-romagna/forli",
            "it/lazio"
        ]
    );
    assert_eq!(notes, ["2 places above others had no line and are added"]);
}

#[test]
fn names_that_begin_differently_get_a_root() {
    let (names, notes) = made("it/rome\nfr/paris\n", &NamesRule::default());
    assert_eq!(
        names,
        [
            "root",
            "root/fr",
            "root/fr/paris",
            "root/it",
            "root/it/rome"
        ]
    );
    assert!(notes[0].contains("`root` is above"), "{notes:?}");
    let rule = NamesRule {
        root: Some("The World".to_owned()),
        classes: Classes::Depth,
        ..NamesRule::default()
    };
    let (topology, _) = from_names("it/rome\n", &rule).unwrap();
    assert_eq!(
        names_of(&topology),
        ["the-world", "the-world/it", "the-world/it/rome"]
    );
    assert_eq!(topology.class(&topology.places()[2]), "level-2");
}

#[test]
fn columns_of_a_csv_are_the_parts() {
    let rule = NamesRule {
        columns: ["country", "region", "city"].map(str::to_owned).to_vec(),
        ..NamesRule::default()
    };
    let text = "City,id,Country,Region\n\"Biel/Bienne\",1,CH,\"Bern, Canton\"\nZug,2,CH,\n";
    let (names, _) = made(text, &rule);
    assert_eq!(
        names,
        [
            "ch",
            "ch/bern-canton",
            "ch/bern-canton/biel-bienne",
            "ch/zug"
        ]
    );
    let error = refused("a,b\n1,2\n", &rule);
    assert!(
        error.starts_with("line 1: there is no column `country`; there are `a`, `b`"),
        "{error}"
    );
    let error = refused("country,region,city\nx,y,z\n\na,b\n", &rule);
    assert!(
        error.starts_with("line 4: here are 2 fields, and the header has 3"),
        "{error}"
    );
}

#[test]
fn what_is_there_twice_is_merged_numbered_or_refused() {
    let text = "a/b\na/B\na/b-2\na/b/c\na/b\n";
    let by = |duplicates| NamesRule {
        duplicates,
        ..NamesRule::default()
    };
    let (names, notes) = made(text, &by(Repeated::Merge));
    assert_eq!(names, ["a", "a/b", "a/b/c", "a/b-2"]);
    assert!(
        notes[0].starts_with("2 lines give a name again"),
        "{notes:?}"
    );
    let (names, notes) = made(text, &by(Repeated::Number));
    assert_eq!(names, ["a", "a/b", "a/b/c", "a/b-2", "a/b-3", "a/b-4"]);
    assert!(notes[0].starts_with("2 places are numbered"), "{notes:?}");
    let error = refused(text, &by(Repeated::Refuse));
    assert!(
        error.starts_with("line 2: this is the same place as line 1, `a/b`"),
        "{error}"
    );
}

#[test]
fn the_order_of_lines_makes_no_difference() {
    let lines = ["x/b/c", "x/a", "x/b-2/q", "x/b", "x/a/z"];
    let forth = made(&lines.join("\n"), &NamesRule::default());
    let mut back = lines;
    back.reverse();
    assert_eq!(forth, made(&back.join("\n"), &NamesRule::default()));
}

#[test]
fn bad_lists_are_refused_with_the_line() {
    let rule = NamesRule::default();
    assert!(refused("\n# nothing\n", &rule).contains("no name in the list"));
    assert!(refused("a/b\na/?/c\n", &rule).starts_with("line 2: nothing of `?`"));
    let deep = format!("a\n{}\n", "a/".repeat(33));
    assert!(
        refused(&deep, &rule).starts_with("line 2: this name has 33 labels"),
        "{}",
        refused(&deep, &rule)
    );
    let long = format!("a\n{}\n", format!("{}/", "x".repeat(60)).repeat(5));
    assert!(refused(&long, &rule).contains("names have at most 32 and 253"));
}
