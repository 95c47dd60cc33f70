//! The files and fragments of files in a document, written down and checked.

use std::fs;
use std::path::Path;
use std::process::Command;

use toml::{Table, Value};

use crate::clone;
use crate::page::{Block, Page};

/// The least file of each kind, which a fragment is put into.
fn least(kind: &str) -> Option<Table> {
    let text = match kind {
        "place" => {
            "name = 'core/lab'\ndata-dir = 'lab-data'\nparent.address = '127.0.0.1:4710'\n".into()
        }
        "topology" => "place = [{ name = 'core' }]\n".into(),
        "presentation" => "title = 'film'\nquality = [{ name = 'high' }]\n".into(),
        "profile" => "user = 'anna'\n".into(),
        "component" => "name = 'mine'\nversion = '1.0.0'\n".into(),
        "scenario" => fs::read_to_string(clone().join("configs/simulations/star.toml")).unwrap(),
        _ => return None,
    };
    Some(toml::from_str(&text).unwrap())
}

/// Puts a fragment into a file. A table that is no list goes into the last one of a list.
fn put_in(whole: &mut Table, part: Table) {
    for (key, value) in part {
        match (whole.get_mut(&key), value) {
            (Some(Value::Table(there)), Value::Table(more)) => put_in(there, more),
            (Some(Value::Array(there)), Value::Table(more)) => {
                if let Some(Value::Table(last)) = there.last_mut() {
                    put_in(last, more);
                }
            }
            (_, value) => {
                whole.insert(key, value);
            }
        }
    }
}

/// Writes what is a file, and has `waybook check` look at all settings.
pub(crate) fn write_and_check(
    page: &Page,
    room: &Path,
    waybook: &dyn Fn() -> Command,
) -> Result<(), String> {
    for block in page.blocks() {
        let wrong = |what: String| format!("{}:{}: {what}", page.name, block.line);
        if let Some(name) = block.file() {
            let file = room.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, block.text()).unwrap();
        }
        if block.language != "toml" {
            continue;
        }
        let name = match (block.file(), block.part_of()) {
            (Some(name), None) => name.to_owned(),
            (None, Some(kind)) => whole(block, kind, room).map_err(wrong)?,
            _ => {
                return Err(wrong(
                    "say before it `<!-- file: NAME -->` or `<!-- part of: KIND -->`".to_owned(),
                ));
            }
        };
        let checked = waybook().args(["check", &name]).output().unwrap();
        if !checked.status.success() {
            let said = String::from_utf8_lossy(&checked.stdout).into_owned();
            return Err(wrong(said + &String::from_utf8_lossy(&checked.stderr)));
        }
    }
    Ok(())
}

/// A fragment as a whole file, by its name in the room.
fn whole(block: &Block, kind: &str, room: &Path) -> Result<String, String> {
    let mut whole = least(kind).ok_or_else(|| format!("there is no kind of file {kind:?}"))?;
    let part: Table = toml::from_str(&block.text()).map_err(|error| error.to_string())?;
    if kind == "scenario" {
        // A tree is generated or read, never both.
        whole.extend(part);
    } else {
        put_in(&mut whole, part);
    }
    let name = format!(".book/{kind}-{}.toml", block.line);
    fs::write(room.join(&name), toml::to_string(&whole).unwrap()).unwrap();
    Ok(name)
}
