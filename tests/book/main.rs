//! The book, which is README.md and `docs/`: its commands work, its files are right, its links
//! lead somewhere, and its reference is that of the API.
//!
//! How a document says what of it is run is in CONTRIBUTING.md. `WAYBOOK_BOOK=docs/TRACES.md`
//! runs that document alone.

mod api;
mod links;
mod mistakes;
mod page;
mod room;
mod script;
mod settings;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use page::Page;

/// The folder that somebody who cloned the repository stands in.
fn clone() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README.md and all of `docs/`, by their names in the clone.
fn book() -> Vec<Page> {
    let docs = std::fs::read_dir(clone().join("docs")).unwrap();
    let docs = docs.map(|entry| Path::new("docs").join(entry.unwrap().file_name()));
    let mut names: Vec<PathBuf> = docs
        .filter(|name| name.extension().is_some_and(|is| is == "md"))
        .chain([PathBuf::from("README.md")])
        .collect();
    names.sort();
    let read = |name: PathBuf| {
        let text = std::fs::read_to_string(clone().join(&name)).unwrap();
        Page::read(&name.display().to_string(), &text).unwrap_or_else(|wrong| panic!("{wrong}"))
    };
    names.into_iter().map(read).collect()
}

/// Every document is one session of a shell, in a folder like a clone. Two at a time, since most
/// of it is waiting.
#[test]
fn every_command_works() {
    let only = std::env::var("WAYBOOK_BOOK").ok();
    let mut pages = book();
    pages.retain(|page| only.as_ref().is_none_or(|only| *only == page.name));
    assert!(!pages.is_empty(), "there is no {only:?}");
    let pages = Mutex::new(pages.into_iter());
    let wrong = Mutex::new(Vec::new());
    let work = || {
        loop {
            let Some(page) = pages.lock().unwrap().next() else {
                return;
            };
            let began = Instant::now();
            let failed = room::try_out(&page);
            eprintln!("{}: {} s", page.name, began.elapsed().as_secs());
            wrong.lock().unwrap().extend(failed.err());
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n\n"));
}

#[test]
fn every_link_leads_somewhere() {
    let wrong = links::wrong(&book());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Who opens the book finds every document from its first page.
#[test]
fn the_index_names_every_document() {
    let index = std::fs::read_to_string(clone().join("docs/README.md")).unwrap();
    for page in book() {
        let name = page.name.trim_start_matches("docs/");
        let named = page.name == "README.md" || name == "README.md" || index.contains(name);
        assert!(named, "docs/README.md does not link to {name}");
    }
}

/// When the API has changed on purpose, run this with `WAYBOOK_WRITE=1`: it writes the file anew.
#[test]
fn the_reference_is_that_of_the_description() {
    let file = clone().join("docs/API.md");
    let made = api::reference(&serde_json::to_value(waybook_daemon::api::document()).unwrap());
    if std::env::var_os("WAYBOOK_WRITE").is_some() {
        std::fs::write(&file, &made).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == made,
        "docs/API.md is not what the API says of itself; \
         `WAYBOOK_WRITE=1 cargo test --test book reference` writes it anew"
    );
}
