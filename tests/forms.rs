//! The client's forms are those of the daemon's API.
//!
//! The two crates do not know each other, so each has its own. For every form that the
//! API describes, a sample with every field is made from the description; the client and
//! the daemon must both read it and write the same again.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use waybook_client::model as client;
use waybook_daemon::api;
use waybook_daemon::api::model as daemon;

/// Samples of a schema: more than one where there are alternatives.
fn samples(document: &Value, schema: &Value) -> Vec<Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        let path = reference.trim_start_matches('#');
        return samples(
            document,
            document.pointer(path).expect("the form is described"),
        );
    }
    if let Some(alternatives) = schema["oneOf"].as_array() {
        return alternatives
            .iter()
            .flat_map(|alternative| samples(document, alternative))
            .collect();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = json!({});
        for part in parts {
            let sample = samples(document, part).remove(0);
            let fields = sample.as_object().unwrap().clone();
            whole.as_object_mut().unwrap().extend(fields);
        }
        return vec![whole];
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => {
            let mut all = vec![Value::Null];
            for kind in kinds.iter().filter(|kind| **kind != "null") {
                let mut one = schema.clone();
                one["type"] = kind.clone();
                all.extend(samples(document, &one));
            }
            return all;
        }
        kind => kind
            .as_str()
            .unwrap_or_else(|| panic!("a form without a type: {schema}")),
    };
    match kind {
        "null" => vec![Value::Null],
        "string" => vec![json!("text")],
        "boolean" => vec![json!(true)],
        "integer" => vec![json!(7)],
        "number" => vec![json!(1.5)],
        "array" => vec![Value::Array(samples(document, &schema["items"]))],
        "object" => objects(document, schema),
        kind => panic!("a form of a new type: {kind}"),
    }
}

/// Enough samples of an object that every alternative of every field is in one.
fn objects(document: &Value, schema: &Value) -> Vec<Value> {
    let none = serde_json::Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    let fields: Vec<_> = properties
        .iter()
        .map(|(name, schema)| (name, samples(document, schema)))
        .collect();
    let most = fields.iter().map(|(_, samples)| samples.len()).max();
    let sample = |at: usize| {
        let field = |(name, samples): &(&String, Vec<Value>)| {
            ((*name).clone(), samples[at % samples.len()].clone())
        };
        Value::Object(fields.iter().map(field).collect())
    };
    (0..most.unwrap_or(1)).map(sample).collect()
}

/// What is left of a sample that was read and written.
fn through<T: DeserializeOwned + Serialize>(name: &str, sample: &Value) -> Value {
    let read: T = serde_json::from_value(sample.clone())
        .unwrap_or_else(|error| panic!("{name}: {error}\n{sample:#}"));
    serde_json::to_value(read).unwrap()
}

/// Fields that may be left out are left out where they say nothing.
fn without_empty(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null() && **value != json!([]))
            .map(|(name, value)| (name.clone(), without_empty(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_empty).collect(),
        other => other.clone(),
    }
}

macro_rules! forms {
    ($document:expr, $($name:ident: $client:ty, $daemon:ty;)*) => {{
        $(
            let name = stringify!($name);
            let schema = &$document["components"]["schemas"][name];
            assert!(schema.is_object(), "{name} is not described");
            for sample in samples(&$document, schema) {
                let expected = without_empty(&sample);
                let client = through::<$client>(name, &sample);
                assert_eq!(without_empty(&client), expected, "the client's {name}");
                let daemon = through::<$daemon>(name, &sample);
                assert_eq!(without_empty(&daemon), expected, "the daemon's {name}");
            }
        )*
        [$(stringify!($name)),*]
    }};
}

#[test]
fn client_and_daemon_have_the_same_forms() {
    let document = serde_json::to_value(api::document()).unwrap();
    let tried = forms!(document,
        PlaceInfo: client::PlaceInfo, daemon::PlaceInfo;
        TreePlaceInfo: client::TreePlaceInfo, daemon::TreePlaceInfo;
        LinksInfo: client::LinksInfo, daemon::LinksInfo;
        BookingInfo: client::BookingInfo, daemon::BookingInfo;
        PresentationInfo: client::PresentationInfo, daemon::PresentationInfo;
        ProfileInfo: client::ProfileInfo, daemon::ProfileInfo;
        ProfileSource: client::ProfileSource, daemon::ProfileSource;
        OpenForm: client::OpenForm, daemon::OpenForm;
        SessionInfo: client::SessionInfo, daemon::SessionInfo;
        SessionDetail: client::SessionDetail, daemon::SessionDetail;
        HopInfo: client::HopInfo, daemon::HopInfo;
        EstablishedInfo: client::EstablishedInfo, daemon::EstablishedInfo;
        ProgressInfo: client::ProgressInfo, daemon::ProgressInfo;
        EndInfo: client::EndInfo, daemon::EndInfo;
        SurveyInfo: client::SurveyInfo, daemon::SurveyInfo;
        SetupInfo: client::SetupInfo, daemon::SetupInfo;
        SetupDetail: client::SetupDetail, daemon::SetupDetail;
        HopTraceInfo: client::HopTraceInfo, daemon::HopTraceInfo;
        TraceInfo: client::TraceInfo, daemon::TraceInfo;
        CodeInfo: client::CodeInfo, daemon::CodeInfo;
        CodeDetail: client::CodeDetail, daemon::CodeDetail;
        ReleaseInfo: client::ReleaseInfo, daemon::ReleaseInfo;
        TransferInfo: client::TransferInfo, daemon::TransferInfo;
        PrefetchForm: client::PrefetchForm, daemon::PrefetchForm;
        LogForm: client::LogForm, daemon::LogForm;
        LogInfo: client::LogInfo, daemon::LogInfo;
        DrainForm: client::DrainForm, daemon::DrainForm;
        DrainingInfo: client::DrainingInfo, daemon::DrainingInfo;
        CordonInfo: client::CordonInfo, daemon::CordonInfo;
        ReloadInfo: client::ReloadInfo, daemon::ReloadInfo;
        InviteForm: client::InviteForm, daemon::InviteForm;
        InvitedInfo: client::InvitedInfo, daemon::InvitedInfo;
        InvitationInfo: client::InvitationInfo, daemon::InvitationInfo;
        StrategyForm: client::StrategyForm, daemon::StrategyForm;
        StrategyInfo: client::StrategyInfo, daemon::StrategyInfo;
        NewsInfo: client::NewsInfo, daemon::NewsInfo;
        WalkInfo: client::WalkInfo, daemon::WalkInfo;
        RefusedInfo: client::RefusedInfo, daemon::RefusedInfo;
        AuditInfo: client::AuditInfo, daemon::AuditInfo;
        TokenForm: client::TokenForm, daemon::TokenForm;
        TokenInfo: client::TokenInfo, daemon::TokenInfo;
        MadeTokenInfo: client::MadeTokenInfo, daemon::MadeTokenInfo;
        Problem: client::Problem, api::Problem;
    );
    // Every form that a request or an answer consists of has been tried.
    let paths = document["paths"].to_string();
    for (at, _) in paths.match_indices("#/components/schemas/") {
        let name = paths[at..].trim_start_matches("#/components/schemas/");
        let name = name.split('"').next().unwrap();
        assert!(tried.contains(&name), "{name} is not tried here");
    }
}
