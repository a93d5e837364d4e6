//! The contract of every mirror: the same cases, run against each engine.

mod applying;
mod paging;
mod searching;
mod tracking;

/// Makes one test per case and engine.
macro_rules! contract {
    ($($room:ident :: $case:ident),+ $(,)?) => {
        mod embedded {
            $(#[test] fn $case() { crate::world::embedded(super::$room::$case); })+
        }
        mod mongodb {
            $(#[test] fn $case() { crate::world::mongodb(super::$room::$case); })+
        }
    };
}

contract! {
    applying::a_newer_version_replaces_and_an_equal_or_older_one_is_stale,
    applying::a_document_of_another_description_is_made_anew_at_its_own_version_and_only_for_that_purpose,
    applying::versions_that_arrive_out_of_order_end_with_the_newest,
    applying::the_same_document_twice_in_one_batch_ends_with_the_newest,
    applying::two_who_write_the_same_documents_in_opposite_orders_do_not_hold_each_other_up,
    applying::what_is_expected_to_be_new_goes_by_the_guard_when_something_is_there,
    applying::a_late_older_write_does_not_raise_a_tombstone,
    applying::a_newer_write_replaces_a_tombstone,
    applying::repair_replaces_whatever_is_not_newer,
    applying::delete_and_update_racing_leave_the_newest,
    applying::a_batch_is_answered_in_its_order,
    applying::nothing_to_apply_is_nothing,
    applying::writing_before_prepare_works,
    applying::a_document_comes_back_with_its_stamp,
    applying::removing_is_physical_and_counts,
    paging::reading_what_does_not_exist_is_nothing,
    paging::pages_follow_the_bytes_of_ids,
    paging::a_page_is_bounded_on_both_sides,
    paging::pages_walk_over_everything_once,
    paging::tombstones_are_on_pages_but_not_counted,
    paging::finds_by_a_field_newest_first,
    paging::what_is_found_comes_without_its_large_fields,
    paging::identity_is_kept,
    paging::collections_are_named_and_prepare_may_run_twice,
    paging::ping_answers,
    searching::more_of_the_words_and_heavier_fields_come_first,
    searching::words_are_found_in_embedded_lists,
    searching::documents_are_selected_by_texts_of_a_field_or_of_a_lists_items,
    searching::operators_and_quotes_are_data,
    searching::case_and_accents_do_not_matter,
    searching::one_word_is_found_however_it_is_written,
    searching::signs_and_apostrophes_are_of_the_word,
    searching::words_are_found_inside_runs_without_spaces,
    searching::a_score_is_a_thousand_for_each_word_and_the_heaviest_weight,
    searching::what_is_not_asked_among_has_no_part_in_the_answer,
    searching::the_index_follows_updates_and_deletes,
    searching::pages_lose_and_double_no_hit_while_others_come_and_go,
    searching::documents_written_before_prepare_are_found_after_it,
    tracking::events_are_kept_once_and_counted,
    tracking::figures_of_one_user,
    tracking::sums_beyond_an_integer_do_not_fail,
    tracking::log_lines_are_kept_once_and_counted,
    tracking::log_lines_are_read_back_by_level_module_text_and_time,
    tracking::what_is_past_its_retention_goes,
    crate_values::every_value_comes_back_exactly,
    crate_values::texts_that_look_alike_are_distinct_ids,
    crate_values::five_megabytes_of_text_come_back,
    crate_values::a_document_near_the_limit_is_kept,
    crate_values::a_document_over_the_limit_is_refused_and_its_neighbours_are_kept,
    crate_values::a_field_name_with_a_nul_is_refused,
    crate_values::any_document_comes_back_as_it_was,
}

use crate::values as crate_values;
