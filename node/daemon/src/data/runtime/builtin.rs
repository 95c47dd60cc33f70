//! The components that are part of the place itself.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;

use http::Request;
use waybook_plan::Component;

use super::super::DataConfig;
use super::super::chain::{Answer, NextHop};
use super::files::Files;
use super::outgoing::Outgoing;
use super::upstream::Upstream;
use super::{Running, Runtime, Started, Starting};
use crate::{Body, Start};

/// Starts `files`, `upstream` and `relay`.
pub(super) struct Builtin {
    roots: Vec<PathBuf>,
    upstreams: Vec<String>,
    outgoing: Outgoing,
}

impl Builtin {
    pub(super) fn new(config: &DataConfig) -> Self {
        Self {
            roots: config.files.clone(),
            upstreams: config.upstreams.clone(),
            outgoing: Outgoing::new(&config.limits),
        }
    }

    fn start_now(&self, component: &Component) -> Result<Started, String> {
        match component.name.as_str() {
            "files" => {
                let root = setting(component, "root")?;
                let files = Files::new(&self.roots, root)?;
                let endpoint = format!("builtin:files {}", files.root().display());
                Ok(Started {
                    running: Arc::new(files),
                    endpoint,
                })
            }
            "upstream" => {
                let url = setting(component, "url")?;
                let upstream = Upstream::new(&self.upstreams, url, self.outgoing.clone())?;
                Ok(Started {
                    running: Arc::new(upstream),
                    endpoint: format!("builtin:upstream {url}"),
                })
            }
            "relay" => Ok(Started {
                running: Arc::new(Relay),
                endpoint: "builtin:relay".to_owned(),
            }),
            other => Err(format!(
                "there is no builtin component `{other}`; there are files, upstream and relay"
            )),
        }
    }
}

fn setting<'a>(component: &'a Component, key: &str) -> Result<&'a str, String> {
    let value = component.config.get(key).map(String::as_str);
    value.ok_or_else(|| format!("builtin `{component}` needs the setting `{key}`"))
}

impl Runtime for Builtin {
    fn start(
        &self,
        _: Starting,
        start: Start,
    ) -> Pin<Box<dyn Future<Output = Result<Started, String>> + Send + '_>> {
        Box::pin(async move { self.start_now(&start.component) })
    }
}

/// Passes requests on as they are.
struct Relay;

impl Running for Relay {
    fn call(&self, request: Request<Body>, next: NextHop) -> Answer {
        next.call(request)
    }

    fn passes(&self) -> bool {
        true
    }
}
