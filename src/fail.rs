//! How a command fails: with a sentence for people and a code for programs.

use std::process::ExitCode;

use serde_json::json;
use waybook_client::Error;
use waybook_client::model::Problem;

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was tried, and did not work.
    Failed = 1,
    /// The command line, a file or a request is wrong.
    Usage = 2,
    /// There is no solution, or none could be booked, or so much is under way that it is not tried.
    Refused = 3,
    /// No daemon could be reached.
    Unreachable = 4,
    /// A place does not allow it.
    NotAllowed = 5,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Fail {
    exit: Exit,
    message: String,
    problem: Option<Box<Problem>>,
}

/// What a command comes to.
pub(crate) type Done<T = ()> = Result<T, Fail>;

impl Fail {
    /// A failure with its sentence.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            problem: None,
        }
    }

    /// What was asked is wrong.
    #[expect(clippy::needless_pass_by_value, reason = "errors are handed over")]
    pub(crate) fn usage(message: impl ToString) -> Self {
        Self::new(Exit::Usage, message.to_string())
    }

    /// It was tried, and did not work.
    #[expect(clippy::needless_pass_by_value, reason = "errors are handed over")]
    pub(crate) fn failed(message: impl ToString) -> Self {
        Self::new(Exit::Failed, message.to_string())
    }

    /// A command line that cannot be read.
    pub(crate) fn command_line(error: &clap::Error) -> Self {
        let text = error.render().to_string();
        // How it is written right is for people, who are told without `--json`.
        let ends = ["\n\nUsage:", "\n\nFor more information"];
        let end = ends.iter().filter_map(|end| text.find(end)).min();
        let said = &text[..end.unwrap_or(text.len())];
        Self::usage(said.strip_prefix("error: ").unwrap_or(said).trim_end())
    }

    /// A problem that a place answered with.
    pub(crate) fn problem(problem: Box<Problem>) -> Self {
        let exit = match problem.kind.rsplit(':').next().unwrap_or_default() {
            "refused" | "no-plan" | "busy" => Exit::Refused,
            "not-allowed" | "unauthorized" | "untrusted" => Exit::NotAllowed,
            "not-connected" | "stopping" | "unanswered" => Exit::Unreachable,
            "invalid" | "malformed" | "ambiguous" | "too-large" => Exit::Usage,
            _ => Exit::Failed,
        };
        Self {
            exit,
            message: problem.detail.clone(),
            problem: Some(problem),
        }
    }

    /// The same, with what was being done before the sentence.
    pub(crate) fn during(mut self, what: impl std::fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The sentence alone.
    pub(crate) fn into_message(self) -> String {
        self.message
    }

    /// Tells the person, or the program, and gives the code.
    pub(crate) fn report(&self, json: bool) -> ExitCode {
        if json {
            let report = json!({
                "error": self.message,
                "exit": self.exit as u8,
                "problem": self.problem,
            });
            eprintln!("{report}");
        } else {
            eprintln!("waybook: {}", self.message);
            for refusal in self.problem.iter().flat_map(|p| &p.refused) {
                eprintln!("  {}", crate::show::refusal(refusal));
            }
            if let Some(session) = self.problem.as_ref().and_then(|p| p.session.as_ref()) {
                eprintln!("`waybook why {session}` says what would have to change");
            }
        }
        ExitCode::from(self.exit as u8)
    }
}

impl From<Error> for Fail {
    fn from(error: Error) -> Self {
        let exit = match error {
            Error::Problem(problem) => return Self::problem(problem),
            Error::NotRunning { .. } | Error::Unreachable { .. } | Error::File { .. } => {
                Exit::Unreachable
            }
            Error::Certificate { .. } => Exit::NotAllowed,
            Error::Url { .. } | Error::Upload(_) => Exit::Usage,
            Error::Answer(_) => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use waybook_client::model::Problem;

    use super::{Exit, Fail};

    /// A place at a limit was told from no failure, so that scripts gave up where they could try again.
    #[test]
    fn a_place_at_a_limit_refuses() {
        let exit = |kind: &str| {
            let text = format!(
                r#"{{"type": "urn:waybook:problem:{kind}", "title": "", "status": 503, "detail": ""}}"#
            );
            let problem: Problem = serde_json::from_str(&text).unwrap();
            Fail::problem(Box::new(problem)).exit
        };
        assert_eq!(exit("busy"), Exit::Refused);
        assert_eq!(exit("failed"), Exit::Failed);
    }
}
