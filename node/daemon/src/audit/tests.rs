use super::*;

fn config(size: u64, keep: usize) -> AuditConfig {
    AuditConfig { size, keep }
}

fn open(folder: &Path, config: AuditConfig) -> Arc<Audit> {
    let place = PlaceName::new("core").unwrap();
    Arc::new(Audit::open(folder, &place, config).unwrap())
}

fn change(on: &str) -> Change {
    Change {
        token: "ci".to_owned(),
        user: None,
        origin: PlaceName::new("core").unwrap(),
        from: "127.0.0.1:1".to_owned(),
        what: "publish",
        on: Some(on.to_owned()),
        status: Some(200),
        why: None,
    }
}

fn all(audit: &Audit) -> Vec<(u64, String)> {
    let wanted = Wanted {
        after: 0,
        since: 0,
        most: usize::MAX,
    };
    let list = audit.list(wanted).unwrap().into_iter();
    list.map(|entry| (entry.number, entry.on.unwrap_or_default()))
        .collect()
}

#[test]
fn entries_are_counted_on_through_restarts_and_files() {
    let folder = tempfile::tempdir().unwrap();
    let small = config(600, 2);
    for number in 1..=20 {
        let audit = open(folder.path(), small);
        let permit = audit.permit().unwrap();
        permit.finish(&change(&number.to_string())).unwrap();
    }
    let audit = open(folder.path(), small);
    let kept = all(&audit);
    assert_eq!(kept.last(), Some(&(20, "20".to_owned())));
    assert!((6..20).contains(&kept.len()), "{kept:?}");
    for (entry, next) in kept.iter().zip(&kept[1..]) {
        assert_eq!(
            (entry.0 + 1, entry.0.to_string()),
            (next.0, entry.1.clone())
        );
    }
    let files = std::fs::read_dir(folder.path().join("audit"))
        .unwrap()
        .count();
    assert_eq!(files, 3);
    let latest = audit.list(Wanted {
        after: 17,
        since: 0,
        most: 2,
    });
    let latest: Vec<_> = latest.unwrap().iter().map(|entry| entry.number).collect();
    assert_eq!(latest, [19, 20]);
    let future = millis(SystemTime::now()) + 3_600_000;
    let none = audit.list(Wanted {
        after: 0,
        since: future,
        most: 2,
    });
    assert!(none.unwrap().is_empty());
}

#[test]
fn a_line_that_a_crash_has_cut_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path(), config(1 << 20, 1));
    audit.permit().unwrap().finish(&change("a")).unwrap();
    drop(audit);
    let file = folder.path().join("audit/audit.jsonl");
    let whole = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{whole}{{\"number\":2,\"at")).unwrap();
    let audit = open(folder.path(), config(1 << 20, 1));
    audit.permit().unwrap().finish(&change("b")).unwrap();
    assert_eq!(all(&audit), [(1, "a".to_owned()), (2, "b".to_owned())]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn no_text_makes_a_line_too_long() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path(), config(1 << 20, 1));
    let mut long = change(&"\"\n".repeat(5000));
    long.why = Some("\\\u{1}é".repeat(5000));
    audit.permit().unwrap().finish(&long).unwrap();
    let text = std::fs::read(folder.path().join("audit/audit.jsonl")).unwrap();
    assert!(
        text.len() < usize::try_from(LINE).unwrap(),
        "{}",
        text.len()
    );
    assert_eq!(all(&audit).len(), 1);
}

/// A change whose client went away before it was done takes no room for ever.
#[test]
fn room_that_is_not_used_is_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let audit = open(folder.path(), config(1 << 20, 1));
    let one = audit.permit().unwrap();
    let other = audit.permit().unwrap();
    assert_eq!(audit.state().pending, 2);
    drop(one);
    other.finish(&change("a")).unwrap();
    assert_eq!(audit.state().pending, 0);
    let news = audit.news();
    assert_eq!(*news.borrow(), 1);
}
