//! Rooms that take no space until something is put into them.

use std::ops::{Deref, DerefMut};

/// What is empty, for who only looks.
pub(crate) trait Empty: Default + 'static {
    /// As its default.
    const EMPTY: &'static Self;
}

/// A room that is made when it is first changed. There may be a million places, and most
/// of them have nothing in most of their rooms.
#[derive(Debug, Clone)]
pub(crate) struct Lazy<T>(Option<Box<T>>);

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> Lazy<T> {
    /// What has been made; nothing is made for it.
    pub(crate) fn made(&mut self) -> Option<&mut T> {
        self.0.as_deref_mut()
    }
}

impl<T: Empty> Deref for Lazy<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::EMPTY)
    }
}

impl<T: Empty> DerefMut for Lazy<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_with(Box::default)
    }
}
