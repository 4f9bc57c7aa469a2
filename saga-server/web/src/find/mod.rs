//! Sagas and dead letters by an id or a value, for REST and the search field of the pages.
//!
//! Rule of thumb: first what is exactly so, then what begins so, then other spellings; the first of them that finds something
//! answers. What is found is of the caller's types, and what was looked for is said.
//!
//! | part | what |
//! | --- | --- |
//! | `findings` | the answer, and the page that shows it |
//! | `stage` | one way to look, in all places |

mod findings;
mod stage;

pub(crate) use findings::{Findings, Match, Place, Searched};
use findings::{named_by, page};
use stage::Stage;

use crate::{http::ApiError, scoped::Reader};

/// The longest text, in characters; longer than any id.
pub(crate) const MAX_CHARS: usize = 200;

/// A shorter text is the beginning of too much.
const LEAST_CHARS: usize = 3;

/// At how many keys of the metadata a value is looked for, the most frequent ones.
const KEYS: usize = 16;

/// What a text finds.
pub(crate) async fn find(reader: &Reader, text: &str) -> Result<Findings, ApiError> {
    let text = named_by(text);
    let keys = match text.is_empty() {
        true => Vec::new(),
        false => reader.words().await?.keys.iter().take(KEYS).cloned().collect(),
    };
    let mut findings = Findings {
        matched: None,
        searched: Vec::new(),
        sagas: Vec::new(),
        archived: Vec::new(),
        dead_letters: Vec::new(),
        page: None,
        text,
    };
    for how in Match::ALL {
        let spellings = how.spellings(&findings.text);
        let is_too_short = how != Match::Exact && findings.text.chars().count() < LEAST_CHARS;
        if findings.text.is_empty() || spellings.is_empty() || is_too_short {
            continue;
        }
        let mut stage = Stage {
            reader,
            how,
            spellings,
            keys: &keys,
            searched: Vec::new(),
            is_archive_away: false,
        };
        stage.sagas(&mut findings).await?;
        stage.letters(&mut findings).await?;
        let is_found = stage.searched.iter().any(|searched| searched.found > 0);
        if is_found || how == Match::Exact {
            findings.searched = stage.searched;
        } else {
            // Nothing was found yet: whether everything was looked at is a matter of all stages.
            for (all, new) in findings.searched.iter_mut().flat_map(|all| {
                let new = stage.searched.iter().find(|new| new.place == all.place);
                new.map(|new| (all, new))
            }) {
                all.found_is_exact &= new.found_is_exact;
            }
        }
        if is_found {
            findings.matched = Some(how);
            findings.page = page(&findings);
            break;
        }
    }
    Ok(findings)
}
