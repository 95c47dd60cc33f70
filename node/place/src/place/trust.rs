//! What code the place accepts: signed as its operator wants it, and not too long.

use std::collections::BTreeMap;
use std::sync::Arc;

use waybook_plan::{Component, PublisherKey, Release, Releases, Resource, Runtime, format_amount};

use crate::Settings;

/// Signatures that are remembered.
const REMEMBERED: usize = 1024;

/// Signatures that have been verified, so that each is only once.
#[derive(Debug, Clone, Default)]
pub(super) struct Verified(BTreeMap<Vec<u8>, (Release, bool)>);

impl Verified {
    /// Whether a release is signed by whom it says; none if it says nobody.
    pub(super) fn signature(&mut self, release: &Arc<Release>) -> Option<bool> {
        let signature = release.signature.as_ref()?;
        if let Some((known, right)) = self.0.get(&signature.bytes)
            && is_same(known, release)
        {
            return Some(*right);
        }
        let right = release.verify_signature().is_ok();
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        let known = (Release::clone(release), right);
        self.0.insert(signature.bytes.clone(), known);
        Some(right)
    }

    /// Whether the place keeps such code, and runs it if it can.
    ///
    /// # Errors
    /// Why not, and what would have to change.
    pub(super) fn accept(
        &mut self,
        config: &Settings,
        release: &Arc<Release>,
    ) -> Result<(), String> {
        let reference = release.reference();
        if release.length > config.limits.component {
            let bytes = |amount| format_amount(&Resource::memory(), amount);
            return Err(format!(
                "{reference} has {}, and limit `component` = {}",
                bytes(release.length),
                bytes(config.limits.component)
            ));
        }
        let trust = &config.code.trust;
        match (self.signature(release), release.publisher()) {
            (Some(false), _) => Err(format!("the signature of {reference} is wrong")),
            (Some(true), Some(key)) if trust.publishers.contains(key) => Ok(()),
            _ if trust.unsigned => Ok(()),
            (Some(true), Some(key)) => Err(format!(
                "{reference} is signed by {}, whom this place does not trust",
                PublisherKey(*key)
            )),
            _ => Err(format!(
                "nobody signed {reference}, and this place accepts only code that is signed"
            )),
        }
    }

    /// Why code that is brought along cannot run at this place, if it cannot.
    pub(super) fn unavailable(
        &mut self,
        config: &Settings,
        component: &Component,
        releases: &Releases,
    ) -> Option<String> {
        if component.runtime != Runtime::Wasm {
            return None;
        }
        let Some(release) = releases.get(&component.name) else {
            return Some("the plan does not say which code that is".to_owned());
        };
        let code = &config.code;
        let lacks = release.lacks(&code.runtimes, &code.capabilities);
        lacks.or_else(|| self.accept(config, release).err())
    }
}

/// Whether two releases say the same but for where they were added, which is not signed.
fn is_same(a: &Release, b: &Release) -> bool {
    let Release {
        name,
        version,
        description,
        runtime,
        requires,
        dependencies,
        digest,
        length,
        root,
        home: _,
        signature,
    } = a;
    (digest, root, length, signature) == (&b.digest, &b.root, &b.length, &b.signature)
        && (name, version, description) == (&b.name, &b.version, &b.description)
        && (runtime, requires, dependencies) == (&b.runtime, &b.requires, &b.dependencies)
}
