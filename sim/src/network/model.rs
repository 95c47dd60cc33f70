//! How edges behave: what is told to the network before and during a run.

use std::time::Duration;

use crate::distribution::Distribution;
use crate::quantity::Probability;

/// How edges behave that are told nothing else: alike in both directions, in plain numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkModel {
    /// How long a message takes at least.
    pub latency: Duration,
    /// What is added, evenly drawn between nothing and this.
    pub jitter: Duration,
    /// The probability that a message is lost.
    pub loss: f64,
    /// The probability that a message arrives twice.
    pub duplicate: f64,
    /// The probability that a message is overtaken by later ones.
    pub reorder: f64,
    /// By how much at most a message is late that is overtaken or arrives again.
    pub late: Duration,
    /// Nothing arrives later than this after it left its sender: the transport would have
    /// given up the connection.
    pub idle: Duration,
    /// How many bits a second an edge takes in each direction, unless it has a rate of
    /// its own (see [`Network::shape`](super::Network::shape)); none for no limit.
    pub bandwidth: Option<u64>,
}

impl Default for LinkModel {
    /// A quiet network: 5 ms, in order, nothing lost.
    fn default() -> Self {
        Self {
            latency: Duration::from_millis(5),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            late: Duration::from_secs(1),
            idle: Duration::from_secs(6),
            bandwidth: None,
        }
    }
}

/// How many bits a second an edge takes in each direction; none for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// Towards the root.
    pub up: Option<u64>,
    /// Away from the root.
    pub down: Option<u64>,
}

/// How an edge behaves in each direction.
#[derive(Debug, Clone, PartialEq)]
pub struct EdgeModel {
    /// Towards the root.
    pub up: DirectionModel,
    /// Away from the root.
    pub down: DirectionModel,
}

impl EdgeModel {
    /// The same in both directions.
    #[must_use]
    pub fn alike(model: DirectionModel) -> Self {
        Self {
            up: model.clone(),
            down: model,
        }
    }

    pub(super) fn direction(&self, upward: bool) -> &DirectionModel {
        if upward { &self.up } else { &self.down }
    }

    /// The nearest that plain numbers come to it, for those who need only an idea of how
    /// long messages take: mean latency and jitter of the slower direction.
    pub(super) fn plain(&self) -> LinkModel {
        let both = [&self.up, &self.down];
        let longest = |of: fn(&DirectionModel) -> Duration| both.map(of).into_iter().max();
        LinkModel {
            latency: longest(|d| d.latency.mean().unwrap_or(d.idle)).unwrap_or_default(),
            jitter: longest(|d| d.jitter.mean().unwrap_or(d.idle)).unwrap_or_default(),
            loss: both.map(|d| d.loss.mean()).into_iter().fold(0.0, f64::max),
            duplicate: self.up.duplicate.value().max(self.down.duplicate.value()),
            reorder: self.up.reorder.value().max(self.down.reorder.value()),
            late: longest(|d| d.late.mean().unwrap_or(d.idle)).unwrap_or_default(),
            idle: longest(|d| d.idle).unwrap_or_default(),
            bandwidth: both.into_iter().filter_map(|d| d.bandwidth).min(),
        }
    }
}

impl Default for EdgeModel {
    fn default() -> Self {
        (&LinkModel::default()).into()
    }
}

impl From<&LinkModel> for EdgeModel {
    fn from(model: &LinkModel) -> Self {
        let up_to = |most: Duration| {
            Distribution::uniform(Duration::ZERO, most).unwrap_or_else(|_| most.into())
        };
        let probability = |p: f64| Probability::new(p.clamp(0.0, 1.0)).unwrap_or_default();
        Self::alike(DirectionModel {
            latency: model.latency.into(),
            jitter: up_to(model.jitter),
            loss: Loss::Independent(probability(model.loss)),
            duplicate: probability(model.duplicate),
            reorder: probability(model.reorder),
            late: up_to(model.late),
            idle: model.idle,
            bandwidth: model.bandwidth,
            discipline: Discipline::Queue,
            messages: Messages::Beside,
        })
    }
}

