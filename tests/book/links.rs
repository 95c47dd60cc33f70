//! Where the links of the book lead.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::clone;
use crate::page::Page;

/// The lines outside of blocks, each with its number.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut inside = false;
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = !inside;
        } else if !inside {
            lines.push((at + 1, line));
        }
    }
    lines
}

/// What headings are linked by, as GitHub and mdBook make it.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::<String, usize>::new();
    let headings = prose(text)
        .into_iter()
        .filter(|(_, line)| line.starts_with('#'));
    let named = headings.map(|(_, line)| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let name: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = seen.entry(name.clone()).or_default();
        *times += 1;
        match *times {
            1 => name,
            more => format!("{name}-{}", more - 1),
        }
    });
    named.collect::<BTreeSet<_>>()
}

/// The links that lead nowhere.
pub(crate) fn wrong(pages: &[Page]) -> Vec<String> {
    let mut wrong = Vec::new();
    for page in pages {
        let text = page.lines.join("\n");
        let here = clone().join(&page.name);
        for (number, line) in prose(&text) {
            for link in line.split("](").skip(1) {
                let Some((link, _)) = link.split_once(')') else {
                    continue;
                };
                if link.contains("://") || link.starts_with("mailto:") {
                    continue;
                }
                if let Some(why) = leads_nowhere(&here, link) {
                    wrong.push(format!("{}:{number}: `{link}`: {why}", page.name));
                }
            }
        }
    }
    wrong
}

fn leads_nowhere(from: &Path, link: &str) -> Option<String> {
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let to = match file {
        "" => from.to_owned(),
        file => from.parent().unwrap().join(file),
    };
    if !to.exists() {
        return Some("there is no such file".to_owned());
    }
    if anchor.is_empty() {
        return None;
    }
    let there = anchors(&fs::read_to_string(to).unwrap_or_default());
    (!there.contains(anchor)).then(|| format!("no such heading; there are {there:?}"))
}

#[test]
fn headings_are_linked_as_they_are_elsewhere() {
    let text = "# A `b`, and C\n```sh\n# no heading\n```\n## Why?\n## Why?\n";
    let wanted = ["a-b-and-c", "why", "why-1"].map(str::to_owned);
    assert_eq!(anchors(text), BTreeSet::from(wanted));
}

#[test]
fn links_that_lead_nowhere_are_named() {
    let text = "[a](ARCHITECTURE.md#rooms) [b](NOTHING.md) and\n[c](ARCHITECTURE.md#nothing)\n";
    let page = Page::read("docs/X.md", text).unwrap();
    let wrong = wrong(&[page]);
    assert_eq!(wrong.len(), 2, "{wrong:?}");
    assert!(
        wrong[0].starts_with("docs/X.md:1: `NOTHING.md`"),
        "{wrong:?}"
    );
    assert!(wrong[1].starts_with("docs/X.md:2: "), "{wrong:?}");
}
