//! What needs action: groups of sagas by cause, owner and type.

use saga_types::{Step, Timestamp};

use saga_collector::owners::Contact;

use crate::{
    acknowledgements::AcknowledgementView,
    auth::{Caller, Role},
    http::{ApiError, query_string::Params},
    late_groups::{ActionGroup, Cause, causes, late_groups},
    scoped::Reader,
    standstills::{StandstillView, standstills},
    ui::{
        acknowledge::Entry,
        dead_letters::waiting_path,
        differences::from_the_rest,
        humanize::{Clock, Moment, length, number, roughly},
    },
};
use saga_store::{
    Late, LateSagas, LetterCounts, LetterFilter, LetterGroup, LetterState, StoredSaga, Subjects, Total,
};

/// How many sagas of each kind are read for the orders that a message names.
const READ: u32 = 100;

/// How many acknowledgements are shown, the newest.
const ACKNOWLEDGED: u32 = 100;

/// How many reasons of dead letters are shown.
const REASONS: usize = 4;

/// How many orders a message names.
const NAMED: usize = 5;

pub(super) struct Attention {
    pub(super) groups: Vec<Group>,
    /// How many sagas are in them.
    pub(super) sagas: String,
    /// Where others make no progress either.
    pub(super) standstills: Vec<Halt>,
    /// Dead letters that were not replayed.
    pub(super) letters: Option<String>,
    /// Why, for those who may look at them: the most frequent reasons with their lists, and when the last one came.
    pub(super) letter_reasons: Vec<LetterReason>,
    pub(super) last_letter: Option<Moment>,
    /// Whether the caller may look at dead letters.
    /// The list of them, for those who may see it.
    pub(super) letters_path: Option<String>,
    /// What became worse since somebody said that they take care of it.
    pub(super) worse: Vec<Entry>,
    /// What somebody takes care of.
    pub(super) acknowledged: Vec<Entry>,
    /// Whether there are more.
    pub(super) has_more: bool,
}

/// An [`ActionGroup`] as the page shows it.
pub(super) struct Group {
    pub(super) is_overdue: bool,
    /// What the owner has not done.
    pub(super) state: &'static str,
    pub(super) step: String,
    /// The other steps of which one is enough.
    pub(super) others: Vec<Step>,
    pub(super) owner: Option<String>,
    pub(super) contact: Option<Contact>,
    pub(super) saga_type: String,
    pub(super) sagas: String,
    /// Since when the first of them has been late or owed.
    pub(super) since: Moment,
    pub(super) oldest: String,
    /// The list of these sagas.
    pub(super) path: String,
    /// In what these sagas differ from others.
    pub(super) differs: Option<String>,
    /// The group as a message to its owner, which ends with the path.
    pub(super) message: String,
}

/// Dead letters of one reason.
pub(super) struct LetterReason {
    pub(super) reason: String,
    pub(super) letters: String,
    pub(super) path: String,
}

/// A [`StandstillView`] as the page shows it.
pub(super) struct Halt {
    pub(super) step: String,
    pub(super) owner: Option<String>,
    pub(super) contact: Option<Contact>,
    pub(super) saga_type: String,
    pub(super) sagas: String,
    pub(super) since: Moment,
    /// How those do that came later, and what is usual.
    pub(super) others: String,
    pub(super) path: String,
}

impl Halt {
    fn of(found: StandstillView, clock: Clock) -> Self {
        let usual = length(found.usual_p50_ms);
        Self {
            others: match found.others_p50_ms {
                None => format!("fewer than 20 that came later have gone on (usually {usual})"),
                Some(median) => format!("those that came later took {} (usually {usual})", length(median)),
            },
            step: found.step.to_string(),
            owner: found.owner,
            contact: found.contact,
            saga_type: found.saga_type.to_string(),
            sagas: number(found.sagas),
            since: Moment::new(found.since, clock.now),
            path: found.page,
        }
    }
}

impl Attention {
    /// Asks what needs action at this moment.
    pub(super) async fn asked(reader: &Reader, caller: &Caller, clock: Clock) -> Result<Self, ApiError> {
        let moments = [(Late::Stuck, clock.judged_at), (Late::Owing, Timestamp::MAX)];
        let [(stuck, before), (owing, ever)] = moments;
        let nobodys = Some(false);
        let (stuck_groups, owing_groups, halts, stuck_sagas, owing_sagas, letters, acknowledged) = tokio::try_join!(
            late_groups(reader, stuck, clock.judged_at, nobodys),
            late_groups(reader, owing, clock.judged_at, nobodys),
            standstills(reader),
            reader.late_sagas(stuck, before, READ, nobodys),
            reader.late_sagas(owing, ever, READ, nobodys),
            reader.letters_waiting(),
            reader.acknowledgements(Subjects::All, None, ACKNOWLEDGED),
        )?;
        let grouped = |late, groups: Vec<ActionGroup>, sagas: &LateSagas| {
            let group = |cause| Group::of(late, cause, &sagas.sagas, clock);
            let causes = causes(reader.definitions(), late, groups);
            causes.into_iter().map(group).collect::<Vec<_>>()
        };
        let mut groups = grouped(stuck, stuck_groups, &stuck_sagas);
        groups.extend(grouped(owing, owing_groups, &owing_sagas));
        let has_more = acknowledged.next.is_some();
        let may_see_letters = caller.role >= Role::Operator;
        let views = acknowledged.acknowledgements.into_iter();
        let views = views.map(|found| AcknowledgementView::of(found, &reader.redaction));
        let (letters_of, views): (Vec<_>, Vec<_>) = views.partition(|view| view.dead_letter_id.is_some());
        let letters = letters.saturating_sub(letters_of.len() as u64);
        let letters_of = letters_of.into_iter().filter(|_| may_see_letters);
        let entries = views
            .into_iter()
            .chain(letters_of)
            .map(|view| Entry::new(view, clock.now));
        let (worse, acknowledged) = entries.partition(|entry| entry.mark.is_worse);
        let reasons = match letters > 0 && may_see_letters {
            true => Some(letter_groups(reader, clock).await?),
            false => None,
        };
        let (reasons, last_letter) = reasons.map_or((Vec::new(), None), LetterReason::of);
        Ok(Self {
            letter_reasons: reasons,
            last_letter: last_letter.map(|last| Moment::new(last, clock.now)),
            worse,
            acknowledged,
            has_more,
            groups,
            standstills: halts.into_iter().map(|found| Halt::of(found, clock)).collect(),
            sagas: counted(stuck_sagas.total, owing_sagas.total),
            letters: (letters > 0).then(|| number(letters)),
            letters_path: may_see_letters.then(|| waiting_path(None)),
        })
    }

