//! Moves bytes from one stream to another without waiting in either, so that one component can move a
//! request's body and an answer's at once.

use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use crate::edit::Editor;

/// How many bytes are read at once at most.
const CHUNK: u64 = 64 * 1024;

/// One direction.
pub(crate) struct Pump {
    from: InputStream,
    to: OutputStream,
    editor: Option<Editor>,
    /// What was read and not yet written.
    rest: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    /// All was read; what is left is to be written.
    Ending,
    Flushing,
}

/// How far a pump has come.
pub(crate) enum Step {
    /// It can go on when this is ready.
    Waits(Pollable),
    /// All was moved.
    Done,
    /// The side that sends broke off.
    BrokenOff(StreamError),
    /// The side that receives has gone.
    Unwanted,
}

impl Pump {
    pub(crate) fn new(from: InputStream, to: OutputStream, editor: Option<Editor>) -> Pump {
        Pump {
            from,
            to,
            editor,
            rest: Vec::new(),
            state: State::Reading,
        }
    }

    /// Goes on as far as it can without waiting.
    pub(crate) fn run(&mut self) -> Step {
        loop {
            if !self.rest.is_empty() {
                match self.to.check_write() {
                    Ok(0) => return Step::Waits(self.to.subscribe()),
                    Ok(room) => {
                        let now = usize::try_from(room)
                            .unwrap_or(usize::MAX)
                            .min(self.rest.len());
                        if self.to.write(&self.rest[..now]).is_err() {
                            return Step::Unwanted;
                        }
                        self.rest.drain(..now);
                    }
                    Err(_) => return Step::Unwanted,
                }
                continue;
            }
            match self.state {
                State::Reading => match self.from.read(CHUNK) {
                    Ok(bytes) if bytes.is_empty() => return Step::Waits(self.from.subscribe()),
                    Ok(bytes) => {
                        self.rest = match &mut self.editor {
                            Some(editor) => editor.push(&bytes),
                            None => bytes,
                        };
                    }
                    Err(StreamError::Closed) => {
                        self.rest = self.editor.take().map(Editor::end).unwrap_or_default();
                        self.state = State::Ending;
                    }
                    Err(error) => return Step::BrokenOff(error),
                },
                State::Ending => {
                    if self.to.flush().is_err() {
                        return Step::Unwanted;
                    }
                    self.state = State::Flushing;
                }
                State::Flushing => match self.to.check_write() {
                    Ok(0) => return Step::Waits(self.to.subscribe()),
                    Ok(_) => return Step::Done,
                    Err(_) => return Step::Unwanted,
                },
            }
        }
    }
}
