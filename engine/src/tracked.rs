//! A value that counts how often it may have changed, so that what is made from it can be kept.
//!
//! Invariant: the count rises with every borrow that could change the value; equality is that of
//! the value. Not here: what is made from it (`engine::settings`).

use std::ops::{Deref, DerefMut};

/// A value and a count of its changes.
#[derive(Clone, Debug)]
pub(crate) struct Tracked<T> {
    value: T,
    changes: u64,
}

impl<T> Tracked<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self { value, changes: 0 }
    }

    /// How often it may have changed.
    #[inline]
    pub(crate) const fn changes(&self) -> u64 {
        self.changes
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Tracked<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.changes += 1;
        &mut self.value
    }
}

impl<T: PartialEq> PartialEq for Tracked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Tracked<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_borrow_that_can_change_is_counted() {
        let mut list = Tracked::new(vec![1]);
        assert_eq!((list.len(), list.changes()), (1, 0));
        list.push(2);
        list[0] = 1;
        assert_eq!((list.len(), list.changes()), (2, 2));
        assert_eq!(list, Tracked::new(vec![1, 2]));
    }
}
