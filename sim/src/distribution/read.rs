//! Distributions as scenarios write them.

use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use waybook_plan::parse_duration;

use super::Distribution;
use crate::quantity::{Invalid, Span};

const KINDS: &[&str] = &[
    "constant",
    "uniform",
    "exponential",
    "normal",
    "log-normal",
    "pareto",
    "gamma",
    "erlang",
    "empirical",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Uniform {
    from: Span,
    to: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Normal {
    mean: Span,
    deviation: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LogNormal {
    mean: Option<Span>,
    deviation: Option<Span>,
    median: Option<Span>,
    sigma: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pareto {
    shape: f64,
    mean: Option<Span>,
    minimum: Option<Span>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gamma {
    shape: f64,
    mean: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Erlang {
    phases: u32,
    mean: Span,
}

impl LogNormal {
    fn read(self) -> Result<Distribution, Invalid> {
        match (self.mean, self.deviation, self.median, self.sigma) {
            (Some(mean), Some(deviation), None, None) => {
                Distribution::log_normal(mean.0, deviation.0)
            }
            (None, None, Some(median), Some(sigma)) => {
                Distribution::log_normal_by_median(median.0, sigma)
            }
            _ => Err(Invalid::new(
                "log-normal",
                "takes either `mean` and `deviation` or `median` and `sigma`",
            )),
        }
    }
}

impl Pareto {
    fn read(self) -> Result<Distribution, Invalid> {
        match (self.mean, self.minimum) {
            (Some(mean), None) => Distribution::pareto_by_mean(mean.0, self.shape),
            (None, Some(minimum)) => Distribution::pareto(minimum.0, self.shape),
            _ => Err(Invalid::new(
                "pareto",
                "takes `shape` and either `mean` or `minimum`",
            )),
        }
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Distribution;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a duration such as \"5 ms\", or a table with the distribution's name as its only key",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Distribution, E> {
        match parse_duration(text) {
            Ok(value) => Ok(value.into()),
            Err(error) => Err(E::custom(error.message)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Distribution, A::Error> {
        let Some(kind) = map.next_key::<String>()? else {
            return Err(A::Error::custom(format!(
                "names no distribution: write one of {}",
                KINDS.join(", ")
            )));
        };
        let read = match kind.as_str() {
            "constant" => Ok(map.next_value::<Span>()?.0.into()),
            "uniform" => {
                let Uniform { from, to } = map.next_value()?;
                Distribution::uniform(from.0, to.0)
            }
            "exponential" => Distribution::exponential(map.next_value::<Span>()?.0),
            "normal" => {
                let Normal { mean, deviation } = map.next_value()?;
                Distribution::normal(mean.0, deviation.0)
            }
            "log-normal" => map.next_value::<LogNormal>()?.read(),
            "pareto" => map.next_value::<Pareto>()?.read(),
            "gamma" => {
                let Gamma { shape, mean } = map.next_value()?;
                Distribution::gamma(mean.0, shape)
            }
            "erlang" => {
                let Erlang { phases, mean } = map.next_value()?;
                Distribution::erlang(mean.0, phases)
            }
            "empirical" => {
                let values: Vec<Span> = map.next_value()?;
                let values: Vec<Duration> = values.into_iter().map(|span| span.0).collect();
                Distribution::empirical(&values)
            }
            other => return Err(A::Error::unknown_variant(other, KINDS)),
        };
        if let Some(second) = map.next_key::<String>()? {
            return Err(A::Error::custom(format!(
                "names two distributions, `{kind}` and `{}`: write one",
                second.escape_default()
            )));
        }
        read.map_err(|error| A::Error::custom(format!("{kind}: {error}")))
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}
