//! Programs and servers outside of the place that take part in sessions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::place::non_empty;
use super::section::Section;
use super::source::Kind;

/// A program that the operator allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramConfig {
    /// The program and its arguments; never a shell. A program with a `/` in it is a
    /// path, any other is looked up in `PATH`.
    pub command: Vec<String>,
    /// How to tell that it answers.
    pub ready: Ready,
    /// How long it may take to answer after its start.
    pub timeout: Duration,
    /// Variables added to its environment.
    pub env: BTreeMap<String, String>,
    /// The folder that it starts in; none for the daemon's.
    pub working_dir: Option<PathBuf>,
}

/// How to tell that a program answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ready {
    /// Its port accepts connections.
    Tcp,
    /// `GET` of that path gives a 2xx or 3xx answer.
    Http(String),
}

pub(super) fn upstreams(section: &Section<'_>) -> Vec<String> {
    let allow = section.texts("allow", "http://127.0.0.1:9000/");
    for url in &allow {
        // A prefix that ends within a host name would allow hosts that begin alike.
        let host = url.strip_prefix("http://").map(|rest| rest.split_once('/'));
        if !matches!(host, Some(Some((host, _))) if !host.is_empty() && !host.contains('@')) {
            section.problem(
                "allow",
                format!(
                    "`{url}` must begin with `http://`, a host and a `/`, such as \"http://127.0.0.1:9000/\""
                ),
            );
        }
    }
    allow
}

pub(super) fn read(section: &Section<'_>) -> BTreeMap<String, ProgramConfig> {
    let mut programs = BTreeMap::new();
    for name in section.names() {
        programs.extend(program(&section.section(name)).map(|p| (name.clone(), p)));
    }
    programs
}

fn program(section: &Section<'_>) -> Option<ProgramConfig> {
    let mut command = section.texts("command", "ffmpeg");
    let working_dir = section
        .parsed("working-dir", "/srv", non_empty)
        .map(|text| section.resolve(&text));
    let timeout = section.duration("timeout", Duration::from_secs(30));
    let mut env = BTreeMap::new();
    let variables = section.section("env");
    for name in variables.names() {
        let value = variables.text(name, "value");
        if name.is_empty() || name.contains(['=', '\0']) {
            variables.problem(name, "cannot be the name of an environment variable");
        }
        env.extend(value.map(|v| (name.clone(), v)));
    }
    let ready = match section.value("ready").map(|v| &v.kind) {
        None => Ready::Tcp,
        Some(Kind::Text(text)) if text == "tcp" => Ready::Tcp,
        Some(Kind::Table(_)) => {
            let ready = section.section("ready");
            let path = ready.required("http", "/health", |text: &str| {
                match text.starts_with('/') && !text.contains(char::is_whitespace) {
                    true => Ok(text.to_owned()),
                    false => Err(format!("`{text}` must be a path, such as \"/health\"")),
                }
            });
            Ready::Http(path.unwrap_or_else(|| "/".to_owned()))
        }
        Some(_) => {
            section.problem(
                "ready",
                "must be \"tcp\" or a table, such as { http = \"/health\" }",
            );
            Ready::Tcp
        }
    };
    match command.first_mut() {
        Some(program) if !program.is_empty() => {
            if program.contains('/') {
                *program = section.resolve(program).display().to_string();
            }
        }
        _ => {
            section.problem(
                "command",
                "must be the program and its arguments, such as [\"/usr/bin/nginx\", \"-c\", \"film.conf\"]",
            );
            return None;
        }
    }
    Some(ProgramConfig {
        command,
        ready,
        timeout,
        env,
        working_dir,
    })
}
