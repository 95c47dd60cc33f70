//! The places of a journey in a few lines of text.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use waybook_location_tree::PlaceName;

use super::recording::Recording;
use super::step::What;

/// What became of a session at a place.
#[derive(Debug, Default)]
struct Mark {
    role: Vec<String>,
    /// What was held here last, and whether it was established.
    held: Option<(String, bool)>,
    refused: Vec<u16>,
    crashed: bool,
}

impl Mark {
    fn sign(&self) -> char {
        match &self.held {
            Some((_, true)) => '●',
            Some((_, false)) => '○',
            None if !self.refused.is_empty() => '×',
            None => '·',
        }
    }

    fn says(&self) -> String {
        let mut parts = self.role.clone();
        match &self.held {
            Some((demand, true)) => parts.push(format!("booked {demand}")),
            Some((demand, false)) => parts.push(format!("held {demand} for a while")),
            None => {}
        }
        match self.refused.as_slice() {
            [] => {}
            [one] => parts.push(format!("refused solution {one}")),
            all => {
                let all: Vec<_> = all.iter().map(u16::to_string).collect();
                parts.push(format!("refused solutions {}", all.join(", ")));
            }
        }
        if self.crashed {
            parts.push("crashed".to_owned());
        }
        parts.join("; ")
    }
}

/// The places of a recording as a tree, each with what became of the session there: `●` for a
/// booking that was established, `○` for one that was only held, `×` for nothing but refusals
/// and `·` for a place that was merely passed.
#[must_use]
pub fn drawing(recording: &Recording) -> String {
    let marks = marks(recording);
    let places = &recording.places;
    let none = Mark::default();
    let mut lines = Vec::new();
    for (number, place) in places.iter().enumerate() {
        let mark = marks.get(place).unwrap_or(&none);
        let name = branch(places, number);
        lines.push((name, mark.sign(), mark.says()));
    }
    let widest = lines.iter().map(|(name, ..)| name.chars().count()).max();
    let widest = widest.unwrap_or(0);
    let mut text = String::new();
    for (name, sign, says) in lines {
        let line = format!("{name:<widest$}  {sign} {says}");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// A place's name behind the branches that lead to it.
fn branch(places: &[PlaceName], number: usize) -> String {
    let place = &places[number];
    let Some(top) = places.first().filter(|top| *top != place) else {
        return place.to_string();
    };
    // Whether anything comes after it under the same parent.
    let goes_on = |place: &PlaceName| {
        let Some(parent) = place.parent() else {
            return false;
        };
        let after = places.iter().filter(|other| *other > place);
        let mut others = after.filter(|other| other.parent().as_ref() == Some(&parent));
        others.next().is_some()
    };
    let mut text = if goes_on(place) { "├─ " } else { "└─ " }.to_owned();
    let mut above = place.parent();
    while let Some(place) = above.filter(|above| above != top) {
        let through = if goes_on(&place) { "│  " } else { "   " };
        text.insert_str(0, through);
        above = place.parent();
    }
    text + place.label()
}

fn marks(recording: &Recording) -> BTreeMap<PlaceName, Mark> {
    let mut marks: BTreeMap<PlaceName, Mark> = BTreeMap::new();
    for (_, solutions) in recording.plans() {
        for solution in solutions {
            let ends = [
                (solution.path.first(), "client"),
                (solution.path.last(), "server"),
            ];
            for (place, role) in ends {
                let Some(place) = place else {
                    continue;
                };
                let mark = marks.entry(place.clone()).or_default();
                if !mark.role.iter().any(|known| known == role) {
                    mark.role.push(role.to_owned());
                }
            }
        }
    }
    for step in &recording.steps {
        let mark = marks.entry(step.place.clone()).or_default();
        match &step.what {
            What::Holds { demand, .. } | What::FallsBack { demand, .. } => {
                mark.held = Some((demand.to_string(), false));
            }
            What::Establishes { .. } | What::Restores { .. } => {
                if let Some((_, established)) = &mut mark.held {
                    *established = true;
                }
            }
            What::Refuses { solution, .. } if !mark.refused.contains(solution) => {
                mark.refused.push(*solution);
            }
            What::Crashes => mark.crashed = true,
            _ => {}
        }
    }
    marks
}
