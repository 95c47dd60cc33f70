//! The demo's film, carried in the program so that the demo runs anywhere.

use std::io;
use std::path::Path;

/// The tree of the demo.
pub(super) const TOPOLOGY: &str = include_str!("../../../configs/demo/topology.toml");
/// The film as its servers publish it.
pub(super) const PRESENTATION: &str = include_str!("../../../configs/demo/film.toml");
/// The playlist of playlists, which a session begins with.
pub(super) const MASTER: &str = "master.m3u8";
/// The playlist of one quality, below its folder.
pub(super) const PLAYLIST: &str = "index.m3u8";
/// The components that the film needs, by name; they are added at the root alone.
pub(super) const COMPONENTS: [&str; 2] = ["cap-quality", "watermark"];

macro_rules! film {
    ($($name:literal)*) => {
        &[$(($name, include_bytes!(concat!("../../../configs/demo/film/", $name)).as_slice())),*]
    };
}

/// The components' files, by their paths below the demo's folder.
const CODE: &[(&str, &[u8])] = &[
    (
        "components/cap-quality/component.toml",
        include_bytes!("../../../components/cap-quality/component.toml"),
    ),
    (
        "components/built/cap-quality.wasm",
        include_bytes!("../../../components/built/cap-quality.wasm"),
    ),
    (
        "components/watermark/component.toml",
        include_bytes!("../../../components/watermark/component.toml"),
    ),
    (
        "components/built/watermark.wasm",
        include_bytes!("../../../components/built/watermark.wasm"),
    ),
];

/// Every file of the film, by its path below the film's folder.
const FILES: &[(&str, &[u8])] = film! {
    "master.m3u8"
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

/// A file of the film as it was published.
pub(super) fn source(path: &str) -> Option<&'static [u8]> {
    FILES
        .iter()
        .find(|(name, _)| *name == path)
        .map(|(_, bytes)| *bytes)
}

/// A file as a session of that quality must deliver it: what the components of its path
/// have to make of the source. Said here in a few lines of its own, so that the
/// components are judged by something else than themselves.
pub(super) fn expected(path: &str, quality: &str) -> Option<Vec<u8>> {
    let source = source(path)?;
    if !path.ends_with(".m3u8") {
        return Some(source.to_vec());
    }
    let text = std::str::from_utf8(source).ok()?;
    let mut lines: Vec<&str> = text.lines().collect();
    if path == MASTER {
        let most: u64 = setting(quality, "cap-quality", "max-bandwidth")?
            .parse()
            .ok()?;
        let mut kept = Vec::new();
        let mut drop_next = false;
        for line in lines {
            let bandwidth = line
                .strip_prefix("#EXT-X-STREAM-INF:BANDWIDTH=")
                .and_then(|rest| rest.split(',').next())
                .and_then(|digits| digits.parse::<u64>().ok());
            let dropped = drop_next || bandwidth.is_some_and(|needed| needed > most);
            drop_next = dropped && bandwidth.is_some();
            if !dropped {
                kept.push(line);
            }
        }
        lines = kept;
    }
    let mark = format!("# {}", setting(quality, "watermark", "text")?);
    lines.push(&mark);
    Some(format!("{}\n", lines.join("\n")).into_bytes())
}

/// What the presentation sets for a component of a quality.
fn setting(quality: &str, component: &str, key: &str) -> Option<String> {
    let film = waybook_plan::Presentation::from_toml(PRESENTATION).ok()?;
    let quality = film.qualities.into_iter().find(|q| q.name == quality)?;
    let mut components = quality.components.into_iter().map(|(_, c)| c);
    let found = components.find(|c| c.name.split('@').next() == Some(component))?;
    found.config.get(key).cloned()
}

/// What a playlist names, in order: segments, or other playlists.
pub(super) fn entries(playlist: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(playlist);
    let names = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    names.map(str::to_owned).collect()
}

/// Puts the topology, the presentation, the components and the film where the command and
/// the places find them.
pub(super) fn lay_out(folder: &Path) -> io::Result<()> {
    let write = |path: &Path, bytes: &[u8]| -> io::Result<()> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(path, bytes)
    };
    let texts = [("topology.toml", TOPOLOGY), ("film.toml", PRESENTATION)];
    let texts = texts
        .into_iter()
        .map(|(name, text)| (folder.join(name), text.as_bytes()));
    let code = CODE.iter().map(|(name, bytes)| (folder.join(name), *bytes));
    let film = FILES
        .iter()
        .map(|(name, bytes)| (folder.join("film").join(name), *bytes));
    for (path, bytes) in texts.chain(code).chain(film) {
        let explain =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        write(&path, bytes).map_err(explain)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_offers_what_it_has_booked() {
        let offered = |quality| {
            let master = expected(MASTER, quality).unwrap();
            let text = String::from_utf8(master.clone()).unwrap();
            assert!(text.ends_with("# by way of Waybook\n"), "{text}");
            entries(&master)
        };
        let all = ["high/index.m3u8", "medium/index.m3u8", "low/index.m3u8"];
        assert_eq!(offered("high"), all);
        assert_eq!(offered("medium"), all[1..]);
        assert_eq!(offered("low"), all[2..]);
    }

    #[test]
    fn every_segment_that_a_playlist_names_is_carried() {
        let presentation = waybook_plan::Presentation::from_toml(PRESENTATION).unwrap();
        assert_eq!(presentation.qualities.len(), 3);
        for quality in &presentation.qualities {
            let folder = &quality.name;
            let playlist = source(&format!("{folder}/{PLAYLIST}")).expect("a playlist for each");
            let segments = entries(playlist);
            assert!(segments.len() > 1, "{}", quality.name);
            for segment in segments {
                let path = format!("{folder}/{segment}");
                let bytes = source(&path).unwrap_or_else(|| panic!("no {path}"));
                // The booking must carry every segment in the time that it plays, 4 s.
                let rate = bytes.len() as u64 * 8 / 4;
                let booked = quality.demand.edge.to_client;
                assert!(
                    rate < booked,
                    "{} {segment}: {rate} of {booked} bit/s",
                    quality.name
                );
            }
        }
    }
}
