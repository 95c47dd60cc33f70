//! Scenarios, each told once: to the simulator here, and to real daemons elsewhere.
//!
//! Whoever includes this module gives the stories an [`Arm`](waybook_sim::arm::Arm).

pub(crate) mod code;
pub(crate) mod operators;
pub(crate) mod settings;
pub(crate) mod stories;

/// A test for every story about code, told to an arm that takes code. Real places are not told
/// that they lack a runtime: what they run is said by their build and by no setting.
macro_rules! every_story_of_code {
    (real $arm:ty) => {
        $crate::scenarios::every_story_of_code! {
            $arm:
            code_reaches_the_places_that_need_it_and_stays,
            a_place_that_lacks_what_code_requires_refuses,
            the_newest_version_in_the_range_is_taken,
            what_code_depends_on_stands_behind_it,
            code_that_nobody_has_is_said_to_be_unknown,
            code_survives_a_restart,
            many_sessions_bring_code_once,
            code_that_does_not_start_costs_its_solution,
        }
    };
    ($arm:ty) => {
        $crate::scenarios::every_story_of_code!(real $arm);
        $crate::scenarios::every_story_of_code! {
            $arm:
            a_runtime_that_no_place_has_is_refused,
        }
    };
    ($arm:ty: $($story:ident,)*) => {
        $(#[test]
        fn $story() {
            $crate::scenarios::code::$story::<$arm>();
        })*
    };
}
pub(crate) use every_story_of_code;

/// A test for every story of operators, told to an arm.
macro_rules! every_story_of_operators {
    ($arm:ty) => {
        $crate::scenarios::every_story_of_operators! {
            $arm:
            a_drained_place_keeps_its_sessions_and_takes_no_others,
            another_server_serves_while_one_is_drained,
            a_drained_place_is_empty_after_its_deadline,
            a_drained_place_that_restarts_is_drained,
            a_cordoned_resource_is_booked_no_more,
            a_capacity_changes_under_sessions,
        }
    };
    ($arm:ty: $($story:ident,)*) => {
        $(#[test]
        fn $story() {
            $crate::scenarios::operators::$story::<$arm>();
        })*
    };
}
pub(crate) use every_story_of_operators;

/// A test for every story, told to an arm.
macro_rules! every_story {
    ($arm:ty) => {
        $crate::scenarios::every_story! {
            $arm:
            the_best_is_booked_where_there_is_room,
            falls_back_at_the_same_hop,
            traces_back_to_the_client,
            traces_back_to_where_the_paths_part,
            a_client_at_the_server_needs_no_edge,
            a_refusal_says_which_hop_lacked_what,
            a_refusal_answers_for_every_solution,
            an_unknown_title_is_said_to_be_unknown,
            two_race_for_the_last_unit,
            two_that_cross_do_not_wait_for_each_other,
            a_key_stands_for_one_session,
            a_place_that_restarts_agrees_with_its_neighbours,
        }
    };
    ($arm:ty: $($story:ident,)*) => {
        $(#[test]
        fn $story() {
            $crate::scenarios::stories::$story::<$arm>();
        })*
    };
}
pub(crate) use every_story;
