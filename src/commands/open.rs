//! `waybook open`: opens a session and keeps it.

use std::path::Path;

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use waybook_client::model::{
    EstablishedInfo, OpenForm, ProfileForm, ProgressInfo, RefusalInfo, SpanForm, StepInfo,
    SurveyInfo,
};
use waybook_client::{Client, Error, Event};
use waybook_location_tree::PlaceName;
use waybook_plan::{Profile, User};

use super::profile::user;
use super::read_file;
use super::transfers::Transfers;
use crate::fail::{Done, Exit, Fail};
use crate::find::Global;
use crate::show::{self, Color, paint};

/// Opens a session.
#[derive(Args)]
#[command(after_help = "\
Examples:
  waybook open film --at core/bologna/lab
  waybook open film --at core/bologna/lab --user anna
  waybook open film --at core/bologna/lab --user ann@core/bologna
  waybook open film --at core/bologna/lab --detach --idle \"5 min\"
  waybook open film --at core/bologna/lab --dry-run

Ctrl-C closes the session; a second one leaves at once. With `--detach` the session stays
until it is closed, idle for too long, or has lasted its greatest time.

With TRACEPARENT in the environment the set-up is part of that trace (see docs/TRACES.md).")]
pub(crate) struct Open {
    /// What to open; `waybook presentations` shows what there is
    title: String,
    /// The client's place, where the session's URL will answer
    #[arg(long, value_name = "PLACE")]
    at: Option<PlaceName>,
    /// For whom: a user with a `profiles/USER.toml` in the data folder of the client's place, or of
    /// another one, as `ann@core/bologna`
    #[arg(long, value_parser = user, conflicts_with = "profile")]
    user: Option<User>,
    /// A profile file, which is sent along; or a user of the client's place
    #[arg(long, value_name = "USER|FILE")]
    profile: Option<String>,
    /// The same key gives the same session until that is over
    #[arg(long)]
    key: Option<String>,
    /// The Decision Maker: nearest, best-quality or least-loaded [default: the place's]
    #[arg(long)]
    strategy: Option<String>,
    /// How long the set-up may take [default: the place's]
    #[arg(long, value_name = "TIME", value_parser = span)]
    deadline: Option<SpanForm>,
    /// How often to try again where only other set-ups stood in the way
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,
    /// End the session after that long without use [default: the place's]
    #[arg(long, value_name = "TIME", value_parser = span)]
    idle: Option<SpanForm>,
    /// End the session after that long in any case
    #[arg(long, value_name = "TIME", value_parser = span)]
    longest: Option<SpanForm>,
    /// Leave the session open
    #[arg(long)]
    detach: bool,
    /// Show the plan and what each place would say, and book nothing
    #[arg(long, conflicts_with = "detach")]
    dry_run: bool,
}

fn span(text: &str) -> Result<SpanForm, String> {
    match waybook_plan::parse_duration(text) {
        Ok(_) => Ok(SpanForm::Text(text.to_owned())),
        Err(error) => Err(error.message),
    }
}

impl Open {
    /// The command that closes the session from where this one was given.
    fn closing(&self, global: &Global, id: &str) -> String {
        let at = match &self.at {
            // Sessions of places that run here are found without.
            Some(at) if !global.up_places().contains(at) => format!(" --at {at}"),
            _ => String::new(),
        };
        format!("waybook close {id}{at}{}", global.again())
    }

    /// Does it.
    pub(crate) async fn run(&self, global: &Global) -> Done {
        let form = self.form()?;
        let client = global.client_of(self.at.as_ref())?;
        if self.dry_run {
            let survey = client.dry_run(&form).await?;
            if global.json {
                show::json(&survey)?;
            } else {
                print_survey(&survey)?;
            }
            return match survey.chosen {
                Some(_) => Ok(()),
                None => Err(Fail::new(
                    Exit::Refused,
                    format!("`{}` would be refused", self.title),
                )),
            };
        }
        // How other programs hand on the trace that they are in.
        let client = match std::env::var("TRACEPARENT") {
            Ok(traceparent) => client.traced(&traceparent),
            Err(_) => client,
        };
        let mut interrupts = Interrupts::new()?;
        let session = set_up(&client, &form, &mut interrupts, global.json).await?;
        // Said at once, detached or not: what nobody claims is given up.
        client.claim(&session.session).await?;
        let hint = match self.detach {
            true => format!("close it with `{}`", self.closing(global, &session.session)),
            false => format!("session {}; Ctrl-C closes it", session.session),
        };
        show_established(&session, &hint, global.json)?;
        if self.detach {
            return Ok(());
        }
        stay(&client, &session.session, &mut interrupts, global.json).await
    }