    /// How many sagas need action, if any does.
    pub(super) fn count(&self) -> Option<String> {
        (!self.groups.is_empty()).then(|| self.sagas.clone())
    }

    pub(super) fn is_clear(&self) -> bool {
        self.groups.is_empty()
            && self.standstills.is_empty()
            && self.letters.is_none()
            && self.worse.is_empty()
    }
}

/// Those that wait and that nobody takes care of, by reason, the most frequent first.
async fn letter_groups(reader: &Reader, clock: Clock) -> Result<LetterCounts<LetterGroup>, ApiError> {
    let filter = LetterFilter {
        state: Some(LetterState::Waiting),
        acknowledged: Some((false, clock.now)),
        ..LetterFilter::default()
    };
    let mut counts = reader.letter_groups(&filter).await?;
    counts.groups.retain(|group| group.waiting > 0);
    counts
        .groups
        .sort_by(|left, right| (right.waiting, &left.reason).cmp(&(left.waiting, &right.reason)));
    Ok(counts)
}

impl LetterReason {
    /// The most frequent ones, and when the last letter of all came.
    fn of(counts: LetterCounts<LetterGroup>) -> (Vec<Self>, Option<Timestamp>) {
        let last = counts.groups.iter().map(|group| group.last).max();
        let least = if counts.is_exact { "" } else { "at least " };
        let reasons = counts.groups.into_iter().take(REASONS).map(|group| Self {
            path: waiting_path(Some(&group.reason)),
            letters: format!("{least}{}", number(group.waiting)),
            reason: group.reason,
        });
        (reasons.collect(), last)
    }
}

/// No saga is both: one that failed is not past a limit of its path.
fn counted(stuck: Total, owing: Total) -> String {
    let is_exact = stuck.is_exact && owing.is_exact;
    let more = if is_exact { "" } else { "more than " };
    format!("{more}{}", number(stuck.count + owing.count))
}

impl Group {
    fn of(late: Late, cause: Cause, sagas: &[StoredSaga], clock: Clock) -> Self {
        let (state, now) = match late {
            Late::Stuck => ("Overdue", clock.judged_at),
            Late::Owing => ("Compensation pending", clock.now),
        };
        let oldest = roughly(now.millis_since(cause.group.since));
        let message = message(late, &cause, sagas, &oldest);
        let Cause { group, others } = cause;
        Self {
            message,
            differs: differs(&group.page),
            is_overdue: group.overdue,
            state,
            step: group.step.to_string(),
            others,
            owner: group.owner,
            contact: group.contact,
            saga_type: group.saga_type.to_string(),
            sagas: number(group.sagas),
            since: Moment::new(group.since, clock.now),
            oldest,
            path: group.page,
        }
    }
}

/// The sagas of a list against others; whether somebody takes care of them is no reason to differ.
fn differs(page: &str) -> Option<String> {
    let (_, query) = page.split_once('?')?;
    let mut filters = Params::of(query).given();
    filters.retain(|(name, _)| name != "acknowledged");
    from_the_rest(&filters)
}

fn message(late: Late, cause: &Cause, sagas: &[StoredSaga], oldest: &str) -> String {
    let group = &cause.group;
    let is_one = group.sagas == 1;
    let steps: Vec<&str> = std::iter::once(&group.step)
        .chain(&cause.others)
        .map(Step::as_str)
        .collect();
    let steps = steps.join(" or ");
    let what = match (late, is_one) {
        (Late::Stuck, true) => format!("saga waits for {steps}, overdue by {oldest}"),
        (Late::Stuck, false) => format!("sagas wait for {steps}, the oldest overdue by {oldest}"),
        (Late::Owing, true) => format!("saga has not compensated {} for {oldest}", group.step),
        (Late::Owing, false) => {
            format!(
                "sagas have not compensated {}, the oldest for {oldest}",
                group.step
            )
        }
    };
    let is_of_group = |saga: &&StoredSaga| {
        saga.saga_type == group.saga_type
            && match late {
                Late::Stuck => saga.awaiting.iter().any(|awaiting| awaiting.step == group.step),
                Late::Owing => saga.outstanding_compensations.contains(&group.step),
            }
    };
    let orders: Vec<&str> = sagas
        .iter()
        .filter(is_of_group)
        .map(|saga| saga.order_id.as_str())
        .take(NAMED)
        .collect();
    let more = match group.sagas > orders.len() as u64 {
        true => ", …",
        false => "",
    };
    let orders = match orders.is_empty() {
        true => String::new(),
        false => format!(" Orders: {}{more}.", orders.join(", ")),
    };
    format!(
        "{}: {} {} {what}.{orders} {}",
        group.owner.as_deref().unwrap_or("unknown owner"),
        number(group.sagas),
        group.saga_type,
        group.page
    )
}
