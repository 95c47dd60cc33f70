//! The tree of hashes that chunks are verified against: BLAKE3's own, cut off at chunks
//! of 16 KiB, as the `bao-tree` crate lays it out.
//!
//! A transfer from some chunk on is the tree in pre-order, so far as it covers what is
//! missing: pairs of hashes, each before the chunks below it, and the chunks in order.
//! The nodes of a place are kept in pre-order too, 64 bytes each; those that have not
//! come are zero.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::{Arc, PoisonError, RwLock};

use bao_tree::io::outboard::PreOrderOutboard;
use bao_tree::iter::{BaoChunk, ResponseIter};
use bao_tree::{BaoTree, BlockSize, ChunkNum, ChunkRanges, TreeNode, blake3};

/// What is verified at once, in bytes; the last chunk may be shorter.
pub(super) const CHUNK: u64 = 16 * 1024;

const BLOCK: BlockSize = BlockSize::from_chunk_log(4);

/// The nodes of one piece of code, shared by who writes them and who reads them.
pub(super) type Nodes = Arc<RwLock<Vec<u8>>>;

/// The tree over that many bytes.
pub(super) fn tree(length: u64) -> BaoTree {
    BaoTree::new(length, BLOCK)
}

/// Everything from the chunk that `from` lies in.
pub(super) fn rest(from: u64) -> ChunkRanges {
    ChunkRanges::from(ChunkNum::chunk_group_start(ChunkNum::full_chunks(from), BLOCK)..)
}

/// What a transfer of the bytes from `from` on consists of, in order.
pub(super) fn items(length: u64, from: u64) -> ResponseIter {
    ResponseIter::new(tree(length), rest(from))
}

/// Room for the nodes over that many bytes.
pub(super) fn no_nodes(length: u64) -> Vec<u8> {
    vec![0; usize::try_from(tree(length).outboard_size()).unwrap_or(usize::MAX)]
}

/// Where a node's pair of hashes lies among the nodes; none if it is not kept.
pub(super) fn offset(length: u64, node: TreeNode) -> Option<usize> {
    usize::try_from(tree(length).pre_order_offset(node)? * 64).ok()
}

/// A node's pair of hashes.
pub(super) fn pair(nodes: &Nodes, length: u64, node: TreeNode) -> [u8; 64] {
    let nodes = nodes.read().unwrap_or_else(PoisonError::into_inner);
    offset(length, node)
        .and_then(|at| nodes.get(at..)?.first_chunk().copied())
        .unwrap_or([0; 64])
}

/// The number of the chunk that a byte lies in, counted from 1, and of how many.
pub(super) fn chunk_of(length: u64, byte: u64) -> String {
    format!("chunk {} of {}", byte / CHUNK + 1, length.div_ceil(CHUNK))
}

/// Hashes a whole file: its root, and all nodes.
pub(super) fn hash_file(file: &File, length: u64) -> io::Result<([u8; 32], Vec<u8>)> {
    let mut outboard = PreOrderOutboard {
        root: blake3::Hash::from_bytes([0; 32]),
        tree: tree(length),
        data: no_nodes(length),
    };
    let reader = BufReader::with_capacity(256 * 1024, From(file, 0));
    let root = bao_tree::io::sync::outboard(reader, outboard.tree, &mut outboard)?;
    Ok((*root.as_bytes(), outboard.data))
}

/// Reads a shared file from a position on, leaving its cursor alone.
pub(super) struct From<'f>(pub(super) &'f File, pub(super) u64);

impl Read for From<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let n = std::os::unix::fs::FileExt::read_at(self.0, into, self.1)?;
        self.1 += n as u64;
        Ok(n)
    }
}

/// What a transfer of a partial file would be, made from what is on disk; it breaks off,
/// or does not verify, where something is missing.
pub(super) struct Encoded<'f> {
    items: ResponseIter,
    length: u64,
    nodes: Nodes,
    file: From<'f>,
    buffer: Vec<u8>,
    at: usize,
}

impl<'f> Encoded<'f> {
    pub(super) fn new(length: u64, nodes: Nodes, file: &'f File) -> Self {
        Self {
            items: items(length, 0),
            length,
            nodes,
            file: From(file, 0),
            buffer: Vec::new(),
            at: 0,
        }
    }
}

impl Read for Encoded<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.buffer.len() {
            self.at = 0;
            match self.items.next() {
                None => self.buffer.clear(),
                Some(BaoChunk::Parent { node, .. }) => {
                    self.buffer = pair(&self.nodes, self.length, node).to_vec();
                }
                Some(BaoChunk::Leaf { size, .. }) => {
                    self.buffer.resize(size, 0);
                    self.file.read_exact(&mut self.buffer)?;
                }
            }
        }
        let n = into.len().min(self.buffer.len() - self.at);
        into[..n].copy_from_slice(&self.buffer[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}