    fn form(&self) -> Done<OpenForm> {
        let mut form = OpenForm {
            title: self.title.clone(),
            key: self.key.clone(),
            strategy: self.strategy.clone(),
            deadline: self.deadline.clone(),
            retries: self.retries,
            idle: self.idle.clone(),
            longest: self.longest.clone(),
            ..OpenForm::default()
        };
        match &self.profile {
            Some(file) if file.contains('/') || file.ends_with(".toml") => {
                form.profile = Some(read_profile(Path::new(file))?);
            }
            Some(user) => form.user = Some(user.clone()),
            None => form.user = self.user.as_ref().map(User::to_string),
        }
        Ok(form)
    }
}

fn read_profile(file: &Path) -> Done<ProfileForm> {
    let profile = Profile::from_toml(&read_file(file)?)
        .map_err(|error| Fail::usage(format!("{}: {error}", file.display())))?;
    Ok(ProfileForm {
        user: profile.user,
        best_quality: profile.best_quality,
        terminal_bandwidth: profile.terminal_bandwidth,
        may_open: profile.may_open,
    })
}

/// Ctrl-C, and a polite end from outside.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn new() -> Done<Self> {
        let on = |kind| signal(kind).map_err(Fail::failed);
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Opens the session, and shows how it comes about.
async fn set_up(
    client: &Client,
    form: &OpenForm,
    interrupts: &mut Interrupts,
    json: bool,
) -> Done<EstablishedInfo> {
    let given_up = || Fail::failed("given up before the session stood; nothing stays booked");
    let mut events = tokio::select! {
        events = client.open(form) => events?,
        () = interrupts.next() => return Err(given_up()),
    };
    let mut transfers = Transfers::new();
    loop {
        let event = tokio::select! {
            event = events.next() => event?,
            // The place gives a set-up up when nobody listens any more.
            () = interrupts.next() => return Err(given_up()),
        };
        match event {
            Some(Event::Progress(progress)) if json => {
                show::json_line(&json!({ "event": "progress", "data": progress }))?;
            }
            Some(Event::Progress(progress)) => {
                if !transfers.heard(&progress)? {
                    transfers.above(|| print_progress(&progress))?;
                }
            }
            Some(Event::Established(session)) => return Ok(*session),
            Some(Event::Refused(problem)) => {
                return Err(Fail::problem(problem).during(format!("`{}`", form.title)));
            }
            None => return Err(given_up()),
        }
    }
}

pub(super) fn print_progress(progress: &ProgressInfo) -> Done {
    let (word, color, rest) = match &progress.step {
        StepInfo::Held { demand } => ("holds", Color::Bold, show::amounts(demand)),
        StepInfo::Refused { refusal } => ("refuses", Color::Red, refusal.text.clone()),
        StepInfo::TracedBack => (
            "traces back",
            Color::Yellow,
            "no alternative fits what is held so far".to_owned(),
        ),
        StepInfo::Ready { hop } => {
            let components = if hop.components.is_empty() {
                String::new()
            } else {
                format!("; {}", show::components(&hop.components))
            };
            (
                "ready",
                Color::Green,
                format!("after {}{components}", hop.took.text),
            )
        }
        // Of a transfer, only that it is done.
        StepInfo::Downloading { bytes, length, .. } if bytes < length => return Ok(()),
        StepInfo::Downloading {
            component,
            from,
            length,
            ..
        } => {
            let from = from.as_ref().map(|from| format!(" from {from}"));
            let (size, from) = (show::size(*length), from.unwrap_or_default());
            ("has", Color::Bold, format!("{component}, {size}{from}"))
        }
    };
    // Padded before it is painted: codes have no width.
    let word = paint(color, &format!("{word:11}"));
    show::line(&format!(
        "{:>2}  {:24} {word} {rest}",
        progress.solution, progress.place
    ))
}

