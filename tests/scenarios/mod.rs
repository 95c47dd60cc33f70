//! Scenarios, each told once: to the simulator here, and to real daemons elsewhere.
//!
//! Whoever includes this module gives the stories an [`Arm`](waybook_sim::arm::Arm).

pub(crate) mod settings;
pub(crate) mod stories;

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
