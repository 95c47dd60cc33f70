//! How models are written, and what is said of those that are wrong.

use serde::de::DeserializeOwned;
use waybook_sim::distribution::Distribution;
use waybook_sim::faults::Fault;
use waybook_sim::network::{DirectionModel, Discipline, EdgeModel, LinkModel, Loss, Messages};
use waybook_sim::scenario::PlaceSpec;
use waybook_sim::workload::{Arrivals, Mobility, Origins, Sources, Titles};

use crate::support::{MS, exponential, read};

/// That a value is refused with a message that has all these words, and the line.
#[track_caller]
fn refused<T: DeserializeOwned + std::fmt::Debug>(value: &str, words: &[&str]) {
    let error = read::<T>(value).expect_err("it is wrong");
    for word in words.iter().chain(&["line 1"]) {
        assert!(error.contains(word), "`{word}` is not in:\n{error}");
    }
}

#[test]
fn distributions() {
    refused::<Distribution>("5", &["a duration such as", "5"]);
    refused::<Distribution>("'5'", &["no amount of time", "`30 s`"]);
    refused::<Distribution>("{}", &["no distribution", "log-normal"]);
    refused::<Distribution>("{ weibull = '5 s' }", &["`weibull`", "`pareto`"]);
    refused::<Distribution>("{ exponential = '0 s' }", &["exponential", "more than 0 s"]);
    refused::<Distribution>(
        "{ uniform = { from = '2 s', to = '1 s' } }",
        &["uniform", "`to`", "less than `from`"],
    );
    refused::<Distribution>("{ uniform = { from = '2 s' } }", &["missing", "`to`"]);
    refused::<Distribution>(
        "{ normal = { mean = '5 ms', deviation = '1 ms', cut = 0 } }",
        &["`cut`", "`deviation`"],
    );
    refused::<Distribution>(
        "{ log-normal = { mean = '5 ms', sigma = 1.0 } }",
        &[
            "log-normal",
            "`mean` and `deviation`",
            "`median` and `sigma`",
        ],
    );
    refused::<Distribution>(
        "{ pareto = { shape = 0.9, mean = '5 ms' } }",
        &["pareto", "`shape`", "above 1"],
    );
    refused::<Distribution>(
        "{ pareto = { shape = nan, minimum = '5 ms' } }",
        &["`shape`", "above 0"],
    );
    refused::<Distribution>(
        "{ gamma = { shape = -1.0, mean = '5 ms' } }",
        &["gamma", "`shape`", "above 0"],
    );
    refused::<Distribution>(
        "{ erlang = { phases = 0, mean = '5 ms' } }",
        &["erlang", "`phases`", "at least 1"],
    );
    refused::<Distribution>("{ empirical = [] }", &["empirical", "at least one"]);
    refused::<Distribution>(
        "{ exponential = '5 s', constant = '1 s' }",
        &["two distributions", "`exponential`", "`constant`"],
    );
}

#[test]
fn links() {
    let model: EdgeModel = toml::from_str(
        "latency = '5 ms'
         jitter = { exponential = '1 ms' }
         loss = 0.001
         bandwidth = '10 Mbit/s'
         discipline = 'fair'
         messages = 'within'
         [up]
         latency = '20 ms'
         loss = { to-bad = 0.001, to-good = 0.2, bad = 0.5 }",
    )
    .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(model.down.latency, (5 * MS).into());
    assert_eq!(model.up.latency, (20 * MS).into());
    for direction in [&model.up, &model.down] {
        assert_eq!(direction.jitter, exponential(MS));
        assert_eq!(direction.bandwidth, Some(10_000_000));
        assert_eq!(direction.discipline, Discipline::Fair);
        assert_eq!(direction.messages, Messages::Within);
        assert_eq!(direction.late, DirectionModel::default().late);
    }
    assert!((model.up.loss.mean() - 0.5 / 201.0).abs() < 1e-12);
    assert!(matches!(model.down.loss, Loss::Independent(p) if p.value() == 0.001));
    assert_eq!(
        read::<EdgeModel>("{}"),
        Ok(EdgeModel::from(&LinkModel::default()))
    );

    refused::<EdgeModel>("{ idle = '3 s' }", &["`idle`"]);
    refused::<EdgeModel>("{ lag = '5 ms' }", &["`lag`", "`latency`"]);
    refused::<EdgeModel>("{ loss = 1.5 }", &["loss", "1.5", "from 0 to 1"]);
    refused::<EdgeModel>("{ loss = { to-bad = 0.1 } }", &["missing", "`to-good`"]);
    refused::<EdgeModel>("{ bandwidth = '0 bit/s' }", &["bandwidth", "at least"]);
    refused::<EdgeModel>("{ bandwidth = 5 }", &["4 Mbit/s"]);
    refused::<EdgeModel>("{ discipline = 'fifo' }", &["`fifo`", "`queue`", "`fair`"]);
    refused::<EdgeModel>("{ messages = 'in' }", &["`in`", "`beside`", "`within`"]);
    refused::<EdgeModel>("{ up = { down = {} } }", &["`up` and `down`"]);
    refused::<EdgeModel>("{ duplicate = -0.1 }", &["-0.1", "from 0 to 1"]);
}