fn show_established(session: &EstablishedInfo, hint: &str, json: bool) -> Done {
    if json {
        return show::json_line(&json!({ "event": "established", "data": session }));
    }
    for refusal in &session.refused {
        show::line(&format!("    not {}", show::refusal(refusal)))?;
    }
    show::line(&format!(
        "`{}` at quality {} (solution {} of {}), set up in {}",
        session.title,
        paint(Color::Green, &session.quality),
        session.solution,
        session.solutions,
        session.took.text
    ))?;
    for hop in &session.journey {
        let brought = hop.components.iter().map(|c| &*c.name);
        let brought: Vec<_> = brought.filter(|name| name.contains('@')).collect();
        if !brought.is_empty() {
            let brought = brought.join(", ");
            show::line(&format!("  through {brought} at {}", hop.place))?;
        }
    }
    if let Some(urls) = &session.urls {
        show::line(&format!("  {}", paint(Color::Bold, &urls.path)))?;
        show::line(&format!("  {}", urls.host))?;
    }
    show::line(hint)
}

/// Waits until the session is over; an interrupt closes it.
async fn stay(client: &Client, id: &str, interrupts: &mut Interrupts, json: bool) -> Done {
    let left = || Fail::failed("left before the session was closed");
    let mut closing = false;
    let end = client.wait_for_end(id);
    tokio::pin!(end);
    let end = loop {
        tokio::select! {
            end = &mut end => break end,
            () = interrupts.next() => {
                if closing {
                    return Err(left());
                }
                closing = true;
                // It is answered when it is on disk.
                tokio::select! {
                    closed = client.close(id) => closed?,
                    () = interrupts.next() => return Err(left()),
                }
            }
        }
    };
    let end = end.map_err(|error| {
        let is_over = matches!(&error, Error::Problem(problem) if problem.end.is_some());
        let fail = Fail::from(error);
        match is_over {
            true => fail,
            false => fail.during(
                "the session's place no longer answers; a restarted place keeps its sessions",
            ),
        }
    })?;
    if json {
        show::json_line(&json!({ "event": "ended", "data": end }))?;
    } else {
        show::line(&format!("the session is over: {}", end.text))?;
    }
    match end.kind.as_str() {
        "broken" => Err(Fail::failed("the session's path broke")),
        _ => Ok(()),
    }
}

fn print_survey(survey: &SurveyInfo) -> Done {
    show::line(&format!("plan for `{}`", survey.title))?;
    for solution in &survey.solutions {
        let chosen = survey.chosen == Some(solution.number);
        let mark = if chosen { " <- would be taken" } else { "" };
        show::line(&paint(
            Color::Bold,
            &format!(
                "{}. {} from {}{mark}",
                solution.number, solution.quality, solution.server
            ),
        ))?;
        for stage in &solution.stages {
            let run = if stage.components.is_empty() {
                String::new()
            } else {
                format!("; run {}", stage.components.join(", "))
            };
            let says = says(survey, &stage.place, solution.number);
            let book = show::amounts(&stage.demand);
            show::line(&format!("   {:24} book {book}{run}: {says}", stage.place))?;
            if let Some(refusal) = refusal(survey, &stage.place, solution.number) {
                let remedy = paint(Color::Yellow, &refusal.remedy);
                show::line(&format!("   {:24} {remedy}", ""))?;
            }
        }
    }
    Ok(())
}

/// Why a place would refuse a solution, if it would.
fn refusal<'a>(survey: &'a SurveyInfo, place: &str, solution: u16) -> Option<&'a RefusalInfo> {
    let asked = survey.places.iter().find(|p| p.place == place)?;
    let answer = asked.answers.iter().find(|a| a.solution == solution)?;
    answer.refusal.as_ref()
}

/// What a place says to a solution.
fn says(survey: &SurveyInfo, place: &str, solution: u16) -> String {
    let asked = survey.places.iter().find(|p| p.place == place);
    let answer = asked.and_then(|p| p.answers.iter().find(|a| a.solution == solution));
    match answer {
        None => paint(Color::Yellow, "no answer"),
        Some(answer) => match &answer.refusal {
            None => paint(Color::Green, "fits"),
            Some(refusal) => paint(Color::Red, &refusal.text),
        },
    }
}
