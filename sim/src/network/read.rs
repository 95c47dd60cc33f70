//! Link models as scenarios write them.
//!
//! ```toml
//! [link]
//! latency = "5 ms"
//! jitter = { exponential = "1 ms" }
//! loss = 0.001
//! bandwidth = "10 Mbit/s"
//! discipline = "fair"
//! messages = "within"
//!
//! [link.up]
//! latency = "20 ms"
//! loss = { to-bad = 0.001, to-good = 0.2, good = 0.0, bad = 0.5 }
//! ```
//!
//! What is left out is as in [`DirectionModel`]'s default; what `up` and `down` leave out is
//! as for both. How long a connection is kept without a sign of life is no property of a
//! link: it is `protocol.transport-idle`.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};

use super::model::{Bursts, DirectionModel, Discipline, Disturbance, EdgeModel, Loss, Messages};
use crate::distribution::Distribution;
use crate::quantity::{Bandwidth, Probability};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    latency: Option<Distribution>,
    jitter: Option<Distribution>,
    loss: Option<Loss>,
    duplicate: Option<Probability>,
    reorder: Option<Probability>,
    late: Option<Distribution>,
    bandwidth: Option<Bandwidth>,
    discipline: Option<Discipline>,
    messages: Option<Messages>,
    up: Option<Box<Fields>>,
    down: Option<Box<Fields>>,
}

impl Fields {
    fn onto(self, model: DirectionModel) -> DirectionModel {
        DirectionModel {
            latency: self.latency.unwrap_or(model.latency),
            jitter: self.jitter.unwrap_or(model.jitter),
            loss: self.loss.unwrap_or(model.loss),
            duplicate: self.duplicate.unwrap_or(model.duplicate),
            reorder: self.reorder.unwrap_or(model.reorder),
            late: self.late.unwrap_or(model.late),
            idle: model.idle,
            bandwidth: self.bandwidth.map_or(model.bandwidth, |rate| Some(rate.0)),
            discipline: self.discipline.unwrap_or(model.discipline),
            messages: self.messages.unwrap_or(model.messages),
        }
    }
}

impl<'de> Deserialize<'de> for EdgeModel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Fields::deserialize(deserializer)?;
        let (up, down) = (fields.up.take(), fields.down.take());
        let nested = |fields: &Option<Box<Fields>>| {
            fields
                .as_ref()
                .is_some_and(|fields| fields.up.is_some() || fields.down.is_some())
        };
        if nested(&up) || nested(&down) {
            return Err(D::Error::custom(
                "`up` and `down` are directions of an edge: they have no directions themselves",
            ));
        }
        let both = fields.onto(DirectionModel::default());
        let direction = |fields: Option<Box<Fields>>| match fields {
            Some(fields) => fields.onto(both.clone()),
            None => both.clone(),
        };
        Ok(Self {
            up: direction(up),
            down: direction(down),
        })
    }
}

impl<'de> Deserialize<'de> for Discipline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "queue" => Ok(Self::Queue),
            "fair" => Ok(Self::Fair),
            other => Err(D::Error::unknown_variant(other, &["queue", "fair"])),
        }
    }
}

impl<'de> Deserialize<'de> for Messages {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "beside" => Ok(Self::Beside),
            "within" => Ok(Self::Within),
            other => Err(D::Error::unknown_variant(other, &["beside", "within"])),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct BurstFields {
    to_bad: Probability,
    to_good: Probability,
    #[serde(default)]
    good: Probability,
    bad: Probability,
}

struct LossReader;

impl<'de> Visitor<'de> for LossReader {
    type Value = Loss;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a probability from 0 to 1, or { to-bad, to-good, good, bad } for bursts")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Loss, E> {
        match Probability::new(value) {
            Some(probability) => Ok(Loss::Independent(probability)),
            None => Err(E::invalid_value(Unexpected::Float(value), &self)),
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Loss, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Loss, E> {
        self.visit_f64(value as f64)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Loss, A::Error> {
        let fields = BurstFields::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Loss::Bursts(Bursts {
            to_bad: fields.to_bad,
            to_good: fields.to_good,
            good: fields.good,
            bad: fields.bad,
        }))
    }
}

impl<'de> Deserialize<'de> for Loss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LossReader)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisturbanceFields {
    #[serde(default)]
    loss: Probability,
    #[serde(default)]
    duplicate: Probability,
    #[serde(default)]
    reorder: Probability,
    #[serde(default)]
    late: Distribution,
}

impl<'de> Deserialize<'de> for Disturbance {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fields = DisturbanceFields::deserialize(deserializer)?;
        if [fields.loss, fields.duplicate, fields.reorder].map(Probability::value) == [0.0; 3] {
            return Err(D::Error::custom(
                "disturbs nothing: write at least one of `loss`, `duplicate` and `reorder`",
            ));
        }
        Ok(Self {
            loss: fields.loss,
            duplicate: fields.duplicate,
            reorder: fields.reorder,
            late: fields.late,
        })
    }
}