#[test]
fn places() {
    let spec: PlaceSpec = toml::from_str(
        "processing = { exponential = '200 us' }
         servers = 4
         slowness = 2
         start = '50 ms'
         compile = '300 ms'
         disk = '4 GiB'
         clock = { offset = '-2 s', drift-ppm = 50 }",
    )
    .unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(spec.disk.map(|bytes| bytes.0), Some(4 << 30));
    let model = spec.model();
    assert_eq!(model.servers.get(), 4);
    assert_eq!(
        model.clock.local(crate::support::at(2_000_000)).0,
        1_998_100_000_000
    );
    assert_eq!(read::<PlaceSpec>("{}"), Ok(PlaceSpec::default()));
    assert!(PlaceSpec::default().model().is_immediate());

    refused::<PlaceSpec>("{ servers = 0 }", &["servers", "nonzero"]);
    refused::<PlaceSpec>("{ slowness = 0 }", &["0", "above 0"]);
    refused::<PlaceSpec>("{ disk = '4' }", &["memory", "GiB"]);
    refused::<PlaceSpec>("{ clock = { offset = '2' } }", &["time", "ms"]);
    refused::<PlaceSpec>("{ clock = { drift-ppm = 1e6 } }", &["drift-ppm", "500000"]);
}

#[test]
fn workloads() {
    refused::<Arrivals>("{ poisson = '2' }", &["`2`", "no rate", "`2.5/s`"]);
    refused::<Arrivals>("{ poisson = '-2/s' }", &["`-2/s`", "above 0"]);
    refused::<Arrivals>("{ burst = '2/s' }", &["`burst`", "`on-off`"]);
    refused::<Arrivals>(
        "{ on-off = { rate = '2/s', on = '1 s' } }",
        &["missing", "`off`"],
    );
    refused::<Arrivals>(
        "{ on-off = { rate = '2/s', on = '0 s', off = '1 s' } }",
        &["`on`", "must be longer"],
    );
    refused::<Arrivals>(
        "{ diurnal = { rate = '2/s', factors = [1.0, 2.0] } }",
        &["`factors`", "has 2 numbers", "24"],
    );
    refused::<Arrivals>(
        "{ diurnal = { rate = '2/s', swing = 2.0, peak = '20 h' } }",
        &["`swing`", "from 0 to 1"],
    );
    refused::<Arrivals>("{ diurnal = { rate = '2/s' } }", &["`factors`", "`peak`"]);
    refused::<Arrivals>("{ trace = ['2 s', '1 s'] }", &["`trace`", "number 2"]);
    refused::<Sources>("{ sources = 0, idle = '1 s' }", &["sources", "nonzero"]);
    refused::<Titles>("{ count = 0, exponent = 1.0 }", &["`count`", "at least 1"]);
    refused::<Titles>(
        "{ count = 9, exponent = -1.0 }",
        &["`exponent`", "at least 0"],
    );
    refused::<Origins>("'all'", &["`all`", "`uniform`"]);
    refused::<Origins>("{ localities = { 'R/a' = 1 } }", &["`R`", "not a label"]);
    refused::<Origins>("{ classes = { home = 0 } }", &["0", "above 0"]);
    refused::<Mobility>(
        "{ walk = { dwell = '1 s', to = 'far' } }",
        &["`far`", "`near`"],
    );
    refused::<Mobility>(
        "{ trace = [{ at = '1 s', place = 'r/a' }, { at = '1 s', place = 'r/b' }] }",
        &["`at`", "later"],
    );
    assert_eq!(read("'uniform'"), Ok(Origins::Uniform));
    let rates = ["'2/s'", "'120/min'", "'7200 / h'"];
    for rate in rates.map(|rate| read::<Arrivals>(&format!("{{ poisson = {rate} }}"))) {
        assert_eq!(rate.expect("a process").mean_rate(), Some(2.0));
    }
}

#[test]
fn faults() {
    refused::<Fault>("{ at = '1 s' }", &["one thing", "`crash`", "`messages`"]);
    refused::<Fault>(
        "{ at = '1 s', crash = 'keep-disk', slow = 2 }",
        &["one thing"],
    );
    refused::<Fault>("{ at = '1 s', crash = 'now' }", &["`now`", "`keep-disk`"]);
    refused::<Fault>("{ crash = 'keep-disk' }", &["`at`", "`to-failure`"]);
    refused::<Fault>(
        "{ at = '1 s', to-failure = '1 s', to-repair = '1 s', crash = 'keep-disk' }",
        &["`at`", "`to-failure`"],
    );
    refused::<Fault>(
        "{ to-failure = '0 s', to-repair = '0 s', crash = 'keep-disk' }",
        &["`to-failure`", "more than 0 s"],
    );
    refused::<Fault>(
        "{ at = '1 s', place = 'r', class = 'core', crash = 'keep-disk' }",
        &["`place`", "`class`", "`below`"],
    );
    refused::<Fault>(
        "{ at = '1 s', lasts = '1 s', step = '1 s' }",
        &["`step`", "not repaired"],
    );
    refused::<Fault>("{ at = '1 s', messages = {} }", &["disturbs nothing"]);
    refused::<Fault>("{ when = '1 s' }", &["`when`", "`to-failure`"]);
}
