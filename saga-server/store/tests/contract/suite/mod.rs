//! What every adapter of the store must do: one suite, run by `postgres.rs` and `sqlite.rs`.

pub(crate) mod acknowledging;
pub(crate) mod appending;
pub(crate) mod collectors;
pub(crate) mod concurrency;
pub(crate) mod corruption;
pub(crate) mod dead_letters;
pub(crate) mod dismissal;
pub(crate) mod erased_letters;
pub(crate) mod erasure;
pub(crate) mod events;
pub(crate) mod failures;
pub(crate) mod figures;
pub(crate) mod finding;
pub(crate) mod flow;
pub(crate) mod flows;
pub(crate) mod jobs;
pub(crate) mod letter_counts;
pub(crate) mod notes;
pub(crate) mod operations;
pub(crate) mod paging;
pub(crate) mod producers;
pub(crate) mod progress;
pub(crate) mod reading;
pub(crate) mod rebuilding;
pub(crate) mod retention;
pub(crate) mod scoping;
pub(crate) mod search_model;
pub(crate) mod searching;
pub(crate) mod statistics;
pub(crate) mod trends;
pub(crate) mod undefined;
pub(crate) mod usual;
pub(crate) mod versions;
pub(crate) mod views;
pub(crate) mod watching;
pub(crate) mod webhooks;

use std::sync::Arc;

use saga_store::{Store, StoreOptions};
use saga_types::definition::Definitions;

/// An empty database of its own for each test.
pub(crate) trait Database: Sized {
    /// Makes it.
    async fn new() -> Self;

    /// Its URL.
    fn url(&self) -> String;

    /// Changes what is stored without the store.
    async fn execute(&self, sql: &str);

    /// A migrated store with these definitions.
    async fn open(&self, definitions: Definitions) -> Arc<dyn Store> {
        let store = connect(&self.url(), definitions).await;
        store.migrate().await.unwrap();
        store
    }

    /// A migrated store with the built-in definitions.
    async fn store(&self) -> Arc<dyn Store> {
        self.open(Definitions::built_in()).await
    }
}

/// A store as it is found.
pub(crate) async fn connect(url: &str, definitions: Definitions) -> Arc<dyn Store> {
    let options = StoreOptions {
        definitions: Arc::new(definitions),
        max_connections: 8,
    };
    saga_store::connect(url, options).await.unwrap()
}

