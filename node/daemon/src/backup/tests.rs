use std::collections::BTreeMap;

use super::*;

fn put(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Every file below a folder.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(at) = waiting.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// A folder such as a running place has, and an archive of it.
fn backed_up(home: &Path, code: bool) -> PathBuf {
    let data = home.join("data");
    for path in [
        "version",
        "token",
        "identity/place.key",
        "profiles/ann.toml",
        "code/ab.wasm",
        "code/ab.release",
        "code/cd.part",
        "code/cd.tree",
        "machine-code/x",
        "programs/7",
        "profile-copies/ann@core+x.json",
        "lock",
        "runtime.json",
        "invitations.json",
        ".token.77",
        "of-a-later-version",
    ] {
        put(&data, path, path);
    }
    put(&data, RECORDS, "in use");
    put(home, "copied", "copied");
    let archive = home.join("backup.tar");
    let about = About::now("core", code);
    let file = File::create(&archive).unwrap();
    write(file, &data, &home.join("copied"), &about).unwrap();
    archive
}

#[test]
fn what_a_next_life_needs_comes_back() {
    let home = tempfile::tempdir().unwrap();
    let archive = backed_up(home.path(), true);
    let again = home.path().join("again");
    let about = restore(&archive, &again).unwrap();
    assert_eq!(about.place, "core");
    let found = files(&again);
    let wanted = [
        "version",
        "token",
        "identity/place.key",
        "profiles/ann.toml",
        "code/ab.wasm",
        "code/ab.release",
        "of-a-later-version",
    ];
    let mut wanted: BTreeMap<String, String> = wanted
        .into_iter()
        .map(|path| (path.to_owned(), path.to_owned()))
        .collect();
    wanted.insert(RECORDS.to_owned(), "copied".to_owned());
    assert_eq!(found, wanted);
    // It is a folder that a place starts in: nobody else may look into it.
    files::private_folder(&again).unwrap();
    files::private_folder(&again.join("identity")).unwrap();
}

#[test]
fn code_is_left_out_if_wanted() {
    let home = tempfile::tempdir().unwrap();
    let archive = backed_up(home.path(), false);
    let again = home.path().join("again");
    restore(&archive, &again).unwrap();
    assert!(!files(&again).keys().any(|path| path.starts_with("code")));
}

/// Wherever it is cut off, there is either all of it or nothing.
#[test]
fn an_archive_that_was_cut_off_makes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let archive = backed_up(home.path(), true);
    let whole = fs::read(&archive).unwrap();
    let again = home.path().join("again");
    let mut made = 0;
    for length in (0..whole.len()).step_by(512).chain([100, 700]) {
        fs::write(&archive, &whole[..length]).unwrap();
        match restore(&archive, &again) {
            Ok(_) => {
                made += 1;
                assert_eq!(files(&again).len(), 8, "{length}");
                fs::remove_dir_all(&again).unwrap();
            }
            Err(error) => assert!(error.path == archive, "{error}"),
        }
        let left: Vec<_> = fs::read_dir(home.path()).unwrap().collect();
        assert_eq!(left.len(), 3, "at {length}: {left:?}");
    }
    // All but the empty blocks after the last entry.
    assert!((1..30).contains(&made), "{made}");
}

#[test]
fn what_does_not_belong_there_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let about = serde_json::to_vec(&About::now("core", true)).unwrap();
    let archive = |add: &dyn Fn(&mut Builder<File>)| {
        let path = home.path().join("forged.tar");
        let mut archive = Builder::new(File::create(&path).unwrap());
        append(&mut archive, ABOUT, about.len() as u64, about.as_slice()).unwrap();
        add(&mut archive);
        append(&mut archive, END, 0, io::empty()).unwrap();
        archive.into_inner().unwrap();
        path
    };
    let again = home.path().join("again");
    let up = archive(&|archive| {
        let mut header = Header::new_gnu();
        // `append_data` would refuse the name.
        header.as_gnu_mut().unwrap().name[..9].copy_from_slice(b"../forged");
        header.set_entry_type(EntryType::Regular);
        header.set_size(0);
        header.set_cksum();
        archive.append(&header, io::empty()).unwrap();
    });
    let said = restore(&up, &again).unwrap_err().to_string();
    assert!(said.contains("`../forged` does not belong"), "{said}");
    let link = archive(&|archive| {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        archive
            .append_link(&mut header, "token", "/etc/passwd")
            .unwrap();
    });
    let said = restore(&link, &again).unwrap_err().to_string();
    assert!(said.contains("`token` does not belong"), "{said}");
    let twice = archive(&|archive| {
        append(archive, "token", 0, io::empty()).unwrap();
        append(archive, "token", 0, io::empty()).unwrap();
    });
    assert!(restore(&twice, &again).is_err());
    put(home.path(), "text", "no archive");
    let said = restore(&home.path().join("text"), &again).unwrap_err();
    assert!(said.to_string().contains("no backup of a place"), "{said}");
    assert!(!again.exists());
    put(home.path(), "again/something", "");
    let said = restore(&twice, &again).unwrap_err().to_string();
    assert!(said.contains("new or empty"), "{said}");
}
