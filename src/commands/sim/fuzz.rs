//! `waybook sim fuzz`: random cases, one for each seed, that must all keep the promises.

use std::fs;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Map, Value, json};
use waybook_plan::parse_duration;
use waybook_sim::fuzz::{Case, Failure, Tally, draw, execute, shrink};

use super::files::{cannot, write_whole};
use super::progress::Progress;
use crate::commands::read_file;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// How many failures are made smaller and kept; of more, only the seeds are told.
const KEPT: usize = 3;

/// Runs random cases.
#[derive(Args)]
#[command(after_help = "\
Each seed is drawn into a case: a tree, what its places have and serve, who asks, and what goes
wrong when. The checkers look at every step; then everything is mended, and all must come to
rest within a stated time, with exactly what the established sessions need. A case that fails is
made smaller, and written to a file together with all that happened in it.

Exit code 1 if a case failed.

Examples:
  waybook sim fuzz --seeds 0..10000
  waybook sim fuzz --for 8h --seeds 1000000.. --out night
  waybook sim fuzz --seeds 4711..4712 --json
  waybook sim fuzz --case fuzz-4711.toml
  waybook sim fuzz --show 4711 > case.toml")]
pub(crate) struct Fuzz {
    /// Which seeds: the first one, and the one after the last
    #[arg(long, value_name = "A..B", value_parser = seeds, default_value = "0..1000")]
    seeds: Range<u64>,

    /// Go on with further seeds until so much time is over
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    time: Option<Duration>,

    /// Run so many at a time [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = super::jobs)]
    jobs: Option<NonZeroUsize>,

    /// Write the cases that fail, and their transcripts, into this folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,

    /// Run a case so often at most to make one that fails smaller; 0 leaves it as it is
    #[arg(long, value_name = "N", default_value_t = 2000)]
    shrink: usize,

    /// Run this case alone
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "time", "jobs", "show"])]
    case: Option<PathBuf>,

    /// Only write the case of a seed, to see it or to change it
    #[arg(long, value_name = "SEED", conflicts_with_all = ["seeds", "time", "jobs"])]
    show: Option<u64>,
}

/// What a campaign found.
#[derive(Default)]
struct Found {
    ran: u64,
    tally: Tally,
    failures: Vec<(u64, Failure)>,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || "write the first seed and the one after the last: 0..1000".to_owned();
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let from: u64 = from.parse().map_err(|_| wrong())?;
    let to = match to {
        "" => u64::MAX,
        to => to.parse().map_err(|_| wrong())?,
    };
    // A file of a case is TOML, whose numbers end there.
    let last = u64::try_from(i64::MAX).unwrap_or(u64::MAX);
    if from >= to.min(last) {
        return Err(wrong());
    }
    Ok(from..to.min(last))
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

impl Fuzz {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        if let Some(seed) = self.show {
            return show::line(draw(seed).to_toml().trim_end());
        }
        if let Some(path) = &self.case {
            return self.run_case(path, global);
        }
        let began = Instant::now();
        let Found {
            ran,
            tally,
            mut failures,
        } = self.campaign()?;
        let took = began.elapsed();
        failures.sort_by_key(|(seed, _)| *seed);
        let kept: Vec<_> = failures
            .iter()
            .take(KEPT)
            .map(|(seed, failure)| self.keep(*seed, failure))
            .collect::<Done<_>>()?;
        report(global, ran, took, &tally, &failures, &kept)?;
        match failures.len() {
            0 => Ok(()),
            1 => Err(Fail::failed(format!("1 of {ran} cases failed"))),
            many => Err(Fail::failed(format!("{many} of {ran} cases failed"))),
        }
    }

