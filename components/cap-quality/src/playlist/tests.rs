use proptest::prelude::*;

use super::*;

const MASTER: &str = "#EXTM3U\n\
    #EXT-X-VERSION:6\n\
    #EXT-X-INDEPENDENT-SEGMENTS\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"big\",NAME=\"English, loud\",URI=\"a,big.m3u8\"\n\
    #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"small\",NAME=\"English\",URI=\"small.m3u8\"\n\
    #EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"small\",NAME=\"of another type\",URI=\"s.m3u8\"\n\
    #EXT-X-STREAM-INF:CODECS=\"avc1.64001f,mp4a.40.2\",BANDWIDTH=2000000,AUDIO=\"big\"\n\
    high.m3u8\n\
    #EXT-X-STREAM-INF:BANDWIDTH=500000,NAME=\"a,BANDWIDTH=9000000\",AUDIO=\"small\"\n\
    low.m3u8\n\
    #EXT-X-UNKNOWN:A=1\n\
    # a comment\n\
    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=900000,URI=\"i-high.m3u8\"\n\
    #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,URI=\"i-low.m3u8\"\n";

fn capped(playlist: &str, limit: u64) -> Option<String> {
    cap(playlist.as_bytes(), limit).map(|bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn only_what_fits_is_offered() {
    let expected = "#EXTM3U\n\
        #EXT-X-VERSION:6\n\
        #EXT-X-INDEPENDENT-SEGMENTS\n\
        #EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"small\",NAME=\"English\",URI=\"small.m3u8\"\n\
        #EXT-X-STREAM-INF:BANDWIDTH=500000,NAME=\"a,BANDWIDTH=9000000\",AUDIO=\"small\"\n\
        low.m3u8\n\
        #EXT-X-UNKNOWN:A=1\n\
        # a comment\n\
        #EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,URI=\"i-low.m3u8\"\n";
    assert_eq!(capped(MASTER, 600_000).as_deref(), Some(expected));
}

#[test]
fn the_limit_itself_fits() {
    assert!(capped(MASTER, 500_000).unwrap().contains("low.m3u8"));
    assert!(capped(MASTER, 2_000_000).unwrap().contains("high.m3u8"));
}

#[test]
fn when_nothing_fits_the_smallest_stays() {
    let left = capped(MASTER, 1).unwrap();
    assert!(
        left.contains("low.m3u8") && !left.contains("high.m3u8"),
        "{left}"
    );
    assert!(!left.contains("I-FRAME"), "{left}");
}

#[test]
fn nothing_changes_when_all_fit() {
    let all = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\na\n#EXT-X-STREAM-INF:BANDWIDTH=2\nb\n";
    assert_eq!(capped(all, 2), None);
}

#[test]
fn a_media_playlist_is_not_touched() {
    assert_eq!(
        capped("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.ts\n", 1),
        None
    );
    assert_eq!(capped("", 1), None);
}

#[test]
fn line_ends_and_byte_order_marks_stay() {
    let windows = "\u{feff}#EXTM3U\r\n#EXT-X-STREAM-INF:BANDWIDTH=9\r\nhigh\r\n\r\n#EXT-X-STREAM-INF:BANDWIDTH=1\r\nlow";
    let expected = "\u{feff}#EXTM3U\r\n\r\n#EXT-X-STREAM-INF:BANDWIDTH=1\r\nlow";
    assert_eq!(capped(windows, 1).as_deref(), Some(expected));
}

#[test]
fn a_mark_before_the_tag_does_not_hide_it() {
    assert_eq!(
        Sniffer::default().look(b"\xef\xbb\xbf#EXT-X-STREAM-INF:BANDWIDTH=1\n"),
        Some(Kind::Master)
    );
}

#[test]
fn comments_between_a_tag_and_its_uri_do_not_part_them() {
    let odd = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=9\n# why\n\n#EXT-X-ODD\nhigh\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow\n";
    let expected = "#EXTM3U\n# why\n\n#EXT-X-ODD\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow\n";
    assert_eq!(capped(odd, 1).as_deref(), Some(expected));
}

#[test]
fn a_tag_without_a_uri_takes_nobody_elses() {
    let odd = "#EXT-X-STREAM-INF:BANDWIDTH=9\n#EXT-X-STREAM-INF:BANDWIDTH=1\nlow\n#EXT-X-STREAM-INF:BANDWIDTH=1\n";
    assert_eq!(
        capped(odd, 1).as_deref(),
        Some("#EXT-X-STREAM-INF:BANDWIDTH=1\nlow\n")
    );
}

#[test]
fn a_bandwidth_that_is_no_number_does_not_fit() {
    for wrong in [
        "-1",
        "+1",
        "0x1",
        "1.5",
        "",
        "\"1\"",
        "18446744073709551616",
    ] {
        let odd = format!(
            "#EXT-X-STREAM-INF:BANDWIDTH={wrong}\nodd\n#EXT-X-STREAM-INF:BANDWIDTH=7\nlow\n"
        );
        assert_eq!(
            capped(&odd, 10).as_deref(),
            Some("#EXT-X-STREAM-INF:BANDWIDTH=7\nlow\n"),
            "{wrong}"
        );
    }
}

#[test]
fn no_closed_captions_is_not_a_group() {
    let list = b"CLOSED-CAPTIONS=NONE,SUBTITLES=\"s\"";
    assert_eq!(
        groups(list).collect::<Vec<_>>(),
        [(&b"SUBTITLES"[..], &b"s"[..])]
    );
}

#[test]
fn attributes_are_found_among_quoted_strings() {
    let list = br#"A="x,B=1,y", B = 2 ,C="un,closed"#;
    assert_eq!(attribute(list, b"A"), Some(&br#""x,B=1,y""#[..]));
    assert_eq!(attribute(list, b"B"), Some(&b"2"[..]));
    assert_eq!(attribute(list, b"C"), Some(&br#""un,closed"#[..]));
    assert_eq!(attribute(list, b"y"), None);
    assert_eq!(attribute(b"AVERAGE-BANDWIDTH=1", b"BANDWIDTH"), None);
}

#[test]
fn the_kind_is_told_as_soon_as_a_line_tells_it() {
    let mut sniffer = Sniffer::default();
    assert_eq!(sniffer.look(b"#EXTM3U\n#EXT-X-STREAM-INF:BAND"), None);
    assert_eq!(
        sniffer.look(b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n"),
        Some(Kind::Master)
    );
    assert_eq!(
        Sniffer::default().look(b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\r\n"),
        Some(Kind::Media)
    );
    assert_eq!(
        Sniffer::default().look(b"#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO\n"),
        Some(Kind::Master)
    );
}

#[test]
fn the_demos_film_is_capped() {
    let film = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../configs/demo/film/master.m3u8"
    ))
    .unwrap();
    let left = cap(&film, 200_000).unwrap();
    let variants = |bytes: &[u8]| {
        variants(&bytes.split_inclusive(|b| *b == b'\n').collect::<Vec<_>>())
            .0
            .len()
    };
    assert!((1..variants(&film)).contains(&variants(&left)));
}

/// A line that a playlist may have, right or wrong.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_u64..100, "[a-c]").prop_map(|(b, g)| format!(
            "#EXT-X-STREAM-INF:CODECS=\"x,y\",BANDWIDTH={b},AUDIO=\"{g}\""
        )),
        (0_u64..100)
            .prop_map(|b| format!("#EXT-X-I-FRAME-STREAM-INF:URI=\"i,BANDWIDTH=1\",BANDWIDTH={b}")),
        "[a-c]".prop_map(|g| format!("#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{g}\"")),
        "[a-z]{0,3}",
        "#EXT-X-[A-Z]{1,3}:[ -~]{0,8}",
        "#[ -~]{0,8}",
        "#EXT-X-STREAM-INF:[ -~]{0,20}",
    ]
}

fn playlist() -> impl Strategy<Value = String> {
    proptest::collection::vec((line(), prop_oneof![Just("\n"), Just("\r\n")]), 0..30)
        .prop_map(|lines| lines.into_iter().map(|(line, end)| line + end).collect())
}

proptest! {
    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..300), limit in any::<u64>()) {
        let _ = cap(&bytes, limit);
        let _ = Sniffer::default().look(&bytes);
    }

    /// Lines are left out and never made, changed or moved; what stays fits, or is the one that needs
    /// least; doing it twice does no more; tags that are not known stay.
    #[test]
    fn what_stays_is_part_of_what_was_and_fits(playlist in playlist(), limit in 0_u64..100) {
        let Some(left) = cap(playlist.as_bytes(), limit) else { return Ok(()) };
        let before: Vec<&[u8]> = playlist.as_bytes().split_inclusive(|b| *b == b'\n').collect();
        let after: Vec<&[u8]> = left.split_inclusive(|b| *b == b'\n').collect();
        let mut all = before.iter();
        for line in &after {
            prop_assert!(all.any(|other| other == line));
        }
        prop_assert!(after.len() < before.len());

        let (were, _) = variants(&before);
        let (are, orphans) = variants(&after);
        prop_assert!(orphans.is_empty());
        let fit = were.iter().filter(|v| v.bandwidth <= limit).count();
        if fit > 0 {
            prop_assert_eq!(are.len(), fit);
            prop_assert!(are.iter().all(|v| v.bandwidth <= limit));
        } else {
            prop_assert_eq!(are.len(), 1);
            prop_assert_eq!(Some(are[0].bandwidth), were.iter().map(|v| v.bandwidth).min());
        }
        prop_assert_eq!(cap(&left, limit), None);

        let ours = [STREAM, I_FRAMES, RENDITION];
        let unknown = |lines: &[&[u8]]| lines.iter().filter(|l| l.starts_with(b"#") && !ours.iter().any(|tag| l.starts_with(tag))).count();
        prop_assert_eq!(unknown(&before), unknown(&after));
    }

    /// A sniffer that gets it piece by piece says what one says that gets it at once.
    #[test]
    fn pieces_tell_the_same(playlist in playlist(), step in 1_usize..20) {
        let bytes = playlist.as_bytes();
        let mut sniffer = Sniffer::default();
        let mut told = None;
        for end in (0..bytes.len()).step_by(step).chain([bytes.len()]) {
            told = told.or_else(|| sniffer.look(&bytes[..end]));
        }
        prop_assert_eq!(told, Sniffer::default().look(bytes));
    }
}
