//! The components that places keep.

use std::path::Path;

use data_encoding::BASE64;
use http::{Method, header};
use http_body_util::Full;

use super::Client;
use super::request::escape;
use crate::model::{CodeDetail, CodeInfo, PrefetchForm, ReleaseInfo, StrategyForm, StrategyInfo};
use crate::upload::Upload;
use crate::{Error, Fetching};

/// Code that is to be added at a place.
#[derive(Debug, Clone, Copy)]
pub struct NewCode<'a> {
    /// The component's binary.
    pub binary: &'a Path,
    /// The text of its `component.toml`. Without one, the binary must say its name and
    /// version itself.
    pub manifest: Option<&'a str>,
    /// The publisher's key and signature, as `waybook component sign` writes them.
    pub signature: Option<&'a str>,
}

impl Client {
    /// The code that the place holds or that is on its way there; `everywhere`, also what
    /// the rest of its locality is known to hold.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn components(&self, everywhere: bool) -> Result<Vec<CodeInfo>, Error> {
        let reach = if everywhere { "?everywhere=true" } else { "" };
        self.get(&format!("/components{reach}")).await
    }

    /// All that the place knows of some code: `name@version`, `name`, or `sha256:` and at
    /// least six digits.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn component(&self, code: &str) -> Result<CodeDetail, Error> {
        self.get(&component(code, "")).await
    }

    /// Adds code at the place. The file is sent as it is read; `progress` is told how many
    /// bytes have been handed over.
    ///
    /// # Errors
    /// As [`Client::place`], and [`Error::Upload`] if the file cannot be read.
    pub async fn add_component(
        &self,
        code: NewCode<'_>,
        progress: impl FnMut(u64) + Send + Unpin + 'static,
    ) -> Result<CodeInfo, Error> {
        let mut request = self
            .request(Method::POST, "/components")?
            .header(header::CONTENT_TYPE, "application/wasm");
        if let Some(manifest) = code.manifest {
            let manifest = BASE64.encode(manifest.as_bytes());
            request = request.header("waybook-manifest", manifest);
        }
        if let Some(signature) = code.signature {
            request = request.header("waybook-signature", signature.trim());
        }
        let upload = Upload::open(code.binary, progress).await?;
        self.read(request, upload).await
    }

    /// The place no longer holds the code, nor offers it.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn remove_component(&self, code: &str) -> Result<(), Error> {
        self.tell(Method::DELETE, &component(code, "")).await
    }

    /// Keeps code at the place whatever happens, or no longer.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn pin_component(&self, code: &str, pinned: bool) -> Result<(), Error> {
        let how = if pinned { "/pin" } else { "/unpin" };
        self.tell(Method::POST, &component(code, how)).await
    }

    /// Fetches what a reference (`name@range`) stands for, with its dependencies, and
    /// watches it come.
    ///
    /// # Errors
    /// As [`Client::place`]; a refusal comes as the last event.
    pub async fn prefetch(&self, reference: &str) -> Result<Fetching, Error> {
        let form = PrefetchForm {
            reference: reference.to_owned(),
        };
        let body = self.watch("/components/prefetch", &form).await?;
        Ok(Fetching::new(body, self.address.clone()))
    }

    /// Drops all code that is neither pinned, nor running, nor was added at the place, and
    /// lists it.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn collect_components(&self) -> Result<Vec<ReleaseInfo>, Error> {
        let request = self.request(Method::POST, "/components/collect")?;
        self.read(request, Full::default()).await
    }

    /// How the place's download agents look for code.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn download_strategy(&self) -> Result<StrategyInfo, Error> {
        self.get("/code/strategy").await
    }

    /// Changes how the download agents that the place launches from now on look for code.
    ///
    /// # Errors
    /// As [`Client::place`].
    pub async fn set_download_strategy(&self, strategy: &str) -> Result<StrategyInfo, Error> {
        let form = StrategyForm {
            strategy: strategy.to_owned(),
        };
        self.ask(Method::PUT, "/code/strategy", &form).await
    }
}

/// The path of some code.
fn component(code: &str, how: &str) -> String {
    format!("/components/{}{how}", escape(code))
}
