//! The scenario that shows every setting does so, and runs.

use toml::{Table, Value};
use waybook_sim::scenario::Scenario;

use super::run;

const EVERY: &str = include_str!("../../../configs/simulations/every-setting.toml");

/// The fields that a table of the scenario has, from what is said of one that it has not.
fn fields(way: &[&str]) -> Vec<String> {
    let mut scenario: Table = EVERY.parse().unwrap();
    let mut at = &mut scenario;
    for step in way {
        at = match &mut at[*step] {
            Value::Array(list) => list[0].as_table_mut(),
            inner => inner.as_table_mut(),
        }
        .unwrap();
    }
    at.insert("nonsense".to_owned(), 1.into());
    let said = toml::to_string(&scenario).unwrap();
    let said = Scenario::from_toml(&said).expect_err("no such field");
    let said = said.to_string();
    let (_, known) = said.split_once("expected one of ").expect(&said);
    let words = known.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// The fields that are shown of a table, over all of its elements if it is a list.
fn shown(way: &[&str]) -> Vec<String> {
    let scenario: Table = EVERY.parse().unwrap();
    let mut tables = vec![&scenario];
    for step in way {
        let inner = tables.iter().flat_map(|table| match &table[*step] {
            Value::Array(list) => list.iter().collect(),
            inner => vec![inner],
        });
        tables = inner.map(|value| value.as_table().unwrap()).collect();
    }
    let keys = tables.iter().flat_map(|table| table.keys());
    keys.cloned().collect()
}

#[test]
fn no_setting_is_left_out() {
    for way in [
        &[][..],
        &["run"],
        &["places"],
        &["edges"],
        &["protocol"],
        &["presentation"],
        &["release"],
        &["users"],
        &["fault"],
    ] {
        let (fields, shown) = (fields(way), shown(way));
        assert!(fields.len() > 3, "{way:?}: {fields:?}");
        let missing = fields.iter().find(|field| !shown.contains(field));
        assert_eq!(missing, None, "{way:?}");
    }
}

#[test]
fn it_runs_with_every_setting() {
    let scenario = Scenario::from_toml(EVERY).unwrap_or_else(|e| panic!("{e}"));
    let (summary, _) = run(&scenario, 1);
    assert!(summary.established > 20 && summary.moved > 0, "{summary:?}");
    assert_eq!(summary.blocked_by_users.len(), 2);
}
