//! Shares of the places of the stream, so that one caller cannot take all of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::auth::{ANONYMOUS, Caller};

/// How many streams a caller who is known may have open at a collector.
pub(crate) const SHARE: usize = 250;

/// Who has how many streams open.
#[derive(Debug, Default)]
pub struct Streams(Mutex<BTreeMap<String, usize>>);

/// One open stream; its place in the share is free again when this is dropped.
pub(crate) struct Share {
    streams: Arc<Streams>,
    caller: String,
}

impl Streams {
    /// None when the caller has no share left. Callers without a token cannot be distinguished, and only all places together
    /// limit them.
    pub(crate) fn enter(self: &Arc<Self>, caller: &Caller) -> Option<Share> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(caller.name.clone()).or_default();
        if *count >= SHARE && caller.name != ANONYMOUS {
            return None;
        }
        *count += 1;
        Some(Share {
            streams: self.clone(),
            caller: caller.name.clone(),
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Role;

    fn caller(name: &str) -> Caller {
        Caller {
            name: name.to_owned(),
            ..Caller::anonymous(Role::Viewer)
        }
    }

    #[test]
    fn a_caller_has_a_share_and_no_more_until_a_stream_ends() {
        let streams = Arc::new(Streams::default());
        let board = caller("board");
        let mut open: Vec<_> = (0..SHARE).map_while(|_| streams.enter(&board)).collect();
        assert_eq!(open.len(), SHARE);
        assert!(streams.enter(&board).is_none());
        assert!(streams.enter(&caller("dana")).is_some());
        open.pop();
        assert!(streams.enter(&board).is_some());
    }

    #[test]
    fn who_is_not_known_shares_all_places() {
        let streams = Arc::new(Streams::default());
        let open = (0..2 * SHARE).map_while(|_| streams.enter(&caller(ANONYMOUS)));
        assert_eq!(open.collect::<Vec<_>>().len(), 2 * SHARE);
        assert!(streams.0.lock().unwrap().is_empty(), "a place is free again");
    }
}
