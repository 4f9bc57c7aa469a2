//! The store of the collector: sagas, their steps, dead letters and producers, in PostgreSQL or SQLite. Only this package
//! contains SQL.
//!
//! `saga-collector` writes through it, `saga-web` reads through it, and `saga-server` connects it. It depends on `saga-types`
//! alone.
//!
//! The parts, in the order in which a batch of events meets them:
//!
//! | part | what |
//! | --- | --- |
//! | `port`, `connect`, `error`, `probe` | the trait, the adapter that a URL names, and what can go wrong |
//! | `batch`, `appended` | what of a batch is new, known, in conflict or of a removed saga; free of SQL |
//! | `fold_batch`, `fold_text` | from new events to the new states of their sagas, free of SQL; folds as rows keep them |
//! | `table`, `rows`, `columns` | one list of columns for each table, rows as the port's types, types of columns |
//! | `rollup`, `histogram` | counts and durations by time, kept with each batch |
//! | `producers` | who records events, and which of them are missing |
//! | `changes` | which sagas changed, announced to all collectors |
//! | `dead_letters`, `letter_index`, `progress` | dead letters, what they are found by, and how far each partition is stored |
//! | `operations` | what operators change, with the log of it |
//! | `acknowledgement` | that somebody takes care of something, until when, and whether it became worse |
//! | `dismissal` | dead letters dismissed and restored |
//! | `jobs`, `job_items`, `texts` | one operation on many sagas or letters |
//! | `webhooks` | what happened to sagas, and what of it was delivered |
//! | `erasure`, `notes` | a person's data, found by metadata and in what operators wrote, and erased |
//! | `period` | what the sagas of a period are: exact ends, outcomes, samples, percentiles |
//! | `stored_saga`, `query`, `metadata`, `flow`, `trends`, `late`, `watch` | questions and their answers |
//! | `failures`, `draw`, `versions` | groups of failures; sagas drawn to be compared, and those of versions of a service |
//! | `of_state` | filters that a state answers alone, for sagas that are not in the database |
//! | `find`, `views` | sagas by a text, lists read to their end, and lists with a name |
//! | `scope` | which saga types a reader may see; questions carry it |
//! | `usual` | how long waits usually take, when sagas end, and which wait longer than ever |
//! | `definitions`, `collectors` | the definitions in force, and what collectors on one database must have in common |
//! | `retention`, `rebuild` | sagas that are removed, and folds that are computed again |
//! | `distribution`, `layout` | tables distributed over several servers |
//! | [`postgres`], [`sqlite`] | the two adapters |
//! | `sql` | files that both adapters compile for their database, with `super::dialect` for what it calls in another way |
//! | `deadline`, `detached`, [`json`] | deadlines, transactions that outlive their caller, JSON texts taken apart |

#![expect(
    clippy::duplicate_mod,
    reason = "the files of `sql` are compiled once for each database, with its own types"
)]

mod acknowledgement;
mod appended;
mod batch;
mod changes;
mod collectors;
mod columns;
mod connect;
mod dead_letters;
mod deadline;
mod definitions;
mod detached;
mod dismissal;
mod distribution;
mod draw;
mod erasure;
mod error;
mod failures;
mod find;
mod flow;
mod fold_batch;
mod fold_text;
mod histogram;
mod job_items;
mod jobs;
pub mod json;
mod late;
mod layout;
mod letter_index;
mod metadata;
mod notes;
mod of_state;
mod operations;
mod period;
mod port;
pub mod postgres;
mod probe;
mod producers;
mod progress;
mod query;
mod rebuild;
mod retention;
mod rollup;
mod rows;
mod scope;
pub mod sqlite;
mod stored_saga;
mod table;
mod texts;
mod trends;
mod usual;
mod versions;
mod views;
mod watch;
mod webhooks;

