//! What is fuzzed: a function for each target, for libFuzzer and for a test on stable that
//! replays the corpora.

#![forbid(unsafe_code)]

#[cfg(feature = "api")]
mod api;
mod configuration;
#[cfg(feature = "daemon")]
mod daemon;
mod decoders;
mod place;
#[cfg(feature = "sim")]
mod simulator;

use waybook_guest_cap_quality::playlist;

/// A target: takes whatever bytes, and panics if something is wrong.
pub type Target = fn(&[u8]);

/// Every target by name.
pub const TARGETS: &[(&str, Target)] = &[
    ("cut_frames", decoders::cut),
    ("decode_envelope", decoders::envelope),
    ("decode_hello", decoders::hello),
    ("decode_record", decoders::record),
    ("decode_transfer", decoders::transfer),
    ("manifest", configuration::manifest),
    ("place_handle", place::handle),
    ("playlist", cap),
    ("presentation", configuration::presentation),
    ("profile", configuration::profile),
    #[cfg(feature = "api")]
    ("api_bodies", api::bodies),
    #[cfg(feature = "daemon")]
    ("certificate", daemon::files::certificate),
    #[cfg(feature = "daemon")]
    ("component", daemon::code::component),
    #[cfg(feature = "daemon")]
    ("control", daemon::requests::control),
    #[cfg(feature = "daemon")]
    ("gateway", daemon::requests::gateway),
    #[cfg(feature = "daemon")]
    ("neighbour", daemon::requests::neighbour),
    #[cfg(feature = "daemon")]
    ("newcomer", daemon::newcomers::newcomer),
    #[cfg(feature = "daemon")]
    ("place_file", daemon::files::place),
    #[cfg(feature = "daemon")]
    ("topology", daemon::files::topology),
    #[cfg(feature = "daemon")]
    ("transfer_in", daemon::transfers::incoming),
    #[cfg(feature = "daemon")]
    ("transfer_out", daemon::transfers::outgoing),
    #[cfg(feature = "sim")]
    ("graph", simulator::graph),
    #[cfg(feature = "sim")]
    ("scenario", simulator::scenario),
    #[cfg(feature = "sim")]
    ("sweep", simulator::sweep),
    #[cfg(feature = "sim")]
    ("tree", simulator::tree),
];

/// Runs a target.
///
/// # Panics
/// If there is none of that name, or it finds something.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let (_, target) = target.unwrap_or_else(|| panic!("there is no target {name}"));
    target(bytes);
}

/// A master playlist with and without what is too good: what is left is part of what there
/// was, line by line, and capping it again changes nothing.
fn cap(bytes: &[u8]) {
    let Some((limit, playlist)) = bytes.split_at_checked(4) else {
        return;
    };
    let limit = u64::from(u32::from_le_bytes(limit.try_into().expect("four bytes")));
    // However it comes in pieces, it is of the kind that it is of as a whole.
    let kind = playlist::Sniffer::default().look(playlist);
    let mut sniffer = playlist::Sniffer::default();
    let found = (0..=playlist.len()).find_map(|end| sniffer.look(&playlist[..end]));
    assert_eq!(found, kind);
    if let Some(capped) = playlist::cap(playlist, limit) {
        let mut before = playlist.split_inclusive(|b| *b == b'\n');
        for line in capped.split_inclusive(|b| *b == b'\n') {
            assert!(
                before.any(|known| known == line),
                "a line that was not there"
            );
        }
        if let Some(again) = playlist::cap(&capped, limit) {
            assert_eq!(again, capped);
        }
    }
}

#[cfg(test)]
mod blind;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// What was found once is not found again, with any compiler.
    #[test]
    fn the_corpora_find_nothing() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        for (name, target) in super::TARGETS {
            let corpus = fs::read_dir(corpora.join(name));
            let corpus = corpus.unwrap_or_else(|e| panic!("the corpus of {name}: {e}"));
            let mut inputs = 0;
            for input in corpus {
                let path = input.expect("a folder can be listed").path();
                println!("{}", path.display());
                target(&fs::read(&path).expect("an input can be read"));
                inputs += 1;
            }
            assert!(inputs > 0, "the corpus of {name} is empty");
        }
    }

    /// A folder without a target would be looked at by nobody.
    #[test]
    fn every_corpus_has_a_target() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        for corpus in fs::read_dir(corpora).expect("there are corpora") {
            let name = corpus.expect("a folder can be listed").file_name();
            let known = super::TARGETS.iter().any(|(target, _)| name == *target);
            // Without the features that bring them some are not there.
            assert!(
                known
                    || cfg!(not(all(
                        feature = "api",
                        feature = "daemon",
                        feature = "sim"
                    ))),
                "{name:?}"
            );
        }
    }
}
