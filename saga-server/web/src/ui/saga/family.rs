//! What the saga is a part of, and its parts.

use super::{Clock, SagaRow, number, saga_path};
use crate::{
    family::{AncestorsEnd, Family, Relative},
    state::AppState,
    ui::{humanize::short, page::Badge, search::encoded},
};

/// What the page shows of a saga's family.
pub(super) struct FamilyView {
    /// The parent first.
    pub(super) ancestors: Vec<Ancestor>,
    /// How the list of ancestors ends, unless it is complete.
    pub(super) end: Option<String>,
    pub(super) children: Vec<SagaRow>,
    pub(super) children_count: String,
    /// All of them as a list; none when they are shown here.
    pub(super) all_children: Option<String>,
    /// How many children failed.
    pub(super) failed: Option<String>,
    /// Those of them that are FAILED, as a list.
    pub(super) failed_path: String,
}

pub(super) struct Ancestor {
    pub(super) saga_id: String,
    pub(super) short_id: String,
    pub(super) path: String,
    pub(super) saga_type: String,
    pub(super) badge: Badge,
}

impl FamilyView {
    pub(super) fn of(family: Family, state: &AppState, clock: Clock) -> Self {
        let shown = family.children_states.len() as u64;
        Self {
            end: end(&family),
            failed: failed(&family),
            children_count: count(family.children_total, family.children_total_is_exact),
            all_children: (family.children_total > shown)
                .then(|| children_path(&family, ""))
                .flatten(),
            failed_path: children_path(&family, "&status=FAILED").unwrap_or_default(),
            ancestors: family.ancestors.iter().map(Ancestor::of).collect(),
            children: family
                .children_states
                .into_iter()
                .map(|child| SagaRow::new(state.redaction.saga(child), clock))
                .collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ancestors.is_empty() && self.end.is_none() && self.children.is_empty()
    }
}

impl Ancestor {
    fn of(relative: &Relative) -> Self {
        Self {
            short_id: short(&relative.saga_id),
            path: saga_path(&relative.saga_id),
            saga_type: relative.saga_type.to_string(),
            badge: relative.current_status.into(),
            saga_id: relative.saga_id.to_string(),
        }
    }
}

fn children_path(family: &Family, more: &str) -> Option<String> {
    let parent = family.children_states.first()?.parent_saga_id.as_ref()?;
    Some(format!("/sagas?parentSagaId={}{more}", encoded(parent)))
}

fn end(family: &Family) -> Option<String> {
    let saga_id = family.ancestors_end_at.as_ref();
    let saga_id = saga_id.map_or("", |saga_id| saga_id.as_str());
    match family.ancestors_end {
        AncestorsEnd::Root => None,
        AncestorsEnd::Missing => Some(format!(
            "{saga_id} is not in the database: its events have not arrived, or it was removed."
        )),
        AncestorsEnd::Loop => Some(format!(
            "The parents form a loop: {saga_id} is above itself. A service names the wrong parentSagaId."
        )),
        AncestorsEnd::More => Some(format!("{saga_id} and more are above.")),
    }
}

/// A saga that is compensated has failed, too.
fn failed(family: &Family) -> Option<String> {
    let failed = family.children_failed + family.children_compensated;
    let all = count(family.children_total, family.children_total_is_exact);
    let compensated = match family.children_compensated {
        0 => String::new(),
        compensated => format!(", {} of them compensated", number(compensated)),
    };
    (failed > 0).then(|| format!("{} of {all} children failed{compensated}", number(failed)))
}

fn count(total: u64, is_exact: bool) -> String {
    let more = if is_exact { "" } else { "more than " };
    format!("{more}{}", number(total))
}