/// How one direction of an edge behaves.
///
/// A message leaves its sender (at once, or when the bandwidth has taken its bytes), and
/// arrives after a latency and a jitter, but never before one that was sent earlier: what
/// is drawn shorter waits, as in a stream. Only one that is to be overtaken is exempt.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectionModel {
    /// From leaving the sender to arriving.
    pub latency: Distribution,
    /// What is added to it.
    pub jitter: Distribution,
    /// Which messages are lost. Code is not: its transport sends again what is lost.
    pub loss: Loss,
    /// The probability that a message arrives twice.
    pub duplicate: Probability,
    /// The probability that a message is overtaken by later ones.
    pub reorder: Probability,
    /// By how much a message is late that is overtaken or arrives again.
    pub late: Distribution,
    /// Nothing arrives later than this after it left its sender.
    pub idle: Duration,
    /// Bits a second; none for no limit.
    pub bandwidth: Option<u64>,
    /// Who gets the bandwidth.
    pub discipline: Discipline,
    /// Whether messages take of the bandwidth.
    pub messages: Messages,
}

impl DirectionModel {
    /// The latency, if that is all that happens to a message.
    pub(super) fn calm(&self) -> Option<Duration> {
        let latency = self.latency.only()?;
        let calm = self.loss == Loss::default()
            && self.jitter.only() == Some(Duration::ZERO)
            && self.duplicate == Probability::default()
            && self.reorder == Probability::default()
            && self.messages == Messages::Beside;
        calm.then_some(latency)
    }
}

impl DirectionModel {
    /// How long a message takes on average; the longest that it may take where there is no
    /// average.
    pub(super) fn mean_latency(&self) -> Duration {
        self.latency.mean().unwrap_or(self.idle)
    }
}

impl Default for DirectionModel {
    /// As [`LinkModel`]'s default.
    fn default() -> Self {
        EdgeModel::default().up
    }
}

/// Which messages are lost in one direction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loss {
    /// Each with that probability, whatever became of the others.
    Independent(Probability),
    /// In bursts.
    Bursts(Bursts),
}

impl Default for Loss {
    fn default() -> Self {
        Self::Independent(Probability::default())
    }
}

impl Loss {
    /// The share of messages that is lost in the long run.
    #[must_use]
    pub fn mean(&self) -> f64 {
        match self {
            Self::Independent(probability) => probability.value(),
            Self::Bursts(bursts) => bursts.mean(),
        }
    }
}

/// Loss in bursts: a channel is good or bad, and may change before each message (Gilbert,
/// *Capacity of a Burst-Noise Channel*, 1960; Elliott, *Estimates of Error Rates for Codes
/// on Burst-Noise Channels*, 1963). It is good at first. The mean length of a burst is
/// `1 / to_good` messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bursts {
    /// The probability that a good channel turns bad before a message.
    pub to_bad: Probability,
    /// The probability that a bad channel turns good before a message.
    pub to_good: Probability,
    /// The probability that a message is lost while the channel is good.
    pub good: Probability,
    /// The probability that a message is lost while the channel is bad.
    pub bad: Probability,
}

impl Bursts {
    /// The share of messages that is lost in the long run; that of a good channel if it
    /// never changes.
    #[must_use]
    pub fn mean(&self) -> f64 {
        let (to_bad, to_good) = (self.to_bad.value(), self.to_good.value());
        if to_bad == 0.0 {
            return self.good.value();
        }
        let bad = to_bad / (to_bad + to_good);
        self.good.value() * (1.0 - bad) + self.bad.value() * bad
    }
}

/// Who gets the bandwidth of a direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Discipline {
    /// First come, first served, whole chunks at a time. Transfers that hand over their
    /// next chunk when the last one has left take turns.
    #[default]
    Queue,
    /// All chunks that are under way have the same share at every moment (processor
    /// sharing). Messages that take of the bandwidth go before, in their order.
    Fair,
}

/// Whether messages take of the bandwidth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Messages {
    /// They are short, and go beside the code: they take no time by their length.
    #[default]
    Beside,
    /// Their bytes take time like those of code.
    Within,
}

/// What comes on top of an edge's model for a while.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Disturbance {
    /// The probability that a message is lost by it.
    pub loss: Probability,
    /// The probability that it has a message arrive twice.
    pub duplicate: Probability,
    /// The probability that it has a message overtaken.
    pub reorder: Probability,
    /// By how much a message is late that it has overtaken or arrive again; the model's
    /// own if that is always nothing.
    pub late: Distribution,
}
