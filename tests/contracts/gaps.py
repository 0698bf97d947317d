"""What an endpoint is known to do otherwise: the reason stands in docs/parity.md, each test holds that it is so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pytest

FAILURES: Final = (AssertionError, pytest.fail.Exception, ValueError)
"""How a rule that is not kept is seen: it does not hold, nothing is refused, or what comes is no JSON."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A rule that an endpoint does not keep.

    Attributes:
        why: what it does instead.
        always: whether the rule's test has to fail; False where it depends on what comes first.
        seconds: for how long its test waits for something that does not come.
    """

    why: str
    always: bool = True
    seconds: float = 60.0

    @property
    def cell(self) -> str:
        """What the page says."""
        return f"{'no' if self.always else 'not always'}: {self.why}"


_APART = Gap("it hands over what there is, and messages that are sent at once may come apart", always=False)
_NO_RETRY_LIMITS = Gap("its mappings try a stream's batch again for ever, whole, and tell nobody", seconds=30)
_NO_WINDOWS = Gap("it has no tumbling windows", seconds=40)
_STANDARD = Gap("its CloudFormation makes a standard topic of it")
_RULE_LETTERS = Gap("a target's dead-letter queue gets nothing")
_ONE_OF_BOTH = Gap("the dead-letter queue is passed over where there is a destination")

MINISTACK_GAPS: Final[Mapping[str, Gap]] = {
    "test_a_batch_that_succeeds_is_deleted": _APART,
    "test_a_batch_that_fails_comes_again_as_a_whole": _APART,
    "test_a_partial_response_puts_back_what_it_names": _APART,
    "test_a_malformed_response_fails_the_batch": Gap("an unknown identifier is passed over"),
    "test_records_that_are_given_up_are_told_of": _NO_RETRY_LIMITS,
    "test_a_stream_goes_on_at_the_lowest_failure": Gap("batchItemFailures of a stream are passed over"),
    "test_bisecting_goes_on_at_the_number_that_was_named": Gap(
        "batchItemFailures of a stream are passed over"
    ),
    "test_without_retries_a_batch_is_given_up_at_once": _NO_RETRY_LIMITS,
    "test_a_document_tells_of_a_batch": _NO_RETRY_LIMITS,
    "test_a_bucket_keeps_the_whole_event": _NO_RETRY_LIMITS,
    "test_a_topic_is_told": _NO_RETRY_LIMITS,
    "test_without_a_destination_records_are_dropped": _NO_RETRY_LIMITS,
    "test_a_function_that_ends_its_process_has_failed": _NO_RETRY_LIMITS,
    "test_records_that_are_too_old_are_given_up": _NO_RETRY_LIMITS,
    "test_only_what_is_too_old_is_given_up": _NO_RETRY_LIMITS,
    "test_an_answer_that_names_nothing_known_is_a_failure": Gap(
        "batchItemFailures of a stream are passed over", seconds=20
    ),
    "test_a_failing_batch_holds_up_its_shard_only": Gap(
        "a mapping that waits to try a batch again reads no other shard"
    ),
    "test_without_a_limit_a_batch_is_tried_until_it_succeeds": Gap(
        "a function's process ends with its error, and the next one begins to count anew"
    ),
    "test_a_change_that_fails_is_told_of": _NO_RETRY_LIMITS,
    "test_a_bucket_keeps_the_changes_themselves": _NO_RETRY_LIMITS,
    "test_changes_go_on_at_the_lowest_failure": Gap(
        "batchItemFailures of a stream are passed over", seconds=20
    ),
    "test_a_number_is_text_to_a_filter": Gap("a numeric filter matches a number that is a text"),
    "test_what_expires_is_deleted_by_the_service": Gap("the end of an item that expires is no record"),
    "test_children_are_read_after_their_parents": Gap(
        "of a shard that is made later only what comes then is read", seconds=30
    ),
    "test_two_adjacent_shards_are_merged": Gap("a shard that was split is no longer listed"),
    "test_shards_are_chosen_by_when_they_were_open": Gap("a shard that was split is no longer listed"),
    "test_a_stream_is_scaled_ten_times_a_day": Gap("it is scaled as often as it is asked to"),
    "test_a_batching_window_gathers_records": Gap("batching windows are passed over"),
    "test_a_full_batch_does_not_wait": Gap("batching windows are passed over"),
    "test_six_megabytes_do_not_wait": Gap("batching windows are passed over"),
    "test_data_of_another_format_does_not_match": Gap(
        "data that is no JSON is dropped, whatever the filter", seconds=20
    ),
    "test_a_window_has_its_boundaries_and_begins_without_state": _NO_WINDOWS,
    "test_a_failed_invocation_leaves_the_state_as_it_was": _NO_WINDOWS,
    "test_an_answer_without_state_is_a_failure": _NO_WINDOWS,
    "test_a_state_of_more_than_a_megabyte_ends_the_window": _NO_WINDOWS,
    "test_a_window_ends_with_its_shard": _NO_WINDOWS,
    "test_a_closed_shard_leads_to_its_children": Gap("a shard that was split is not closed"),
    "test_a_point_in_time_cannot_be_in_the_future": Gap("it takes moments in the future"),
    "test_a_stream_is_scaled_to_even_shards": Gap("new shards have no parents"),
    "test_a_stream_is_scaled_by_two_at_most": Gap("it scales to any number of shards"),
    "test_a_consumer_is_registered_and_found": Gap("a consumer is active in the answer that registers it"),
    "test_a_window_hands_its_state_on": _NO_WINDOWS,
    "test_an_asynchronous_invocation_is_tried_three_times": _ONE_OF_BOTH,
    "test_a_record_of_a_failure_may_be_an_object": Gap("it sends records to no bucket"),
    "test_a_dead_letter_may_be_a_message_of_a_topic": Gap(
        "a dead letter is a record, and says nothing of itself"
    ),
    "test_a_pipe_filters_enriches_and_hands_over": Gap(
        "its pipes read tables only, with no filter or enrichment"
    ),
    "test_departures_are_counted_and_told_of": _NO_WINDOWS,
    "test_a_function_without_concurrency_is_given_up_at_once": Gap(
        "an event that is throttled is told of nowhere"
    ),
    "test_a_synchronous_invocation_is_not_retried": Gap(
        "an error's type is Runtime.HandlerError, whatever it was"
    ),
    "test_what_is_no_json_is_refused": Gap("it takes events that are no JSON"),
    "test_a_success_has_a_record": Gap("a success has no record"),
    "test_a_failure_has_a_record": Gap("a record tells of three invocations, however many there were"),
    "test_a_dead_letter_is_the_event": _ONE_OF_BOTH,
    "test_a_record_may_be_an_event_of_a_bus": Gap("an event bus gets no records"),
    "test_filters_are_ored_and_look_at_json_or_text": _APART,
    "test_an_empty_response_is_a_success": Gap("a null list of failures fails the batch"),
    "test_a_receipt_lapses_with_the_visibility": Gap("a receipt that has lapsed deletes all the same"),
    "test_a_removal_has_neither_size_nor_tag": Gap("the event of a removal has a size and an ETag"),
    "test_an_object_that_was_not_there_is_told_of_as_well": Gap("what was not there is not told of"),
    "test_a_record_names_the_version": Gap("the event of a delete marker has a size"),
    "test_the_bus_hears_how_an_object_was_deleted": Gap("the bus is not told of versions"),
    "test_an_object_has_tags": Gap("a read does not say how many tags there are"),
    "test_an_object_has_ten_tags_at_most": Gap("it takes two tags with one key"),
    "test_tags_are_told_of": Gap("changes of tags are not told of"),
    "test_a_copys_tag_is_the_md5_of_its_bytes": Gap("it is that of the source"),
    "test_every_target_of_a_rule_gets_the_event": Gap("an input path with an index is passed over"),
    "test_a_template_of_json_gives_json": Gap("a quotation mark within a template's string is not escaped"),
    "test_a_fifo_queue_takes_the_same_body_once": Gap(
        "a rule's events are not deduplicated by their content"
    ),
    "test_entries_fail_one_by_one": Gap("it takes entries that are malformed"),
    "test_a_function_that_fails_is_no_dead_letter_of_the_rule": Gap(
        "a function's failure is not tried again"
    ),
    "test_what_a_target_refuses_is_a_dead_letter": _RULE_LETTERS,
    "test_an_event_is_sent_to_another_bus_once": _RULE_LETTERS,
    "test_a_policys_names_are_anded_and_its_values_are_ored": Gap("it compares a text with a number"),
    "test_raw_delivery_takes_ten_attributes": Gap("it delivers more than ten attributes"),
    "test_a_protocol_may_have_a_text_of_its_own": Gap("it takes an object for a protocol's text"),
    "test_a_function_gets_one_record": Gap("a record without a subject has no member Subject"),
    "test_a_batch_is_over_the_limit_as_a_whole": Gap("it holds each message to the limit alone"),
    "test_a_fifo_topic_knows_duplicates": _STANDARD,
    "test_a_fifo_topic_keeps_the_order_of_a_group": _STANDARD,
    "test_a_fifo_topic_needs_an_id": _STANDARD,
    "test_a_fifo_topic_may_take_its_ids_of_the_content": _STANDARD,
}
"""By the test's name: what MiniStack 1.5.33 does."""

