//! The demo's code: signed, added at the root, and brought along by the first session.

use serde_json::Value;
use waybook_client::Client;

use super::play::Player;
use super::{Opened, ROOT, Stage, film};
use crate::fail::{Done, Fail};

impl Stage<'_> {
    /// Makes the key that the demo signs with.
    pub(super) async fn make_key(&self, key: &str) -> Done {
        let text = self.waybook(&["component", "keygen", key]).await?;
        let made: Value = serde_json::from_str(&text).map_err(Fail::failed)?;
        let publisher = made["publisher"].as_str();
        let publisher = publisher.ok_or_else(|| Fail::failed(format!("keygen said {text:?}")))?;
        self.line(&format!("  every place trusts what {publisher} signs"))
    }

    pub(super) async fn add_components(&self, key: &str) -> Done {
        for name in film::COMPONENTS {
            let folder = self.folder.join("components").join(name);
            let folder = folder.display().to_string();
            let add = ["component", "add", &folder, "--at", ROOT, "--key", key];
            let text = self.waybook(&add).await?;
            let added: Value = serde_json::from_str(&text).map_err(Fail::failed)?;
            let (reference, digest) = (&added["release"]["reference"], &added["release"]["digest"]);
            self.line(&format!(
                "  {ROOT} holds {}, {}",
                reference.as_str().unwrap_or(name),
                digest.as_str().unwrap_or("?")
            ))?;
        }
        Ok(())
    }

    /// The first session: its code comes while its path is built. It is closed again, so
    /// that another finds everything but the code as it was.
    pub(super) async fn bring_code(&mut self, client: &Client, player: &Player) -> Done {
        let opened = self.open(client, "demo-cold").await?;
        let Opened::Session(mut seen) = opened else {
            return Err(Fail::failed("check failed: the first session is refused"));
        };
        self.check(
            seen.fetched > 0,
            &format!("{} bytes of code were fetched on the way", seen.fetched),
        )?;
        let url = seen.session.urls.as_ref().map_or("", |urls| &urls.path);
        let played = player.look(url, &seen.session.quality).await?;
        self.check(
            true,
            "the playlists are what the components must make of them",
        )?;
        seen.played = Some(played);
        client.close(&seen.session.session).await?;
        self.facts.first = Some(*seen);
        self.wait_until_nothing_is_booked().await
    }

    /// Bytes of code that all places have fetched so far.
    pub(super) async fn fetched(&self) -> Done<u64> {
        let mut bytes = 0;
        for place in &self.facts.places {
            bytes += self
                .client(&place.name)?
                .place()
                .await?
                .counters
                .fetched_bytes;
        }
        Ok(bytes)
    }
}
