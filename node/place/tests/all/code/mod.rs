//! Code that is brought along: places fetch what they lack, and a test is their driver.

mod chain;
mod hostile;
mod keeping;
mod naming;
mod sources;

use std::sync::Arc;

use waybook_place::io::{CodeOrder, Established, FetchFailure, Input, Outcome, Output, RequestId};
use waybook_place::{CodeConfig, CodeView, Config, Trust};
use waybook_plan::{Digest, Release};

use crate::neighbours::{Fetching, Neighbours, config, name};

/// A place that runs what targets `wasi:http/proxy@0.2`, whoever made it.
pub(crate) fn runs(place: &str) -> Config {
    Config {
        code: CodeConfig {
            runtimes: vec!["wasi:http/proxy@0.2.12".to_owned()],
            trust: Trust {
                publishers: Vec::new(),
                unsigned: true,
            },
            ..CodeConfig::default()
        },
        ..config(place, 1000)
    }
}

/// A release of 1,000 bytes that nobody signed; its digest is that of its reference, so to
/// say.
pub(crate) fn release(reference: &str, home: &str) -> Release {
    let (component, version) = reference.split_once('@').unwrap();
    let mut digest = [0; 32];
    for (at, byte) in reference.bytes().enumerate() {
        digest[at % 32] ^= byte;
    }
    Release {
        name: component.to_owned(),
        version: version.parse().unwrap(),
        description: String::new(),
        runtime: "wasi:http/proxy@0.2.0".to_owned(),
        requires: Vec::new(),
        dependencies: [].into(),
        digest: Digest(digest),
        length: 1_000,
        root: [0; 32],
        home: name(home),
        signature: None,
    }
}

/// A film whose better quality has code at that position of the path, and whose other one
/// has none.
pub(crate) fn film(position: &str, reference: &str) -> String {
    let files = "[[quality.component]]\nat = \"server\"\nname = \"files\"\nruntime = \"builtin\"\n";
    let code = format!(
        "[[quality.component]]\nat = \"{position}\"\nname = \"{reference}\"\nruntime = \"wasm\"\n"
    );
    // From the client's side to the server's; at the server the file comes last.
    format!(
        "title = \"film\"\n[[quality]]\nname = \"fine\"\n{code}{files}\
         [[quality]]\nname = \"plain\"\n{files}"
    )
}

impl Neighbours {
    /// Gives an order.
    pub(crate) fn order(&mut self, place: &str, order: CodeOrder) -> RequestId {
        self.orders += 1;
        let request = RequestId(1_000_000 + self.orders);
        self.put(&name(place), Input::Code { request, order });
        self.settle();
        request
    }

    /// What came of an order: the references, or the sentence.
    pub(crate) fn ordered(&self, request: RequestId) -> Option<Result<Vec<String>, String>> {
        self.done.iter().find_map(|(_, output)| match output {
            Output::CodeDone { request: r, result } if *r == request => Some(match result {
                Ok(releases) => Ok(releases.iter().map(|r| r.reference()).collect()),
                Err(why) => Err(why.clone()),
            }),
            _ => None,
        })
    }

    /// Adds a release at its home.
    pub(crate) fn add(&mut self, release: &Release) {
        let home = release.home.to_string();
        let request = self.order(&home, CodeOrder::Add(Arc::new(release.clone())));
        let done = self.ordered(request).unwrap();
        assert_eq!(done, Ok(vec![release.reference()]));
    }

    pub(crate) fn code_at(&self, place: &str, digest: &Digest) -> Option<CodeView> {
        let code = self.places[&name(place)].code();
        code.into_iter().find(|code| code.release.digest == *digest)
    }

    /// Who holds what, whole.
    pub(crate) fn held(&self) -> Vec<String> {
        let of = |(place, all): (&_, &waybook_place::Place)| {
            let code = all.code().into_iter();
            let whole = code.filter(|c| c.bytes == c.release.length);
            let lines = whole.map(|c| format!("{place}: {}", c.release.reference()));
            lines.collect::<Vec<_>>()
        };
        self.places.iter().flat_map(of).collect()
    }

    fn bytes_at(&self, fetching: &Fetching, here: bool) -> u64 {
        let place = if here { &fetching.at } else { &fetching.source };
        let code = self.code_at(place.as_str(), &fetching.release.digest);
        // What was given up half-way is not read from.
        let whole = |c: &CodeView| c.bytes == c.release.length;
        let code = code.filter(|c| here || c.from.is_some() || whole(c));
        code.map_or(0, |code| code.bytes)
    }

    fn coming(&self, at: &str) -> Fetching {
        let found = self.fetching.iter().find(|f| f.at == name(at));
        found
            .unwrap_or_else(|| panic!("nothing comes to {at}"))
            .clone()
    }

    fn tell(&mut self, fetching: &Fetching, input: Input) {
        if !matches!(input, Input::FetchProgress { .. }) {
            self.fetching.retain(|f| f != fetching);
        }
        self.put(&fetching.at, input);
        self.settle();
    }

    /// So much of the first transfer to that place is there.
    pub(crate) fn progress(&mut self, at: &str, bytes: u64) {
        let coming = self.coming(at);
        let fetch = coming.fetch;
        self.tell(&coming, Input::FetchProgress { fetch, bytes });
    }

    /// The first transfer to that place is over.
    pub(crate) fn finish(&mut self, at: &str) {
        let coming = self.coming(at);
        let fetch = coming.fetch;
        self.tell(&coming, Input::Fetched { fetch });
    }

    /// The first transfer to that place breaks.
    pub(crate) fn fail(&mut self, at: &str, failure: FetchFailure) {
        let coming = self.coming(at);
        let fetch = coming.fetch;
        self.tell(&coming, Input::FetchFailed { fetch, failure });
    }

    /// Carries out all transfers until none can go on: first bytes first, so that they cut
    /// through.
    pub(crate) fn transfer(&mut self) {
        loop {
            self.settle();
            let bytes = |f: &Fetching, here| self.bytes_at(f, here);
            let all = || self.fetching.iter();
            let begins = all().find(|f| bytes(f, true) == 0 && bytes(f, false) > 0);
            let ends = all().find(|f| bytes(f, false) == f.release.length);
            let fails = all().find(|f| bytes(f, false) == 0);
            let (coming, input) = if let Some(coming) = begins {
                let (fetch, bytes) = (coming.fetch, 1);
                (coming, Input::FetchProgress { fetch, bytes })
            } else if let Some(coming) = ends {
                let fetch = coming.fetch;
                (coming, Input::Fetched { fetch })
            } else if let Some(coming) = fails {
                let (fetch, failure) = (coming.fetch, FetchFailure::NotHeld);
                (coming, Input::FetchFailed { fetch, failure })
            } else {
                return;
            };
            let coming = coming.clone();
            self.tell(&coming, input);
        }
    }

    pub(crate) fn established(&self, request: RequestId) -> Established {
        match self.outcome(request) {
            Some(Outcome::Established(established)) => (**established).clone(),
            other => panic!("not established: {other:?}"),
        }
    }

    /// Why solutions were refused before one was established, or all were.
    pub(crate) fn refused(&self, request: RequestId) -> Vec<String> {
        let refused = match self.outcome(request) {
            Some(Outcome::Established(established)) => &established.refused,
            Some(Outcome::Refused { refused, .. }) => refused,
            other => panic!("nothing was refused: {other:?}"),
        };
        refused.iter().map(ToString::to_string).collect()
    }

    /// How often drivers were told something.
    pub(crate) fn count(&self, what: fn(&Output) -> bool) -> usize {
        self.done.iter().filter(|(_, output)| what(output)).count()
    }
}