LOCALSTACK_GAPS: Final[Mapping[str, Gap]] = {
    "test_a_failing_batch_holds_up_its_shard_only": Gap(
        "shards are read one after another, and wait for a batch that is tried again in another one"
    ),
    "test_six_megabytes_do_not_wait": Gap("a batch may be of any size", seconds=40),
    "test_mappings_of_one_stream_filter_for_themselves": Gap("a filter sees the data only", seconds=20),
    "test_data_of_another_format_does_not_match": Gap(
        "data that is no JSON is dropped, whatever the filter", seconds=20
    ),
    "test_a_subscription_is_taken_over_after_five_seconds": Gap("nothing ends or refuses a subscription"),
    "test_reading_tells_how_far_it_is_behind": Gap("it says how much older what was read is than the newest"),
    "test_two_adjacent_shards_are_merged": Gap("a closed shard is refused as one that is in use"),
    "test_shards_are_chosen_by_when_they_were_open": Gap("AT_TRIM_HORIZON chooses all shards"),
    "test_a_stream_is_scaled_ten_times_a_day": Gap("it is scaled as often as it is asked to"),
    "test_a_stream_changes_its_mode_twice_a_day": Gap("it changes its mode as often as it is asked to"),
    "test_records_that_are_too_old_are_given_up": Gap(
        "what is told of records that are too old has no requestContext", seconds=120
    ),
}
"""By the test's name: what LocalStack 4.14 does with a rule that is deployed to it alone."""

MINISTACK_DEFINITIONS: Final[Mapping[str, Gap]] = {
    "a default that fails": Gap("an execution that fails has an output"),
    "intrinsic functions": Gap("a slice of an array is null"),
}
"""By the case's name: what definitions come to there."""

MINISTACK_STACKS: Final[Mapping[str, Gap]] = {
    "test_a_failure_is_named_and_mended": Gap("a stack takes over a queue whose name is taken"),
}
"""By the test's name: what its CloudFormation does."""


CONTAINER_GAPS: Final[Mapping[str, str]] = {
    "test_a_window_hands_its_state_on": "LocalStack in a container has no tumbling windows",
    "test_departures_are_counted_and_told_of": "LocalStack in a container has no tumbling windows",
    "test_records_that_are_given_up_are_told_of": "LocalStack in a container splits no batches",
}
"""By the test's name: what LocalStack does not do without penstock's plugin."""


def expect(request: pytest.FixtureRequest, gap: Gap | None) -> None:
    """Have a test of a known gap fail, from here on: what comes before is not expected to."""
    if gap is not None:
        request.applymarker(pytest.mark.xfail(reason=gap.cell, raises=FAILURES, strict=gap.always))
