//! The demo's film, carried in the program so that the demo runs anywhere.

use std::io;
use std::path::Path;


/// The tree of the demo.
pub(super) const TOPOLOGY: &str = include_str!("../../../configs/demo/topology.toml");
/// The film as its servers publish it.
pub(super) const PRESENTATION: &str = include_str!("../../../configs/demo/film.toml");
/// The name under which each quality's playlist is served.
pub(super) const PLAYLIST: &str = "index.m3u8";

macro_rules! film {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../../configs/demo/film/", $name)).as_slice())),*]
    };
}

/// Every file of the film, by its path below the film's folder.
const FILES: &[(&str, &[u8])] = film! {
    "high/index.m3u8"
    "high/seg-000.ts"
    "high/seg-001.ts"
    "high/seg-002.ts"
    "high/seg-003.ts"
    "high/seg-004.ts"
    "medium/index.m3u8"
    "medium/seg-000.ts"
    "medium/seg-001.ts"
    "medium/seg-002.ts"
    "medium/seg-003.ts"
    "medium/seg-004.ts"
    "low/index.m3u8"
    "low/seg-000.ts"
    "low/seg-001.ts"
    "low/seg-002.ts"
    "low/seg-003.ts"
    "low/seg-004.ts"
};

/// The file of a quality as it was published.
pub(super) fn source(quality: &str, file: &str) -> Option<&'static [u8]> {
    let path = format!("{quality}/{file}");
    FILES.iter().find(|(name, _)| *name == path).map(|(_, bytes)| *bytes)
}

/// The segments that a playlist names, in order.
pub(super) fn segments(playlist: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(playlist);
    let names = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.map(str::to_owned).collect()
}

/// Puts the topology, the presentation and the film where places can serve them.
pub(super) fn lay_out(folder: &Path) -> io::Result<()> {
    let write = |path: &Path, bytes: &[u8]| -> io::Result<()> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, bytes)
    };
    let texts = [("topology.toml", TOPOLOGY), ("film.toml", PRESENTATION)];
    let texts = texts.into_iter().map(|(name, text)| (folder.join(name), text.as_bytes()));
    let film = FILES.iter().map(|(name, bytes)| (folder.join("film").join(name), *bytes));
    for (path, bytes) in texts.chain(film) {
        let explain = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        write(&path, bytes).map_err(explain)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_segment_that_a_playlist_names_is_carried() {
        let presentation = waybook_plan::Presentation::from_toml(PRESENTATION).unwrap();
        assert_eq!(presentation.qualities.len(), 3);
        for quality in &presentation.qualities {
            let playlist = source(&quality.name, PLAYLIST).expect("a playlist for each quality");
            let segments = segments(playlist);
            assert!(segments.len() > 1, "{}", quality.name);
            for segment in segments {
                let bytes = source(&quality.name, &segment).unwrap_or_else(|| panic!("no {segment}"));
                // The booking must carry every segment in the time that it plays, 4 s.
                let rate = bytes.len() as u64 * 8 / 4;
                let booked = quality.demand.edge.to_client;
                assert!(rate < booked, "{} {segment}: {rate} of {booked} bit/s", quality.name);
            }
        }
    }
}