/// One test for each case of the suite.
macro_rules! contract_tests {
    ($database:ty) => {
        contract_tests! { $database:
            acknowledging::an_acknowledgement_says_who_and_until_when_and_is_logged,
            acknowledging::an_acknowledgement_ends_with_its_time_and_with_the_saga,
            acknowledging::a_saga_that_becomes_worse_is_shown_again,
            acknowledging::a_saga_that_owes_more_or_becomes_late_is_worse,
            acknowledging::a_group_is_worse_with_a_quarter_more_and_over_without_failures,
            acknowledging::a_letter_is_nobodys_once_it_was_replayed_or_dismissed,
            acknowledging::of_operators_at_once_one_acknowledges,
            acknowledging::acknowledgements_are_of_the_scope,
            appending::a_new_step_makes_a_saga,
            appending::an_empty_batch_changes_nothing,
            appending::a_repeated_event_changes_nothing,
            appending::a_known_id_with_other_content_is_a_conflict,
            appending::numbers_that_differ_in_their_last_digit_are_other_content,
            appending::each_copy_is_compared_with_what_is_stored,
            appending::metadata_is_compared_by_meaning,
            appending::metadata_is_compared_to_the_last_bit,
            appending::the_order_of_arrival_does_not_matter,
            appending::a_late_completion_between_failures_is_folded_anew,
            appending::a_compensation_is_measured_when_it_ends,
            appending::ids_that_begin_alike_do_not_mix,
            appending::names_may_have_100_characters_of_any_script,
            appending::metadata_may_be_as_large_as_allowed,
            appending::times_may_be_at_the_limits,
            appending::a_saga_may_have_100_000_events,
            appending::a_probe_writes_like_a_batch_and_leaves_nothing,
            collectors::each_is_given_the_settings_of_the_others_while_they_run,
            collectors::one_that_was_killed_is_forgotten,
            concurrency::random_batches_give_the_fold_of_their_steps,
            concurrency::thousands_at_once_are_stored_as_a_few_are,
            concurrency::writers_at_once_count_nothing_twice,
            concurrency::writers_at_once_may_share_sagas,
            concurrency::writers_of_thousands_may_share_sagas,
            concurrency::writers_at_once_see_each_others_conflicts,
            concurrency::a_caller_that_stops_waiting_harms_nobody,
            corruption::a_step_that_cannot_be_read_is_named,
            corruption::a_saga_that_cannot_be_read_is_named,
            corruption::a_removal_that_cannot_be_read_is_named,
            corruption::a_count_that_cannot_be_read_is_named,
            corruption::a_dead_letter_that_cannot_be_read_is_named,
            corruption::progress_that_cannot_be_read_is_named,
            corruption::a_producer_that_cannot_be_read_is_named,
            corruption::a_watch_that_cannot_be_read_is_named,
            dead_letters::a_letter_is_kept_once_and_read_back_whole,
            dead_letters::more_letters_than_a_statement_takes_are_kept_in_their_order,
            dead_letters::letters_come_newest_first_page_by_page,
            dead_letters::every_filter_finds_the_letters_it_names,
            letter_counts::letters_are_counted_by_their_reason,
            letter_counts::letters_are_counted_by_their_cause_which_finds_them,
            letter_counts::letters_are_found_by_words_and_by_what_their_bytes_name,
            dead_letters::a_replayed_letter_stays_as_it_is,
            dead_letters::a_dry_run_stores_nothing,
            dead_letters::the_oldest_letters_leave_some_at_a_time,
            dead_letters::letters_without_their_table_are_an_outage,
            dismissal::a_dismissed_letter_leaves_the_counts_and_says_why,
            dismissal::a_restored_letter_waits_again,
            dismissal::what_was_erased_is_not_restored,
            dismissal::of_operators_at_once_one_dismisses_a_letter,
            erasure::a_persons_metadata_leaves_and_the_saga_stays,
            erasure::an_erasure_is_logged_without_the_value,
            erasure::an_erased_event_that_comes_again_is_a_duplicate_and_brings_nothing_back,
            erasure::events_that_come_later_are_stored_whole_and_found_again,
            erasure::a_saga_of_many_events_is_erased_whole,
            erasure::metadata_that_cannot_be_read_leaves_as_a_whole,
            erasure::writers_and_erasures_at_once_leave_the_fold_of_what_is_stored,
            erasure::a_saga_that_was_erased_is_not_removed_as_it_was_before,
            erasure::a_saga_that_is_made_anew_was_erased_all_the_same,
            erasure::what_was_erased_elsewhere_is_marked,
            erased_letters::an_erased_letter_keeps_its_reason_and_its_place,
            erased_letters::letters_of_a_persons_sagas_are_known,
            erased_letters::a_removed_saga_is_noted_once_and_its_late_events_are_kept_without_content,
            notes::what_was_said_of_an_erased_saga_leaves_with_it,
            notes::what_was_said_of_an_erased_letter_leaves_with_it,
            notes::notes_are_read_one_after_the_other_and_erased_with_an_entry_each,
            failures::a_group_leads_to_as_many_sagas_as_it_counts,
            failures::of_very_many_groups_the_most_frequent_are_counted,
            failures::sagas_that_failed_before_are_grouped_later,
            failures::periods_at_the_ends_of_time_are_counted,
            finding::a_saga_is_found_by_every_id_that_names_it,
            finding::a_beginning_finds_what_goes_on_behind_it,
            finding::metadata_is_found_by_its_value_at_the_keys_that_are_named,
            finding::only_sagas_of_the_scope_are_found,
            finding::more_entries_than_are_looked_at_are_not_all,
            finding::a_list_is_read_to_its_end_as_pages_show_it,
            finding::what_failed_is_found_whether_or_not_it_was_compensated,
            views::a_view_is_saved_renamed_and_removed_with_an_entry_of_the_log_each,
            views::views_are_as_many_as_allowed_also_of_operators_at_once,
            views::a_view_is_there_for_those_who_may_see_its_type,
            jobs::a_job_is_stored_with_its_items_and_read_back,
            jobs::a_request_makes_one_job,
            jobs::a_job_is_seen_by_those_who_may_see_all_its_types,
            jobs::an_item_is_done_by_one_transaction_alone,
            jobs::a_job_of_a_newer_version_holds_up_no_other,
            jobs::a_job_is_stopped_and_the_rest_is_left,
            jobs::a_job_is_reverted_once,
            jobs::letters_of_a_job_are_dismissed_with_its_results,
            jobs::sagas_of_a_job_are_acknowledged_with_its_results,
            jobs::jobs_that_ended_leave_with_their_items,
            operations::an_abandoned_batch_leaves_nothing,
            operations::an_operation_is_written_with_its_change,
            operations::an_operation_without_its_change_is_not_written,
            operations::an_operation_tells_the_outcome_that_was_committed,
            operations::operations_come_newest_first_page_by_page,
            operations::every_filter_finds_the_operations_it_names,
            operations::the_oldest_operations_leave_some_at_a_time,
            producers::numbers_that_never_came_are_found_once_they_are_old_enough,
            producers::what_a_batch_shows_is_noted_with_it,
            producers::what_comes_after_all_is_lost_no_more,
            producers::neither_order_nor_repetition_changes_what_is_missing,
            producers::an_instance_that_ran_before_is_counted_from_where_it_was_found,
            producers::numbers_that_nobody_can_believe_are_no_loss,
            producers::partitions_that_are_far_apart_take_a_bounded_room,
            producers::stored_events_are_counted_once_by_service_and_step,
            producers::steps_and_services_without_number_are_bounded,
            producers::dead_letters_are_counted_once,
            producers::instances_beyond_a_bound_are_left_out_until_others_are_quiet,
            producers::who_was_not_seen_for_long_is_forgotten,
            producers::services_come_by_name_page_by_page,
            producers::collectors_at_once_count_nothing_twice,
            progress::what_was_said_last_of_a_partition_counts,
            progress::topics_do_not_mix,
            reading::steps_come_in_order_page_by_page,
            reading::an_unknown_saga_is_none,
            reading::a_saga_is_answered_as_of_any_moment,
            reading::a_changed_definition_changes_the_answers,
            reading::a_kept_fold_that_cannot_be_read_is_folded_anew,
            reading::migrating_twice_changes_nothing,
            reading::tables_that_are_not_there_are_an_outage,
            rebuilding::nothing_differs_from_what_batches_kept,
            rebuilding::what_was_changed_by_hand_is_reported_and_rewritten,
            rebuilding::a_definition_is_tried_before_it_is_put_in_force,
            rebuilding::writers_may_go_on_while_sagas_are_rebuilt,
            rebuilding::what_writers_store_meanwhile_is_not_lost,
            retention::what_ended_long_ago_is_due_and_nothing_else,
            retention::sagas_that_never_end_leave_after_a_time_of_their_own,
            retention::sagas_from_a_time_to_come_leave_by_when_their_events_were_stored,
            retention::a_removed_saga_leaves_nothing_but_a_marker,
            retention::a_saga_that_changed_meanwhile_is_not_removed,
            retention::a_late_event_of_a_removed_saga_is_refused_alone,
            retention::only_the_last_attempt_finishes_a_plan,
            retention::archived_sagas_stay_in_the_statistics,
            retention::removals_are_forgotten_some_at_a_time,
            retention::events_are_read_in_order_page_by_page,
            retention::removals_and_late_events_at_once_leave_no_half_saga,
            scoping::a_search_finds_sagas_of_the_scope_and_counts_no_others,
            scoping::a_total_that_is_cached_for_all_types_is_not_given_to_a_scope,
            scoping::counts_along_a_period_are_those_of_the_scope,
            scoping::the_flow_of_a_type_that_may_not_be_seen_is_empty,
            scoping::what_is_late_is_of_the_scope,
            scoping::letters_are_seen_by_the_type_of_their_event_and_of_their_saga,
            scoping::a_removed_saga_keeps_its_type,
            scoping::operations_are_seen_by_the_type_of_their_saga,
            scoping::a_first_event_that_comes_late_moves_a_saga_between_scopes,
            searching::every_step_that_is_awaited_is_found_and_who_owes_it,
            searching::the_parts_of_a_saga_are_found_also_once_it_is_rebuilt,
            searching::every_filter_finds_what_it_says,
            searching::filters_add_up,
            searching::numbers_and_booleans_are_found_by_their_text,
            searching::every_order_that_was_named_finds_the_saga,
            searching::strange_values_find_nothing,
            paging::pages_by_offset_and_by_key_are_the_same,
            paging::totals_are_exact_up_to_the_cap,
            statistics::what_needs_attention_is_counted_from_the_sagas,
            statistics::statistics_are_those_of_the_sagas,
            statistics::statistics_of_nothing_are_empty,
            statistics::statistics_are_right_at_every_moment_of_many_writers,
            statistics::statistics_that_are_wrong_are_recounted,
            trends::slots_and_types_are_counted_as_statistics_are,
            trends::the_durations_of_a_slot_are_those_of_statistics,
            flow::transitions_are_between_first_events_and_repeats_are_retries_or_echoes,
            flow::the_flow_of_a_version_is_of_the_sagas_that_have_it,
            flow::a_sample_is_of_busy_and_quiet_slots_as_there_are_sagas,
            flow::as_many_sagas_as_asked_for_are_all_read,
            flow::of_a_saga_of_very_many_steps_the_first_are_followed,
            flow::a_step_in_detail_has_waits_versions_and_reasons_of_its_first_events,
            flows::the_flows_of_several_types_are_those_of_each,
            flows::what_a_service_recorded_is_what_the_flow_and_its_steps_say,
            flows::of_very_many_sagas_those_of_a_service_are_read_and_the_others_counted,
            figures::every_figure_is_that_of_a_plain_count,
            figures::figures_of_samples_are_as_exact_as_they_say,
            figures::of_sagas_with_very_many_different_steps_fewer_are_read,
            usual::what_is_usual_is_learnt_kept_and_read_by_others,
            undefined::what_is_usual_is_learnt_of_a_type_without_a_definition,
            undefined::a_saga_of_a_type_without_a_definition_is_stuck_beyond_what_others_ever_take,
            undefined::a_stuck_saga_is_found_behind_very_many_of_which_nothing_can_be_said,
            undefined::a_saga_of_a_type_without_a_definition_is_not_stuck_where_sagas_often_stop,
            usual::a_saga_without_a_limit_is_stuck_beyond_what_others_ever_take,
            usual::nothing_is_stuck_on_few_observations_or_when_all_are_slower,
            usual::an_outage_in_which_nobody_goes_on_is_a_standstill,
            usual::a_limit_goes_before_what_is_usual,
            versions::sagas_of_two_versions_come_in_the_order_of_their_start,
            versions::the_rest_is_drawn_without_what_another_search_finds,
            versions::few_sagas_are_all_drawn_with_what_their_steps_say,
            versions::metadata_that_is_long_as_a_text_is_not_drawn,
            versions::of_very_many_sagas_each_has_the_same_chance_to_be_drawn,
            watching::sagas_past_their_limits_are_counted_by_the_step_they_await,
            watching::a_saga_that_awaits_several_steps_is_late_with_the_most_urgent_one,
            watching::compensations_are_owed_since_the_failure,
            watching::what_is_late_is_reported_once_until_it_is_late_again,
            watching::a_lease_has_one_holder_until_it_ends,
            webhooks::failures_are_noted_with_the_batch_while_they_are_wanted,
            webhooks::noted_failures_leave_with_the_deliveries_that_are_made_of_them,
            webhooks::an_occurrence_is_stored_once_for_each_webhook,
            webhooks::late_sagas_are_found_until_there_is_a_delivery,
            webhooks::a_subscription_keeps_its_beginning,
            webhooks::a_delivery_is_claimed_by_one_until_the_claim_ends,
            webhooks::claims_at_once_share_no_delivery,
            webhooks::an_attempt_that_failed_waits_and_one_that_was_received_is_done,
            webhooks::a_delivery_that_was_received_late_is_not_sent_again,
            webhooks::what_is_done_leaves_and_what_is_too_old_is_given_up,
        }
    };
    ($database:ty: $($module:ident::$case:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let database = <$database as $crate::suite::Database>::new().await;
                $crate::suite::$module::$case(&database).await;
            }
        )*
    };
}
pub(crate) use contract_tests;
