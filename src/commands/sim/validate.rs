//! `waybook sim validate`: the simulator held against theory.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use waybook_plan::format_duration;
use waybook_sim::validate::runner::{Effort, NO_LATENCY, measure, tell};
use waybook_sim::validate::{Case, Experiment, Measured, Verdict, judge_within, suite};

use super::files::{cannot, write_whole};
use super::progress::Progress;
use crate::commands::span;
use crate::fail::{Done, Fail};
use crate::find::Global;
use crate::show;

/// Holds the simulator against theory.
#[derive(Args)]
#[command(after_help = "\
Systems whose blocking, waits, availability or set-up delay are known exactly are simulated
with the places and agents of real daemons, in several replications with fixed seeds, at a
latency of next to nothing. All intervals together cover the exact values with a confidence
of 99.9%, and none may be wider than a hundredth of the value or 0.002 to either side. If
one does not cover, or is wider, the exit code is 1. Fixed-point approximations are shown
beside, and judge nothing.

With --quick, far fewer requests are simulated: intervals may be wider, and only great
differences are found. With --latency, nothing is judged: it is shown by how much the
simulation is above theory, which knows of no latency, where requests leave their place.

Examples:
  waybook sim validate
  waybook sim validate --quick --only fallback
  waybook sim validate --quick --latency 1ms,10ms,100ms
  waybook sim validate --scenarios theory")]
pub(crate) struct Validate {
    /// Simulate far less, and allow wider intervals
    #[arg(long)]
    quick: bool,

    /// Run only experiments with this in their names
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,

    /// Report the deviation at these latencies, one way over each edge, and judge nothing
    #[arg(long, value_name = "TIME", value_delimiter = ',', value_parser = span)]
    latency: Vec<Duration>,

    /// The seed of each experiment's first replication; the others have those after it
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Run so many replications at a time [default: as many as there are processors]
    #[arg(long, value_name = "N", value_parser = super::jobs)]
    jobs: Option<NonZeroUsize>,

    /// Run nothing, but write the scenarios into this folder
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
}

/// One experiment at one latency.
struct Task<'a> {
    experiment: &'a Experiment,
    latency: Duration,
    effort: Effort,
}

impl Validate {
    /// Does it.
    pub(crate) fn run(&self, global: &Global) -> Done {
        let experiments = self.experiments()?;
        if let Some(folder) = &self.scenarios {
            return self.write(&experiments, folder);
        }
        let judged = self.latency.is_empty();
        let latencies: &[Duration] = if judged {
            &[NO_LATENCY][..]
        } else {
            &self.latency
        };
        let mut cases = Vec::new();
        for latency in latencies {
            let measured = self.measure_all(&experiments, *latency)?;
            let found = judge_within(&experiments, &measured, self.widening());
            cases.push((*latency, found.map_err(Fail::failed)?));
        }
        if global.json {
            let rows = cases.iter().flat_map(|(latency, cases)| {
                cases.iter().map(|case| row_json(case, *latency, judged))
            });
            show::json(&rows.collect::<Vec<_>>())?;
        } else if judged {
            show_verdicts(&cases[0].1)?;
        } else {
            show_deviations(&cases)?;
        }
        let cases = cases.iter().flat_map(|(_, cases)| cases);
        let bad = cases.filter(|case| case.verdict != Verdict::Agrees).count();
        match bad {
            0 => Ok(()),
            _ if !judged => Ok(()),
            1 => Err(Fail::failed("1 case does not agree with theory")),
            _ => Err(Fail::failed(format!(
                "{bad} cases do not agree with theory"
            ))),
        }
    }

    fn experiments(&self) -> Done<Vec<Experiment>> {
        let all = suite().map_err(Fail::failed)?;
        let names: Vec<_> = all.iter().map(|e| e.name).collect();
        let wanted = |experiment: &Experiment| {
            let named = self.only.as_ref();
            named.is_none_or(|text| experiment.name.contains(text.as_str()))
                && (self.latency.is_empty() || experiment.subject.feels_latency())
        };
        let chosen: Vec<_> = all.iter().filter(|e| wanted(e)).cloned().collect();
        if chosen.is_empty() {
            return Err(Fail::usage(format!(
                "no such experiment{}; there are: {}",
                if self.latency.is_empty() {
                    ""
                } else {
                    " has edges"
                },
                names.join("; ")
            )));
        }
        Ok(chosen)
    }

    fn effort(&self, experiment: &Experiment) -> Effort {
        match self.quick {
            true => Effort::quick(experiment),
            false => Effort::full(experiment),
        }
    }

    fn widening(&self) -> f64 {
        if self.quick { Effort::WIDENING } else { 1.0 }
    }

    /// Runs all replications of all experiments, on several threads.
    fn measure_all(&self, experiments: &[Experiment], latency: Duration) -> Done<Vec<Measured>> {
        let tasks = experiments.iter().map(|experiment| Task {
            experiment,
            latency,
            effort: self.effort(experiment),
        });
        let tasks: Vec<_> = tasks.collect();
        let replications = tasks.iter().enumerate().flat_map(|(number, task)| {
            (0..task.effort.replications).map(move |replication| (number, replication))
        });
        let replications: Vec<_> = replications.collect();
        let values = self.replicate(&tasks, &replications)?;
        let mut measured = Vec::new();
        for (number, task) in tasks.iter().enumerate() {
            let quantities = task.experiment.subject.quantities().map_err(Fail::failed)?;
            let mut by_quantity = vec![Vec::new(); quantities.len()];
            let own = replications.iter().zip(&values);
            for (_, values) in own.filter(|((of, _), _)| *of == number) {
                for (all, value) in by_quantity.iter_mut().zip(values) {
                    all.push(*value);
                }
            }
            measured.push(by_quantity);
        }
        Ok(measured)
    }

