//! A folder that looks like a clone, in which a document is tried out.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::clone;
use crate::page::{Block, Mark, Page};
use crate::script::{Runs, output, script};
use crate::settings;

/// How long one line may take, and how long a document, where other tests run beside it.
const LINE: Duration = Duration::from_secs(180);
const DOCUMENT: Duration = Duration::from_secs(900);

/// What all processes of a room have in their environment.
const MARK: &str = "BOOK_ROOM";

struct Room(tempfile::TempDir);

/// Whatever happens, no process is left.
impl Drop for Room {
    fn drop(&mut self) {
        let wanted = format!("{MARK}={}", self.0.path().display());
        for _ in 0..100 {
            let found = processes(&wanted);
            if found.is_empty() {
                return;
            }
            for pid in found {
                // It may end just now, which is as well.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// The processes that have that in their environment.
fn processes(wanted: &str) -> Vec<Pid> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let of_room = all.filter(|entry| {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        environment
            .split(|b| *b == 0)
            .any(|v| v == wanted.as_bytes())
    });
    of_room
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// Runs a document's commands and looks at its files; or says where what went wrong.
pub(crate) fn try_out(page: &Page) -> Result<(), String> {
    let room = Room::new();
    settings::write_and_check(page, room.0.path(), &|| room.command("waybook"))?;
    let runs = |block: &Block| room.runs(block);
    let text = script(page, &runs);
    for block in page.blocks() {
        if let Runs::Lacks(program) = runs(block) {
            eprintln!("SKIPPED: {}:{}: needs `{program}`", page.name, block.line);
        }
    }
    room.run(page, &text)?;
    room.compare(page)
}

impl Room {
    fn new() -> Self {
        let room = Self(tempfile::tempdir().unwrap());
        let path = room.0.path();
        for entry in fs::read_dir(clone()).unwrap() {
            let name = entry.unwrap().file_name();
            if !matches!(name.to_str(), Some(".git" | "target" | ".waybook")) {
                symlink(clone().join(&name), path.join(&name)).unwrap();
            }
        }
        for folder in [".book", ".book/bin"] {
            fs::create_dir(path.join(folder)).unwrap();
        }
        let waybook = env!("CARGO_BIN_EXE_waybook");
        symlink(waybook, path.join(".book/bin/waybook")).unwrap();
        room
    }

    /// A command as somebody runs it who has just cloned the repository.
    fn command(&self, program: &str) -> Command {
        let path = self.0.path();
        let bin = path.join(".book/bin");
        let places = std::env::var("PATH").unwrap_or_default();
        let places = format!("{}:{places}", bin.display());
        let own = bin.join(program);
        let mut command = Command::new(if own.exists() {
            own.as_path()
        } else {
            Path::new(program)
        });
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("WAYBOOK_") {
                command.env_remove(key);
            }
        }
        command
            .current_dir(path)
            .env_remove("XDG_STATE_HOME")
            .env_remove("BASH_ENV")
            .env("HOME", path)
            .env("NO_COLOR", "1")
            .env("PATH", places)
            .env(MARK, path)
            .env("BOOK_OUT", path.join(".book"));
        command
    }

    fn runs(&self, block: &Block) -> Runs {
        if block.has(&Mark::NotRun) {
            return Runs::No;
        }
        let ci = include_str!("../../.ci/run");
        let installed = ci.split_once("local needs=(").unwrap().1;
        let mut installed = installed.split_once(')').unwrap().0.split_whitespace();
        for program in block.needs() {
            let mut look = self.command("bash");
            let look = look.args(["-c", "command -v \"$0\"", program]);
            if look.output().unwrap().status.success() {
                continue;
            }
            let required = std::env::var_os("WAYBOOK_REQUIRE_ALL").is_some();
            assert!(
                !(required && installed.any(|it| it == program)),
                "`{program}` is required here"
            );
            return Runs::Lacks(program.to_owned());
        }
        Runs::Yes
    }

    fn said(&self, line: usize) -> String {
        let file = self.0.path().join(".book").join(output(line));
        fs::read_to_string(file).unwrap_or_default()
    }

    /// The end of what the block around a line has printed, or the commands that are not seen.
    fn around(&self, page: &Page, line: usize) -> String {
        let mut blocks = page.blocks();
        let around = blocks.find(|b| (b.line..=b.line + b.lines.len() + 1).contains(&line));
        let said = match around {
            Some(block) => self.said(block.line),
            None => fs::read_to_string(self.0.path().join(".book/log")).unwrap_or_default(),
        };
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn run(&self, page: &Page, text: &str) -> Result<(), String> {
        let out = self.0.path().join(".book");
        fs::write(out.join("script"), text).unwrap();
        let log = fs::File::create(out.join("log")).unwrap();
        let mut bash = self.command("bash");
        bash.args(["--norc", ".book/script"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0);
        let mut bash = bash.spawn().unwrap();
        let (ended, end) = mpsc::channel();
        let watch = std::thread::spawn(move || ended.send(bash.wait().unwrap()));
        let began = Instant::now();
        let mut at = (String::new(), Instant::now());
        let status = loop {
            if let Ok(status) = end.recv_timeout(Duration::from_millis(500)) {
                break Some(status);
            }
            let lines = fs::read_to_string(out.join("at")).unwrap_or_default();
            let last = lines.lines().last().unwrap_or_default();
            if last != at.0 {
                at = (last.to_owned(), Instant::now());
            }
            if at.1.elapsed() > LINE || began.elapsed() > DOCUMENT {
                break None;
            }
        };
        let told = |line: &str, what: &str| {
            let number: usize = line.parse().unwrap_or(1);
            let command = page.lines.get(number - 1).map_or("", |l| l.trim());
            let said = self.around(page, number);
            format!("{}:{line}: `{command}`: {what}\n{said}", page.name)
        };
        let Some(status) = status else {
            return Err(told(&at.0, "takes too long"));
        };
        // Nobody waits for it any more; what it says is known.
        drop(watch);
        let failed = fs::read_to_string(out.join("failed")).unwrap_or_default();
        if let Some(failed) = failed.lines().next() {
            let mut failed = failed.splitn(3, '\t');
            let mut next = || failed.next().unwrap_or_default();
            let (line, code, what) = (next(), next(), next());
            return Err(told(line, &format!("failed with {code}: {what}")));
        }
        if !status.success() {
            let log = fs::read_to_string(out.join("log")).unwrap_or_default();
            return Err(told(
                &at.0,
                &format!("the shell ended with {status}: {log}"),
            ));
        }
        Ok(())
    }

    /// What the document says was printed, was.
    fn compare(&self, page: &Page) -> Result<(), String> {
        let mut last = None;
        for block in page.blocks() {
            if block.language == "sh" {
                last = matches!(self.runs(block), Runs::Yes).then_some(block.line);
            }
            let Some(line) = last.filter(|_| block.has(&Mark::Said)) else {
                continue;
            };
            let said = self.said(line);
            let mut lines = said.lines();
            for wanted in block.lines.iter().filter(|line| !line.trim().is_empty()) {
                if !lines.any(|line| fits(line, wanted)) {
                    let at = block.line;
                    let name = &page.name;
                    return Err(format!(
                        "{name}:{at}: line {line} does not say `{wanted}` there, but:\n{said}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Whether a line is what is wanted, where `…` stands for anything.
fn fits(line: &str, wanted: &str) -> bool {
    let (line, wanted) = (line.trim(), wanted.trim());
    let mut pieces = wanted.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else {
        return false;
    };
    let open = wanted.ends_with('…');
    for piece in pieces {
        let Some((_, after)) = rest.split_once(piece) else {
            return false;
        };
        rest = after;
    }
    open || rest.is_empty()
}