    /// Runs seed after seed on several threads: how many, what they exercised, and which failed.
    fn campaign(&self) -> Done<Found> {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = self.jobs.map_or(processors, NonZeroUsize::get);
        let last = if self.time.is_some() {
            u64::MAX >> 1
        } else {
            self.seeds.end
        };
        let began = Instant::now();
        let next = AtomicU64::new(self.seeds.start);
        let progress = Progress::new("fuzz".to_owned());
        let found = Mutex::new((Found::default(), progress));
        let is_time = || self.time.is_none_or(|time| began.elapsed() < time);
        let work = || {
            while is_time() {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= last {
                    return Ok(());
                }
                let run = execute(&draw(seed), false)
                    .map_err(|why| Fail::failed(why).during(format!("seed {seed}")))?;
                let Ok(mut found) = found.lock() else {
                    return Ok(());
                };
                let (found, progress) = &mut *found;
                found.ran += 1;
                found.tally.merge(&run.tally);
                found
                    .failures
                    .extend(run.failure.map(|failure| (seed, failure)));
                let share = match self.time {
                    Some(time) => began.elapsed().as_secs_f64() / time.as_secs_f64().max(1e-9),
                    #[allow(clippy::cast_precision_loss, reason = "for a bar")]
                    None => found.ran as f64 / (last - self.seeds.start) as f64,
                };
                progress.at(share);
            }
            Ok(())
        };
        let results: Vec<Done> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            let panicked = |_| Err(Fail::failed("a case ended in a panic"));
            let joined = threads
                .into_iter()
                .map(|t| t.join().unwrap_or_else(panicked));
            joined.collect()
        });
        results.into_iter().collect::<Done<()>>()?;
        let panicked = |_| Fail::failed("a case ended in a panic");
        let (found, progress) = found.into_inner().map_err(panicked)?;
        progress.done();
        Ok(found)
    }

    /// Makes a case that failed smaller, and writes it with its transcript.
    fn keep(&self, seed: u64, failure: &Failure) -> Done<Kept> {
        let mut case = draw(seed);
        if self.shrink > 0 {
            case = shrink(&case, &failure.kind(), self.shrink).case;
        }
        fs::create_dir_all(&self.out).map_err(|error| cannot(&self.out, &error))?;
        let file = self.out.join(format!("fuzz-{seed}.toml"));
        write_whole(&file, &case.to_toml())?;
        let again = execute(&case, true).map_err(Fail::failed)?;
        let transcript = self.out.join(format!("fuzz-{seed}.txt"));
        let told = again.failure.as_ref().unwrap_or(failure);
        write_whole(&transcript, &story(told))?;
        Ok(Kept {
            seed,
            case: file,
            transcript,
        })
    }

    fn run_case(&self, path: &Path, global: &Global) -> Done {
        let wrong = |why: String| Fail::usage(format!("{}: {why}", path.display()));
        let case = Case::from_toml(&read_file(path)?).map_err(wrong)?;
        let began = Instant::now();
        let run = execute(&case, true).map_err(wrong)?;
        let took = began.elapsed();
        let Some(failure) = run.failure else {
            return report(global, 1, took, &run.tally, &[], &[]);
        };
        fs::create_dir_all(&self.out).map_err(|error| cannot(&self.out, &error))?;
        let name = path
            .file_stem()
            .map_or("case".into(), |s| s.to_string_lossy());
        let transcript = self.out.join(format!("{name}.txt"));
        write_whole(&transcript, &story(&failure))?;
        let kept = Kept {
            seed: case.seed,
            case: path.to_owned(),
            transcript,
        };
        report(
            global,
            1,
            took,
            &run.tally,
            &[(case.seed, failure)],
            &[kept],
        )?;
        Err(Fail::failed("the case failed"))
    }
}

/// A case that failed, as it was kept.
struct Kept {
    seed: u64,
    case: PathBuf,
    transcript: PathBuf,
}

/// All that happened, and what was wrong at the end.
fn story(failure: &Failure) -> String {
    let violation = &failure.violation;
    format!(
        "{}\nat {:?}: {}\n",
        failure.transcript, violation.at, violation.what
    )
}

fn report(
    global: &Global,
    ran: u64,
    took: Duration,
    tally: &Tally,
    failures: &[(u64, Failure)],
    kept: &[Kept],
) -> Done {
    if global.json {
        let counts: Map<String, Value> = tally
            .iter()
            .map(|(what, times)| (what.to_owned(), times.into()))
            .collect();
        let failed = failures.iter().map(|(seed, failure)| {
            let kept = kept.iter().find(|kept| kept.seed == *seed);
            json!({
                "seed": seed,
                "what": failure.violation.what,
                "at_s": failure.violation.at.0 as f64 / 1e9,
                "case": kept.map(|kept| kept.case.clone()),
                "transcript": kept.map(|kept| kept.transcript.clone()),
            })
        });
        return show::json(&json!({
            "seeds": ran,
            "took_s": took.as_secs_f64(),
            "established": tally.established(),
            "slowest_rest_s": tally.slowest().as_secs_f64(),
            "counts": counts,
            "failures": failed.collect::<Vec<_>>(),
        }));
    }
    let mut rows: Vec<_> = tally
        .iter()
        .map(|(what, times)| vec![what.to_owned(), times.to_string()])
        .collect();
    let slowest = format!("{:.1} s", tally.slowest().as_secs_f64());
    rows.push(vec!["to rest, at most".to_owned(), slowest]);
    show::table(&["what", "times"], &rows, "nothing happened")?;
    show::line(&format!(
        "{ran} seeds in {:.0} s, {} of them failed",
        took.as_secs_f64(),
        failures.len()
    ))?;
    for (seed, failure) in failures {
        show::line(&format!("\nseed {seed}: {}", failure.violation.what))?;
        match kept.iter().find(|kept| kept.seed == *seed) {
            Some(kept) => {
                show::line(&format!(
                    "  to see it again:   waybook sim fuzz --case {}",
                    kept.case.display()
                ))?;
                show::line(&format!(
                    "  what happened:     {}",
                    kept.transcript.display()
                ))?;
            }
            None => show::line(&format!(
                "  to see it again:   waybook sim fuzz --seeds {seed}..{}",
                seed + 1
            ))?,
        }
    }
    Ok(())
}
