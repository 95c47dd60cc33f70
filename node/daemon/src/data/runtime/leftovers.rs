//! Programs that outlive a daemon which was killed: noted while they run, and ended when
//! the place starts again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::ProcessStat;

/// Where the process groups of running programs are noted: a file for each, named by the
/// leader's number, with when the leader began.
#[derive(Clone, Default)]
pub(super) struct Notes(Option<Arc<Path>>);

/// One note; it goes when this is dropped.
#[derive(Default)]
pub(super) struct Note(Option<PathBuf>);

impl Drop for Note {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

impl Notes {
    /// Takes the folder over from an earlier life, and ends what that has left behind.
    /// Without a folder nothing is noted.
    pub(super) fn take_over(folder: Option<&Path>) -> Self {
        let Some(folder) = folder else {
            return Self(None);
        };
        if let Err(error) = end_leftovers(folder) {
            tracing::warn!(folder = %folder.display(), %error, "programs of an earlier life may be left");
        }
        Self(Some(folder.into()))
    }

    /// Notes a group until it has ended.
    pub(super) fn note(&self, leader: Pid) -> Note {
        let Some(folder) = &self.0 else {
            return Note(None);
        };
        let pid = leader.as_raw_nonzero().get();
        let path = folder.join(pid.to_string());
        let began = u32::try_from(pid).ok().and_then(ProcessStat::of);
        let began = began.map_or(String::new(), |stat| stat.began.to_string());
        if let Err(error) = fs::write(&path, began) {
            tracing::warn!(path = %path.display(), %error, "a program is not noted");
        }
        Note(Some(path))
    }
}

fn end_leftovers(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.parse::<i32>().ok());
        if let Some(leader) = number.and_then(Pid::from_raw)
            && is_same(leader, &fs::read_to_string(&path)?)
            && kill_process_group(leader, Signal::KILL).is_ok()
        {
            tracing::info!(
                group = leader.as_raw_nonzero().get(),
                "ended a program of an earlier life"
            );
        }
        fs::remove_file(&path)?;
    }
    Ok(())
}

/// Whether a group of that number, if there is one, is the one that was noted. The
/// kernel gives no process a number that a group still has, so without a process of that
/// number only the noted group can have it.
fn is_same(leader: Pid, began: &str) -> bool {
    let now = u32::try_from(leader.as_raw_nonzero().get())
        .ok()
        .and_then(ProcessStat::of);
    now.is_none_or(|now| now.began.to_string() == began.trim())
}
