//! The bodies of the control API, as both of its ends read them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use waybook_client::model;

fn body<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    if let Ok(read) = serde_json::from_slice::<T>(bytes) {
        let written = serde_json::to_vec(&read).expect("what was read can be written");
        let again: T = serde_json::from_slice(&written).expect("what was written can be read");
        let again = serde_json::to_vec(&again).expect("what was read can be written");
        assert_eq!(again, written);
    }
}

/// Every body that is sent or answered with.
pub(crate) fn bodies(bytes: &[u8]) {
    let read = [
        body::<model::OpenForm>,
        body::<model::PrefetchForm>,
        body::<model::StrategyForm>,
        body::<model::PlaceInfo>,
        body::<model::SessionDetail>,
        body::<model::SurveyInfo>,
        body::<model::EstablishedInfo>,
        body::<model::ProgressInfo>,
        body::<model::CodeDetail>,
        body::<model::ProfileInfo>,
        body::<model::Problem>,
    ];
    for read in read {
        read(bytes);
    }
}