    /// What each replication measures, in their order.
    fn replicate(&self, tasks: &[Task<'_>], wanted: &[(usize, u64)]) -> Done<Vec<Vec<f64>>> {
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let jobs = self.jobs.map_or(processors, NonZeroUsize::get);
        let next = AtomicUsize::new(0);
        let progress = Progress::new("validate".to_owned());
        let done = Mutex::new((progress, vec![None; wanted.len()], 0_usize));
        let failed = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..jobs.min(wanted.len()) {
                scope.spawn(|| {
                    while failed.lock().is_ok_and(|failed| failed.is_none()) {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some((number, replication)) = wanted.get(at) else {
                            return;
                        };
                        match self.replicate_once(&tasks[*number], *replication) {
                            Ok(values) => {
                                if let Ok(mut done) = done.lock() {
                                    done.1[at] = Some(values);
                                    done.2 += 1;
                                    #[allow(clippy::cast_precision_loss, reason = "for a bar")]
                                    let share = done.2 as f64 / wanted.len() as f64;
                                    done.0.at(share);
                                }
                            }
                            Err(error) => {
                                if let Ok(mut failed) = failed.lock() {
                                    failed.get_or_insert(error);
                                }
                            }
                        }
                    }
                });
            }
        });
        let panicked = || Fail::failed("a replication ended in a panic");
        let (progress, values, _) = done.into_inner().map_err(|_| panicked())?;
        progress.done();
        match failed.into_inner() {
            Ok(None) => values.into_iter().map(|v| v.ok_or_else(panicked)).collect(),
            Ok(Some(error)) => Err(error),
            Err(_) => Err(panicked()),
        }
    }

    fn replicate_once(&self, task: &Task<'_>, replication: u64) -> Done<Vec<f64>> {
        let Task {
            experiment,
            latency,
            effort,
        } = task;
        let seed = self.seed.wrapping_add(replication);
        measure(experiment, effort.amount, *latency, seed).map_err(|error| {
            Fail::failed(error).during(format!("{} (seed {seed})", experiment.name))
        })
    }

    /// Writes the scenarios for whoever wants to see what is simulated.
    fn write(&self, experiments: &[Experiment], folder: &Path) -> Done {
        for experiment in experiments {
            let folder = folder.join(experiment.name.replace([' ', ','], "-"));
            fs::create_dir_all(&folder).map_err(|error| cannot(&folder, &error))?;
            let latency = self.latency.first().copied().unwrap_or(NO_LATENCY);
            let told = tell(experiment, self.effort(experiment).amount, latency);
            write_whole(&folder.join("scenario.toml"), &told.scenario)?;
            write_whole(&folder.join("tree.csv"), &told.tree)?;
            show::line(&folder.join("scenario.toml").display().to_string())?;
        }
        Ok(())
    }
}

fn number(value: f64) -> String {
    format!("{value:.5}")
}

fn simulated(case: &Case) -> [String; 2] {
    match &case.simulated {
        None => [String::new(), String::new()],
        Some(interval) => [
            number(interval.mean),
            format!("{} to {}", number(interval.low()), number(interval.high())),
        ],
    }
}

fn show_verdicts(cases: &[Case]) -> Done {
    let headings = [
        "case",
        "formula",
        "expected",
        "simulated",
        "interval",
        "verdict",
        "approximation",
    ];
    let rows = cases.iter().map(|case| {
        let [mean, interval] = simulated(case);
        let verdict = match case.verdict {
            Verdict::Agrees => case.verdict.word().to_owned(),
            Verdict::TooWide => show::paint(show::Color::Yellow, case.verdict.word()),
            Verdict::Differs | Verdict::NotMeasured => {
                show::paint(show::Color::Red, case.verdict.word())
            }
        };
        vec![
            case.name.clone(),
            case.formula.to_owned(),
            number(case.expected),
            mean,
            interval,
            verdict,
            case.approximation.map_or(String::new(), number),
        ]
    });
    show::table(&headings, &rows.collect::<Vec<_>>(), "nothing to validate")
}

fn show_deviations(cases: &[(Duration, Vec<Case>)]) -> Done {
    let headings = [
        "latency",
        "case",
        "without latency",
        "simulated",
        "interval",
        "deviation",
    ];
    let rows = cases.iter().flat_map(|(latency, cases)| {
        cases.iter().map(|case| {
            let [mean, interval] = simulated(case);
            vec![
                format_duration(*latency),
                case.name.clone(),
                number(case.expected),
                mean,
                interval,
                (case.deviation()).map_or(String::new(), |by| format!("{by:+.5}")),
            ]
        })
    });
    show::table(&headings, &rows.collect::<Vec<_>>(), "nothing to validate")
}

fn row_json(case: &Case, latency: Duration, judged: bool) -> Value {
    let simulated = case.simulated.as_ref().map(|interval| {
        json!({
            "mean": interval.mean,
            "low": interval.low(),
            "high": interval.high(),
            "confidence": interval.confidence,
            "replications": interval.samples,
        })
    });
    json!({
        "case": case.name,
        "formula": case.formula,
        "reference": case.reference,
        "latency_s": latency.as_secs_f64(),
        "expected": case.expected,
        "approximation": case.approximation,
        "simulated": simulated,
        "deviation": case.deviation(),
        "verdict": judged.then(|| case.verdict.word()),
    })
}