pub use acknowledgement::{
    AcknowledgeOrder, Acknowledged, Acknowledgement, AcknowledgementPage, AcknowledgementQuery,
    AcknowledgementStore, Judged, Subject, Subjects, WithdrawOrder, Withdrawn,
};
pub use appended::{Appended, SagaChange};
pub use changes::{Announcement, ChangeStore, ChangedSagas, Changes};
pub use collectors::{CollectorSettings, CollectorStore};
pub use connect::connect;
pub use dead_letters::{
    Attempt, DeadLetterStore, Dismissal, LastAttempt, Letter, LetterCounts, LetterFilter, LetterGroup,
    LetterPage, LetterPlace, LetterQuery, LetterState, Named, NewLetter, Origin, RawHeader, StoredLetter,
};
pub use definitions::CurrentDefinitions;
pub use dismissal::{DismissalStore, Disposal, DisposalOrder};
pub use distribution::DistributionStore;
pub use draw::{DrawStore, Drawn, DrawnEvent, DrawnSaga};
pub use erasure::{
    AffectedSaga, ErasableLetter, Erased, ErasedEvent, ErasedSaga, Erasure, ErasureStore, MetadataValue,
    MetadataValueError, erased_at, without_personal_data,
};
pub use error::{AppendError, Corrupt, Fault, StoreError};
pub use failures::{
    FailureGroup, FailureGroups, FailureGroupsQuery, FailureStore, FailureTotals, GroupedFailures,
};
pub use find::{FindPlace, FindQuery, FindStore, Found, FoundSaga, Stretch};
pub use flow::{
    Flow, FlowQuery, FlowsQuery, Outcome, StepDetail, StepRow, Transition, TransitionRow, VersionPart,
};
pub use fold_text::read_fold;
pub use job_items::{DoneItem, ItemResult, JobItem, JobItemQuery, JobStep, NewItem};
pub use jobs::{
    Creation, Job, JobAcknowledgement, JobAction, JobActivity, JobCare, JobDisposal, JobQuery, JobState,
    JobStore, MAX_JOB_ITEMS, NewJob, RequestKeys, Reversion, SelectedLetter,
};
pub use late::Late;
pub use letter_index::{LetterCause, searched_words};
pub use notes::{Note, NotePlace, NoteStore};
pub use operations::{
    Actor, Conclude, Conclusion, Operation, OperationFilter, OperationKind, OperationPage, OperationPlace,
    OperationQuery, OperationStore, StoredOperation, Way,
};
pub use period::{Outcomes, Sample, Span, Times, Width};
pub use port::{Attention, Store, StoreOptions};
pub use producers::{
    Gap, NewlyLost, OTHER_SERVICES, ProducerInstance, ProducerObservation, ProducerPage, ProducerQuery,
    ProducerService, ProducerStore, ReconcileOutcome, ReconcileRequest, Sequences, ServiceVersion, Wire,
    producer_name,
};
pub use progress::{PartitionProgress, ProgressStore};
pub use query::{
    Page, PageStart, Position, SagaQuery, SagaSort, SortBy, SortOrder, SortValue, Statistics,
    StatisticsQuery, StepPage, StoredStep, Total,
};
pub use rebuild::{Difference, DifferenceKind, Rebuild, RebuildStore, Rebuilt};
pub use retention::{ArchivePlan, Archived, Expired, ExpiredBefore, Removal, Removed, RetentionStore};
pub use scope::Scope;
pub use stored_saga::{OpenWait, StoredSaga, WaitKey};
pub use trends::{Slot, SlotDurations, TrendStore, Trends};
pub use usual::{
    CurrentUsual, ENOUGH, EndLevel, ExpectedEnd, Marked, Standstill, TypeUsual, Usual, UsualStore, UsualWait,
};
pub use versions::{VersionSaga, VersionSagas, VersionStore, VersionsQuery};
pub use views::{SavedView, ViewChange, ViewOrder, ViewOutcome, ViewStore};
pub use watch::{LateCount, LateGroup, LateSagas, WatchStore};
pub use webhooks::{
    Delivery, DeliveryOutcome, LateQuery, NewDelivery, NotedFailure, NoticeKind, PendingDeliveries,
    WebhookStore,
};
