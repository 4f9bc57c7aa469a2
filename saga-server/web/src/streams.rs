//! Shares of the places of the stream and of files, so that one caller cannot take all of them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::auth::{ANONYMOUS, Caller};

/// How many streams a caller who is known may have open at a collector.
pub(crate) const SHARE: usize = 250;

/// How many files a collector sends at once, each of which needs memory for a page of its list.
pub(crate) const FILES: usize = 8;

/// How many of them to a caller who is known.
const FILES_OF_ONE: usize = 4;

/// Who has how many open.
type Open = Mutex<BTreeMap<String, usize>>;

/// Who has how many streams and files open.
#[derive(Debug, Default)]
pub struct Streams {
    streams: Open,
    files: Open,
}

/// One open stream or file; its place in the share is free again when this is dropped.
pub(crate) struct Share {
    streams: Arc<Streams>,
    of: fn(&Streams) -> &Open,
    caller: String,
}

impl Streams {
    /// None when the caller has no share left. Callers without a token cannot be distinguished, and only all places together
    /// limit them.
    pub(crate) fn enter(self: &Arc<Self>, caller: &Caller) -> Option<Share> {
        self.take(caller, |streams| &streams.streams, SHARE, usize::MAX)
    }

    /// The same for a file; none as well when the collector sends as many as it can.
    pub(crate) fn enter_file(self: &Arc<Self>, caller: &Caller) -> Option<Share> {
        self.take(caller, |streams| &streams.files, FILES_OF_ONE, FILES)
    }

    fn take(
        self: &Arc<Self>,
        caller: &Caller,
        of: fn(&Self) -> &Open,
        share: usize,
        all: usize,
    ) -> Option<Share> {
        let mut open = of(self).lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= all {
            return None;
        }
        let count = open.entry(caller.name.clone()).or_default();
        if *count >= share && caller.name != ANONYMOUS {
            return None;
        }
        *count += 1;
        Some(Share {
            streams: self.clone(),
            of,
            caller: caller.name.clone(),
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut open = (self.of)(&self.streams)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
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
    fn files_are_bounded_for_each_caller_and_for_all_together() {
        let streams = Arc::new(Streams::default());
        let of = |name: &str, most: usize| -> Vec<Share> {
            (0..most)
                .map_while(|_| streams.enter_file(&caller(name)))
                .collect()
        };
        let board = of("board", FILES);
        assert_eq!(board.len(), FILES_OF_ONE);
        let anybody = of(ANONYMOUS, FILES);
        assert_eq!(board.len() + anybody.len(), FILES);
        assert!(streams.enter_file(&caller("dana")).is_none());
        assert!(
            streams.enter(&caller("board")).is_some(),
            "streams are counted apart"
        );
        drop(board);
        assert!(streams.enter_file(&caller("dana")).is_some());
    }

    #[test]
    fn who_is_not_known_shares_all_places() {
        let streams = Arc::new(Streams::default());
        let open = (0..2 * SHARE).map_while(|_| streams.enter(&caller(ANONYMOUS)));
        assert_eq!(open.collect::<Vec<_>>().len(), 2 * SHARE);
        assert!(
            streams.streams.lock().unwrap().is_empty(),
            "a place is free again"
        );
    }
}
