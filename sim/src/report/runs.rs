//! The runs of one folder, gathered from their tables.

use std::collections::BTreeMap;
use std::io::Read;

use super::read::{CsvFile, Unreadable};
use crate::results::Fate;
use crate::run::Summary;

/// The tables of one run, to be read.
pub struct Tables<'a> {
    /// What comes before their names in errors, such as the folder.
    pub folder: &'a str,
    /// `sessions.csv`.
    pub sessions: &'a mut dyn Read,
    /// `intervals.csv`.
    pub intervals: &'a mut dyn Read,
    /// `resources.csv`.
    pub resources: &'a mut dyn Read,
}

/// Runs of one scenario with different seeds.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// What they are called by.
    pub(super) name: String,
    pub(super) summaries: Vec<Summary>,
    /// The scenario as it was written.
    pub(super) scenario: Option<String>,
    /// By class of places, then by time.
    pub(super) sessions: BTreeMap<String, Course>,
    /// Answers by class of places, then by time.
    pub(super) answers: BTreeMap<String, BTreeMap<Time, Answers>>,
    /// By class of places and resource.
    pub(super) booked: BTreeMap<(String, String), Resource>,
    /// Set-up times in seconds by quality level, ascending.
    pub(super) setups: BTreeMap<String, Vec<f64>>,
    /// By the place and its reason.
    pub(super) refusals: BTreeMap<(String, String), u64>,
    pub(super) fates: BTreeMap<String, u64>,
    pub(super) ends: BTreeMap<String, u64>,
    /// Sessions by the number of tree edges of their path.
    pub(super) hops: BTreeMap<u64, u64>,
}

/// A moment of virtual time in microseconds, so that those of several runs are the same.
pub(super) type Time = i64;

/// A figure over time: one value for each run, from one moment to another.
pub(super) type Course = BTreeMap<Time, (Time, Vec<f64>)>;

/// Answers in an interval, of all runs.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answers {
    pub(super) end: Time,
    pub(super) established: f64,
    pub(super) refused: f64,
}

/// What is booked of a resource over time.
#[derive(Debug, Clone, Default)]
pub(super) struct Resource {
    pub(super) capacity: f64,
    /// The share that is booked or held at the ends of intervals.
    pub(super) share: Course,
    /// The same at the fullest place.
    pub(super) fullest: Course,
}

impl Runs {
    /// None yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// One more run.
    ///
    /// # Errors
    /// [`Unreadable`], if a table is not what [`results`](crate::results) writes.
    pub fn add(&mut self, summary: Summary, tables: Tables<'_>) -> Result<(), Unreadable> {
        let Tables {
            folder,
            sessions,
            intervals,
            resources,
        } = tables;
        self.read_sessions(&format!("{folder}sessions.csv"), sessions)?;
        self.read_intervals(&format!("{folder}intervals.csv"), intervals)?;
        self.read_resources(&format!("{folder}resources.csv"), resources)?;
        for times in self.setups.values_mut() {
            times.sort_by(f64::total_cmp);
        }
        self.summaries.push(summary);
        Ok(())
    }

    /// How long the warm-up is, in seconds.
    pub(super) fn warm_up(&self) -> f64 {
        let stated = self.summaries.iter().map(|run| run.warm_up.stated);
        stated.fold(0.0, f64::max)
    }

    fn read_sessions(&mut self, file: &str, from: &mut dyn Read) -> Result<(), Unreadable> {
        let mut csv = CsvFile::open(file, from)?;
        let about = csv.about.iter().find(|(key, _)| key == "scenario");
        if let (None, Some((_, text))) = (&self.scenario, about) {
            self.scenario = Some(text.clone());
        }
        let [warm_up, fate, quality, hops] =
            ["warm_up", "fate", "quality", "hops"].map(|name| csv.column(name));
        let (warm_up, fate, quality, hops) = (warm_up?, fate?, quality?, hops?);
        let [setup, refused_at, refused_for, end] =
            ["setup_s", "refused_at", "refused_for", "end"].map(|name| csv.column(name));
        let (setup, refused_at, refused_for, end) = (setup?, refused_at?, refused_for?, end?);
        while csv.advance()? {
            if csv.flag(warm_up)? {
                continue;
            }
            add(&mut self.fates, csv.word(fate));
            if !csv.word(end).is_empty() {
                add(&mut self.ends, csv.word(end));
            }
            if !csv.word(refused_at).is_empty() {
                let at = csv.word(refused_at).to_owned();
                let key = (at, csv.word(refused_for).to_owned());
                *self.refusals.entry(key).or_default() += 1;
            }
            if csv.word(fate) == Fate::Established.word() {
                let took = csv.number(setup)?;
                let quality = csv.word(quality).to_owned();
                self.setups.entry(quality).or_default().push(took);
                let hops = csv.number(hops)?.max(0.0) as u64;
                *self.hops.entry(hops).or_default() += 1;
            }
        }
        Ok(())
    }

    fn read_intervals(&mut self, file: &str, from: &mut dyn Read) -> Result<(), Unreadable> {
        let mut csv = CsvFile::open(file, from)?;
        let (start, end) = (csv.column("start_s")?, csv.column("end_s")?);
        let (class, sessions) = (csv.column("place_class")?, csv.column("sessions")?);
        let (established, refused) = (csv.column("established")?, csv.column("refused")?);
        while csv.advance()? {
            let (from, to) = (time(csv.number(start)?), time(csv.number(end)?));
            let class = csv.word(class).to_owned();
            let answers = self.answers.entry(class.clone()).or_default();
            let answers = answers.entry(from).or_default();
            answers.end = to;
            answers.established += csv.number(established)?;
            answers.refused += csv.number(refused)?;
            let course = self.sessions.entry(class).or_default();
            note(course, from, to, csv.number(sessions)?);
        }
        Ok(())
    }

    fn read_resources(&mut self, file: &str, from: &mut dyn Read) -> Result<(), Unreadable> {
        let mut csv = CsvFile::open(file, from)?;
        let (at, class) = (csv.column("at_s")?, csv.column("place_class")?);
        let (resource, capacity) = (csv.column("resource")?, csv.column("capacity")?);
        let (established, held) = (csv.column("established")?, csv.column("held")?);
        let fullest = csv.column("fullest")?;
        while csv.advance()? {
            let at = time(csv.number(at)?);
            let key = (csv.word(class).to_owned(), csv.word(resource).to_owned());
            let capacity = csv.number(capacity)?;
            let booked = csv.number(established)? + csv.number(held)?;
            let resource = self.booked.entry(key).or_default();
            resource.capacity = capacity;
            note(&mut resource.share, at, at, booked / capacity.max(1.0));
            note(&mut resource.fullest, at, at, csv.number(fullest)?);
        }
        Ok(())
    }
}

fn add(counts: &mut BTreeMap<String, u64>, word: &str) {
    match counts.get_mut(word) {
        Some(count) => *count += 1,
        None => {
            counts.insert(word.to_owned(), 1);
        }
    }
}

fn note(course: &mut Course, from: Time, to: Time, value: f64) {
    let (end, runs) = course.entry(from).or_default();
    *end = to;
    runs.push(value);
}

fn time(seconds: f64) -> Time {
    (seconds * 1e6).round() as Time
}

/// A moment in seconds.
pub(super) fn seconds(time: Time) -> f64 {
    time as f64 / 1e6
}
