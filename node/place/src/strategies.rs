//! What places choose from: Decision Makers, and the rules of download strategies.

use std::fmt;
use std::sync::Arc;

use waybook_agents::{DownloadRule, DownloadStrategy, builtin_download_rules};
use waybook_plan::{DecisionMaker, builtin_decision_makers};

/// The strategies that a place knows by name: at first those that come with Waybook.
/// Places that are alike share one of these.
#[derive(Clone)]
pub struct Strategies {
    decision_makers: Vec<Arc<dyn DecisionMaker>>,
    download_rules: Vec<Arc<dyn DownloadRule>>,
}

impl Default for Strategies {
    fn default() -> Self {
        Self {
            decision_makers: builtin_decision_makers(),
            download_rules: builtin_download_rules(),
        }
    }
}

impl Strategies {
    /// With a Decision Maker more, or in the place of the one that has the same name.
    #[must_use]
    pub fn with_decision_maker(mut self, maker: impl DecisionMaker + 'static) -> Self {
        self.decision_makers.retain(|m| m.name() != maker.name());
        self.decision_makers.push(Arc::new(maker));
        self
    }

    /// With a rule for download agents more, or in the place of the one that goes by the
    /// same name.
    #[must_use]
    pub fn with_download_rule(mut self, rule: impl DownloadRule + 'static) -> Self {
        let strategy = rule.strategy();
        self.download_rules.retain(|r| r.strategy() != strategy);
        self.download_rules.push(Arc::new(rule));
        self
    }

    /// The Decision Maker of that name.
    ///
    /// # Errors
    /// A sentence that names those there are.
    pub fn decision_maker(&self, name: &str) -> Result<&dyn DecisionMaker, String> {
        let mut makers = self.decision_makers.iter();
        let found = makers.find(|maker| maker.name() == name);
        found.map(|maker| &**maker).ok_or_else(|| {
            let names = self.decision_makers.iter().map(|maker| maker.name());
            let names: Vec<_> = names.collect();
            let names = names.join(", ");
            format!("there is no Decision Maker `{name}`; there are {names}")
        })
    }

    /// The rule of a download strategy.
    ///
    /// # Errors
    /// A sentence that names those there are.
    pub fn download_rule(&self, strategy: &DownloadStrategy) -> Result<&dyn DownloadRule, String> {
        let mut rules = self.download_rules.iter();
        let found = rules.find(|rule| rule.strategy() == *strategy);
        found.map(|rule| &**rule).ok_or_else(|| {
            let names = self.download_rules.iter().map(|rule| rule.strategy());
            let names: Vec<_> = names.map(|name| name.to_string()).collect();
            let names = names.join(", ");
            format!("there is no download strategy `{strategy}`; there are {names}")
        })
    }
}

impl fmt::Debug for Strategies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let makers: Vec<_> = self.decision_makers.iter().map(|m| m.name()).collect();
        let rules: Vec<_> = self.download_rules.iter().map(|r| r.strategy()).collect();
        f.debug_struct("Strategies")
            .field("decision_makers", &makers)
            .field("download_rules", &rules)
            .finish()
    }
}
