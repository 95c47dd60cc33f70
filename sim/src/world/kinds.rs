//! What places of one kind are told alike, kept once for all of them.

use std::sync::Arc;

use waybook_location_tree::PlaceName;
use waybook_place::{Common, Settings};

use crate::Setting;
use crate::setting::PlaceSetting;

/// Kinds that are remembered. Places that are settled by hand are few; those that a
/// generator makes are of few kinds.
const REMEMBERED: usize = 8;

/// The kinds that were seen last, each with a place of that kind.
#[derive(Debug, Default)]
pub(super) struct Kinds(Vec<(PlaceName, Arc<Common>)>);

impl Kinds {
    /// The settings of a place.
    pub(super) fn settings(&mut self, setting: &Setting, name: &PlaceName) -> Settings {
        let place = &setting.places[name];
        let known = self.0.iter().find(|(like, _)| {
            setting
                .places
                .get(like)
                .is_some_and(|like| are_alike(like, place))
        });
        let common = match known {
            Some((_, common)) => Arc::clone(common),
            None => {
                let common = Settings::from(setting.config(name)).common;
                if self.0.len() == REMEMBERED {
                    self.0.remove(0);
                }
                self.0.push((name.clone(), Arc::clone(&common)));
                common
            }
        };
        Settings {
            name: name.clone(),
            common,
        }
    }
}

/// Whether two places are told the same but for their names.
fn are_alike(a: &PlaceSetting, b: &PlaceSetting) -> bool {
    let PlaceSetting {
        capacity,
        programs,
        presentations: _,
        code,
        repository,
        disk: _,
        edge: _,
        link: _,
        machine: _,
    } = a;
    (capacity, programs, code, repository) == (&b.capacity, &b.programs, &b.code, &b.repository)
}
