//! The footers of files that were read recently, within a bounded memory.

use std::{collections::HashMap, sync::Arc};

use super::{parquet_read::Footer, place::Version};

/// The most bytes that are kept.
const MEMORY: usize = 64 << 20;

/// The end of a file, where the file is, and which version of it.
pub(super) struct KeptFooter {
    pub(super) path: String,
    pub(super) version: Version,
    pub(super) footer: Footer,
}

/// The ends of files, by the paths that were asked for.
#[derive(Default)]
pub(super) struct Footers {
    kept: HashMap<String, (u64, Arc<KeptFooter>)>,
    bytes: usize,
    uses: u64,
}

impl Footers {
    pub(super) fn get(&mut self, path: &str) -> Option<Arc<KeptFooter>> {
        self.uses += 1;
        let (used, footer) = self.kept.get_mut(path)?;
        *used = self.uses;
        Some(footer.clone())
    }

    /// Keeps one, and forgets those that were used longest ago when there are too many.
    pub(super) fn put(&mut self, path: String, footer: Arc<KeptFooter>) {
        self.forget(&path);
        self.uses += 1;
        self.bytes += footer.footer.memory();
        self.kept.insert(path, (self.uses, footer));
        while self.bytes > MEMORY {
            let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used);
            let Some(path) = oldest.map(|(path, _)| path.clone()) else {
                break;
            };
            self.forget(&path);
        }
    }

    pub(super) fn forget(&mut self, path: &str) {
        if let Some((_, footer)) = self.kept.remove(path) {
            self.bytes -= footer.footer.memory();
        }
    }
}
