//! Code that has come in part.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, PoisonError, RwLock};

use bao_tree::blake3;
use bao_tree::io::BaoContentItem;
use bao_tree::io::sync::DecodeResponseIter;
use ring::digest::{Context, SHA256};
use waybook_plan::{Digest, Release};

use super::folder::{Folder, Part};
use super::tree::{self, Encoded, Nodes};

/// The verified beginning of a piece of code, on disk.
pub(super) struct Partial {
    pub(super) release: Arc<Release>,
    pub(super) file: Arc<File>,
    pub(super) nodes: Nodes,
    tree: File,
    /// The SHA-256 of what is verified.
    sha: Context,
    verified: u64,
}

impl Partial {
    /// Begins with nothing.
    pub(super) fn create(folder: &Folder, release: Arc<Release>) -> io::Result<Self> {
        folder
            .write_release(&release)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let file = folder.part(&release.digest, Part::Partial)?;
        let tree = folder.part(&release.digest, Part::Tree)?;
        file.set_len(0)?;
        tree.set_len(0)?;
        Ok(Self {
            nodes: Arc::new(RwLock::new(tree::no_nodes(release.length))),
            release,
            file: Arc::new(file),
            tree,
            sha: Context::new(&SHA256),
            verified: 0,
        })
    }

    /// Takes up what an earlier life has left, as far as it verifies.
    pub(super) fn reopen(folder: &Folder, release: Arc<Release>) -> io::Result<Self> {
        let file = folder.part(&release.digest, Part::Partial)?;
        let tree_file = folder.part(&release.digest, Part::Tree)?;
        let mut nodes = tree::no_nodes(release.length);
        let mut filled = 0;
        while filled < nodes.len() {
            match tree_file.read_at(&mut nodes[filled..], filled as u64)? {
                0 => break,
                n => filled += n,
            }
        }
        let nodes: Nodes = Arc::new(RwLock::new(nodes));
        let mut sha = Context::new(&SHA256);
        let mut verified = 0;
        let encoded = Encoded::new(release.length, nodes.clone(), &file);
        let all = tree::rest(0);
        let root = blake3::Hash::from_bytes(release.root);
        for item in DecodeResponseIter::new(root, tree::tree(release.length), encoded, &all) {
            match item {
                Ok(BaoContentItem::Leaf(leaf)) => {
                    sha.update(&leaf.data);
                    verified += leaf.data.len() as u64;
                }
                Ok(BaoContentItem::Parent(_)) => {}
                // The rest is missing, or was not written before the crash.
                Err(_) => break,
            }
        }
        file.set_len(verified)?;
        Ok(Self {
            release,
            file: Arc::new(file),
            nodes,
            tree: tree_file,
            sha,
            verified,
        })
    }

    /// Makes a part of code that was whole, and keeps so many bytes of it.
    pub(super) fn of_whole(
        folder: &Folder,
        release: &Arc<Release>,
        nodes: Option<&Nodes>,
        keep: u64,
    ) -> io::Result<Self> {
        let digest = &release.digest;
        let from = folder.file(digest, Part::Whole);
        let computed;
        let nodes = match nodes {
            Some(nodes) => nodes.read().unwrap_or_else(PoisonError::into_inner).clone(),
            None => {
                (_, computed) = tree::hash_file(&File::open(&from)?, release.length)?;
                computed
            }
        };
        let tree = folder.part(digest, Part::Tree)?;
        tree.set_len(0)?;
        tree.write_all_at(&nodes, 0)?;
        std::fs::rename(from, folder.file(digest, Part::Partial))?;
        folder.part(digest, Part::Partial)?.set_len(keep)?;
        Self::reopen(folder, Arc::clone(release))
    }

    /// The same, of which only so many bytes are kept.
    pub(super) fn cut(&self, folder: &Folder, keep: u64) -> io::Result<Self> {
        self.file.set_len(keep)?;
        Self::reopen(folder, Arc::clone(&self.release))
    }

    /// Bytes that are here and verified.
    pub(super) fn verified(&self) -> u64 {
        self.verified
    }

    /// Writes what comes next in order, and has been verified; says how far it goes now.
    pub(super) fn append(&mut self, items: Vec<BaoContentItem>) -> io::Result<u64> {
        for item in items {
            match item {
                BaoContentItem::Parent(parent) => {
                    let Some(at) = tree::offset(self.release.length, parent.node) else {
                        continue;
                    };
                    let mut pair = [0; 64];
                    pair[..32].copy_from_slice(parent.pair.0.as_bytes());
                    pair[32..].copy_from_slice(parent.pair.1.as_bytes());
                    self.tree.write_all_at(&pair, at as u64)?;
                    let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
                    if let Some(room) = nodes.get_mut(at..at + pair.len()) {
                        room.copy_from_slice(&pair);
                    }
                }
                BaoContentItem::Leaf(leaf) => {
                    // A transfer that was given up may have written its last chunks
                    // after the next one has looked.
                    if leaf.offset < self.verified {
                        continue;
                    }
                    if leaf.offset > self.verified {
                        return Err(io::Error::other("a chunk is missing before another"));
                    }
                    self.file.write_all_at(&leaf.data, self.verified)?;
                    self.sha.update(&leaf.data);
                    self.verified += leaf.data.len() as u64;
                }
            }
        }
        Ok(self.verified)
    }

    /// The SHA-256 of what is verified.
    pub(super) fn digest(&self) -> Digest {
        finish(self.sha.clone())
    }

    /// Gives it its final name.
    pub(super) fn admit(&self, folder: &Folder) -> io::Result<()> {
        let digest = &self.release.digest;
        let from = folder.file(digest, Part::Partial);
        folder.admit(digest, &from, &self.file)?;
        folder.remove(digest, &[Part::Tree]);
        Ok(())
    }
}

/// The digest of all that was hashed.
pub(super) fn finish(sha: Context) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(sha.finish().as_ref());
    Digest(bytes)
}
