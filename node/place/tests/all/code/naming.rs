//! Names, versions and trust: which code a reference stands for, and whether it may run.

use std::sync::Arc;
use std::time::Duration;

use waybook_agents::{Message, RefusalReason};
use waybook_place::io::{CodeOrder, Input, OpenRequest, Outcome, Output, RequestId};
use waybook_plan::{NoPlan, Release, Releases, SigningKey};

use super::{film, release, runs};
use crate::letters::intercept;
use crate::neighbours::{Letter, Neighbours, name};

fn needing(reference: &str, home: &str, needs: &[(&str, &str)]) -> Release {
    let needs = needs.iter();
    let dependencies = needs
        .map(|(name, range)| ((*name).to_owned(), range.parse().unwrap()))
        .collect();
    Release {
        dependencies,
        ..release(reference, home)
    }
}

fn key(seed: u8) -> SigningKey {
    // RFC 8410, section 10.3: an Ed25519 key of 32 bytes.
    let mut document = vec![
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    document.extend([seed; 32]);
    SigningKey::from_pkcs8(&document).unwrap()
}

fn tree() -> Neighbours {
    Neighbours::join(["r", "r/a", "r/a/x", "r/h"].map(runs).into())
}

/// Opens the film at the leaf with that reference, and says what runs there.
fn chosen(all: &mut Neighbours, reference: &str) -> Vec<String> {
    all.publish("r/h", &film("client", reference));
    let request = all.open("r/a/x", "film");
    all.settle();
    all.transfer();
    let hop = &all.established(request).journey[0];
    hop.components.iter().map(|c| c.name.clone()).collect()
}

#[test]
fn a_range_stands_for_the_newest_in_the_nearest_locality_that_has_any() {
    let mut all = tree();
    all.add(&release("cap@1.0.0", "r/a"));
    all.add(&release("cap@0.9.0", "r/a"));
    all.add(&needing("cap@1.2.0", "r/h", &[("log", "^1"), ("zip", "*")]));
    all.add(&release("cap@2.0.0", "r/h"));
    all.add(&release("zip@3.0.0", "r"));
    all.add(&release("log@1.4.0", "r"));
    all.add(&release("log@1.3.9", "r/h"));
    assert_eq!(chosen(&mut all, "cap@^1"), ["cap@1.0.0"]);
    let chain = ["cap@1.2.0", "log@1.4.0", "zip@3.0.0"];
    assert_eq!(chosen(&mut all, "cap@^1.1"), chain);
    assert_eq!(chosen(&mut all, "cap@2"), ["cap@2.0.0"]);
    assert_eq!(chosen(&mut all, "cap@0.9.0"), ["cap@0.9.0"]);
    // Nobody has such a version: only the other quality is left.
    assert_eq!(chosen(&mut all, "cap@^3"), [""; 0]);
    // What the catalogue no longer has does not count, though copies of it are there.
    let digest = release("cap@2.0.0", "r/h").digest;
    let code = |all: &Neighbours| all.code_at("r/a", &digest).is_some();
    assert!(code(&all));
    let order = all.order("r/h", CodeOrder::Remove(digest));
    assert!(all.ordered(order).unwrap().is_ok());
    all.add(&release("cap@2.0.1", "r/h"));
    assert_eq!(chosen(&mut all, "cap@2"), ["cap@2.0.1"]);
}

#[test]
fn a_subtree_that_is_cut_off_goes_on_with_the_copies_that_it_has() {
    let mut all = tree();
    all.add(&release("cap@1.2.0", "r/h"));
    assert_eq!(chosen(&mut all, "cap@^1"), ["cap@1.2.0"]);
    let local = film("client", "cap@^1").replace("film", "local");
    all.publish("r/a", &local);
    all.cut("r/a", "r");
    all.pass(Duration::from_secs(60));
    let request = all.open("r/a/x", "local");
    all.settle();
    assert_eq!(all.established(request).quality, "fine");
    // And the root offers no longer what was added below a child that is gone.
    all.cut("r", "r/h");
    all.pass(Duration::from_secs(60));
    assert!(
        all.places[&name("r")]
            .holdings()
            .iter()
            .all(|h| h.place == name("r"))
    );
    let order = all.order("r", CodeOrder::Collect);
    assert_eq!(all.ordered(order), Some(Ok(vec!["cap@1.2.0".to_owned()])));
    let order = all.order("r", CodeOrder::Prefetch("cap".to_owned()));
    assert!(all.ordered(order).unwrap().is_err());
}

/// Who asked for a version that nobody has was told that there was no release of that name at
/// all, for only what fits is looked for.
#[test]
fn who_asks_for_a_version_that_is_not_there_is_told_which_there_is() {
    let mut all = tree();
    all.add(&release("cap@1.0.0", "r/h"));
    all.add(&release("cap@1.2.0", "r/h"));
    let order = all.order("r/a/x", CodeOrder::Prefetch("cap@^3".to_owned()));
    all.settle();
    let why = all.ordered(order).unwrap().unwrap_err();
    assert!(why.contains("there are 1.0.0, 1.2.0"), "{why}");
    let order = all.order("r/a/x", CodeOrder::Prefetch("dim".to_owned()));
    all.settle();
    let why = all.ordered(order).unwrap().unwrap_err();
    assert!(why.contains("there is no release of `dim`"), "{why}");
}

#[test]
fn versions_that_do_not_go_together_are_explained_to_the_client() {
    let mut all = tree();
    all.add(&needing("cap@1.0.0", "r/h", &[("log", "^1")]));
    all.add(&needing("dim@1.0.0", "r/h", &[("log", "^2")]));
    all.add(&release("log@1.0.0", "r/h"));
    all.add(&release("log@2.0.0", "r/h"));
    let part = |name: &str| {
        format!("[[quality.component]]\nat = \"client\"\nname = \"{name}\"\nruntime = \"wasm\"\n")
    };
    let film = format!(
        "title = \"film\"\n[[quality]]\nname = \"fine\"\n{}{}",
        part("cap"),
        part("dim")
    );
    all.publish("r/h", &film);
    let request = all.open("r/a/x", "film");
    all.settle();
    let Some(Outcome::NoPlan(NoPlan::NothingSuits { why, .. })) = all.outcome(request) else {
        panic!("{:?}", all.outcome(request));
    };
    assert!(
        ["cap", "dim", "log"].iter().all(|name| why.contains(name)),
        "{why}"
    );
}

#[test]
fn a_place_runs_only_what_it_trusts_and_says_so() {
    let strict = |publishers: Vec<[u8; 32]>| {
        let mut leaf = runs("r/a/x");
        leaf.code.trust.unsigned = false;
        leaf.code.trust.publishers = publishers;
        let others = ["r", "r/a", "r/h"].map(runs);
        Neighbours::join(others.into_iter().chain([leaf]).collect())
    };
    let mut signed = release("cap@1.2.0", "r/h");
    signed.sign(&key(1));
    let publisher = key(1).publisher();
    for (code, trusted, why) in [
        (
            release("cap@1.2.0", "r/h"),
            vec![publisher.0],
            Some("nobody signed cap@1.2.0".to_owned()),
        ),
        (
            signed.clone(),
            vec![key(2).publisher().0],
            Some(format!("is signed by {publisher}")),
        ),
        (signed.clone(), vec![publisher.0], None),
    ] {
        let mut all = strict(trusted);
        all.add(&code);
        all.publish("r/h", &film("client", "cap@^1"));
        let request = all.open("r/a/x", "film");
        all.settle();
        all.transfer();
        let quality = all.established(request).quality;
        assert_eq!(quality, if why.is_some() { "plain" } else { "fine" });
        let said = all.refused(request).join("");
        assert!(said.contains(&why.clone().unwrap_or_default()), "{said}");
        // What it would not run it does not fetch either.
        assert_eq!(all.transfers.is_empty(), why.is_some());
    }
}

#[test]
fn code_that_is_no_longer_trusted_does_not_run_after_a_restart() {
    let mut all = tree();
    all.add(&release("cap@1.2.0", "r/h"));
    all.publish("r/h", &film("client", "cap@^1"));
    let request = all.open("r/a/x", "film");
    all.settle();
    all.transfer();
    let session = all.established(request).session;
    all.put(&name("r/a/x"), Input::Claim { session });
    all.started.clear();
    let mut strict = runs("r/a/x");
    strict.code.trust.unsigned = false;
    all.restart(strict);
    all.reconnect("r/a/x");
    assert_eq!(all.started, [""; 0]);
    let ended = |o: &Output| matches!(o, Output::Ended { .. });
    assert_eq!(all.count(ended), 1);
}

#[test]
fn a_wrong_signature_is_refused_even_where_none_is_needed() {
    let mut all = tree();
    let mut wrong = release("cap@1.2.0", "r/h");
    wrong.sign(&key(1));
    wrong.length += 1;
    let order = all.order("r/h", CodeOrder::Add(Arc::new(wrong.clone())));
    let why = all.ordered(order).unwrap().unwrap_err();
    assert_eq!(why, "the signature of cap@1.2.0 is wrong");
    // In a plan from somebody who did not look.
    all.add(&release("cap@1.2.0", "r/h"));
    all.publish("r/h", &film("server", "cap@^1"));
    let request = all.open("r/a/x", "film");
    let mut visit = intercept(&mut all, "r/h", "visit");
    if let Message::Visit(visit) = &mut visit.envelope.message {
        let releases: Releases = [Arc::new(wrong.clone())].into_iter().collect();
        visit.agent.set_releases(Arc::new(releases));
    }
    all.give(visit);
    all.settle();
    let said = all.refused(request).join("");
    assert_eq!(
        said,
        "solution 1 at r/h: component `cap@1.2.0` is not available: the signature of cap@1.2.0 is \
         wrong"
    );
    // In an answer: it is as if it had not been given.
    all.publish("r", &film("client", "zip@^1"));
    let request = all.open("r/a/x", "film");
    let mut answer = intercept(&mut all, "r/a/x", "resolved");
    wrong.name = "zip".to_owned();
    if let Message::Resolved { found, .. } = &mut answer.envelope.message {
        found.push(Arc::new(wrong));
    }
    all.give(answer);
    all.settle();
    assert_eq!(all.established(request).quality, "plain");
    assert_eq!(all.refused(request), [""; 0]);
}

#[test]
fn what_a_place_lacks_to_run_code_is_a_refusal_and_the_next_solution_is_taken() {
    let mut all = tree();
    let mut code = release("cap@1.2.0", "r/h");
    code.requires = vec!["gpu".to_owned()];
    all.add(&code);
    assert_eq!(chosen(&mut all, "cap@^1"), [""; 0]);
    let mut newer = release("cap@1.3.0", "r/h");
    newer.runtime = "wasi:http/middleware@0.3.0".to_owned();
    all.add(&newer);
    let request = all.open("r/a/x", "film");
    all.settle();
    let said = all.refused(request).join("");
    assert!(said.contains("needs the runtime"), "{said}");
    // A dry run says the same.
    let request = RequestId(77);
    all.put(
        &name("r/a/x"),
        Input::DryRun(OpenRequest {
            request,
            ..OpenRequest::new("dry", "film")
        }),
    );
    all.settle();
    let survey = all.done.iter().find_map(|(_, output)| match output {
        Output::Surveyed { survey, .. } => Some(survey.as_ref().unwrap()),
        _ => None,
    });
    let survey = survey.unwrap();
    assert_eq!(survey.chosen.map(|s| s.0), Some(2));
    let leaf = survey
        .places
        .iter()
        .find(|(place, _)| *place == name("r/a/x"));
    let (_, answers) = leaf.unwrap();
    assert!(matches!(
        &answers[0].1,
        Some(RefusalReason::ComponentUnavailable { .. })
    ));
    let mut able = runs("r/a/x");
    able.code.capabilities = vec!["gpu".to_owned()];
    able.code
        .runtimes
        .push("wasi:http/middleware@0.3.0".to_owned());
    all.restart(able);
    all.reconnect("r/a/x");
    assert_eq!(chosen(&mut all, "cap@^1"), ["cap@1.3.0"]);
}

#[test]
fn over_an_edge_that_knows_of_no_code_only_what_needs_none_goes_on() {
    let mut all = Neighbours::join(["r", "r/a", "r/a/x"].map(runs).into());
    all.publish("r/a/x", &film("server", "cap@^1"));
    all.add(&release("cap@1.2.0", "r"));
    // The neighbour is replaced by an older build, and what it had told is still known.
    all.versions.insert(name("r/a"), 1);
    all.link_up(&name("r"), &name("r/a"));
    let request = all.open("r", "film");
    let visit = intercept(&mut all, "r/a", "visit");
    assert_eq!(visit.envelope.message.version(), 1);
    all.give(visit);
    all.settle();
    assert_eq!(all.established(request).quality, "plain");
    let said = all.refused(request).join("");
    assert!(
        said.ends_with(
            "component `cap@1.2.0` is not available: r/a speaks version 1 of the protocol, which \
             knows of no code that is brought along"
        ),
        "{said}"
    );
}

#[test]
fn a_neighbour_of_version_1_is_told_of_all_that_it_understands() {
    let versions = [("r/a", 1)];
    let places = ["r", "r/a", "r/b"].map(runs).into();
    let mut all = Neighbours::join_with_versions(places, &versions);
    all.publish("r/a", &film("server", "cap@^1"));
    let plain = "title = \"old\"\n[[quality]]\nname = \"plain\"\n";
    all.publish("r/a", plain);
    all.publish("r/b", plain);
    // All of it in one list, on a new connection.
    all.reconnect("r/a");
    let known = all.places[&name("r")].presentations();
    let known: Vec<_> = known
        .map(|e| format!("{} {}", e.server, e.presentation.title))
        .collect();
    assert_eq!(known, ["r/a old", "r/b old"]);
    assert_eq!(all.places[&name("r")].counters().refused_messages, 0);
}

/// A film that cannot be shown without that code, and why it is not.
fn why_not(
    all: &mut Neighbours,
    reference: &str,
    mut letters: impl FnMut(&mut Neighbours),
) -> String {
    let text = format!(
        "title = \"film\"\n[[quality]]\nname = \"fine\"\n[[quality.component]]\nat = \"client\"\n\
         name = \"{reference}\"\nruntime = \"wasm\"\n"
    );
    all.publish("r/a/x", &text);
    let request = all.open("r/a/x", "film");
    letters(all);
    match all.outcome(request) {
        Some(Outcome::NoPlan(NoPlan::NothingSuits { why, .. })) => why.clone(),
        other => panic!("{other:?}"),
    }
}

/// A question that was lost was not asked again, and its client was told that there is no
/// such code.
#[test]
fn a_question_for_code_that_is_lost_is_asked_again() {
    for lost in ["resolve", "resolved"] {
        let mut all = tree();
        all.add(&release("cap@1.2.0", "r/h"));
        all.publish("r/h", &film("client", "cap@^1"));
        let request = all.open("r/a/x", "film");
        // In four seconds it is asked three times or more.
        let mut twice = 0..2;
        let is_lost =
            |letter: &Letter| letter.envelope.message.kind() == lost && twice.next().is_some();
        all.pass_losing(Duration::from_secs(4), is_lost);
        assert_eq!(twice, 2..2);
        all.transfer();
        assert_eq!(all.established(request).quality, "fine");
        assert_eq!(all.places[&name("r/a/x")].counters().unanswered, 0);
    }
}

#[test]
fn no_code_no_such_version_and_no_answer_are_told_apart() {
    let mut all = tree();
    assert_eq!(
        why_not(&mut all, "cap@^1", Neighbours::settle),
        "`fine`: `cap@^1` is asked for; there is no release of `cap`"
    );
    all.add(&release("cap@2.0.0", "r/h"));
    all.add(&release("cap@2.1.0", "r"));
    assert_eq!(
        why_not(&mut all, "cap@^1", Neighbours::settle),
        "`fine`: `cap@^1` is asked for; no version of `cap` matches ^1: there are 2.0.0, 2.1.0"
    );
    // An order is answered alike.
    let order = all.order("r/a/x", CodeOrder::Prefetch("cap@^1".to_owned()));
    let why = all.ordered(order).unwrap().unwrap_err();
    assert!(why.ends_with("there are 2.0.0, 2.1.0"), "{why}");
    // Nobody beyond the parent ever answers. What is known here is told all the same.
    let mute = |all: &mut Neighbours| {
        all.pass_losing(Duration::from_secs(6), |letter| {
            letter.envelope.message.kind() == "resolve" && letter.to == name("r")
        });
    };
    let why = why_not(&mut all, "dog", mute);
    assert_eq!(
        why,
        "`fine`: `dog` is asked for; no release of `dog` is known, and r/a did not answer in time"
    );
    all.add(&release("eel@2.0.0", "r/a/x"));
    let why = why_not(&mut all, "eel@^3", mute);
    assert_eq!(
        why,
        "`fine`: `eel@^3` is asked for; no version of `eel` matches ^3: there is only 2.0.0; there \
         may be others, but r/a did not answer in time"
    );
    assert_eq!(all.places[&name("r/a/x")].counters().unanswered, 2);
    all.cut("r/a/x", "r/a");
    let why = why_not(&mut all, "dog", Neighbours::settle);
    assert!(why.ends_with("there is no connection to r/a"), "{why}");
}

/// A parent's answer took the place of what the asking place's own locality calls by the
/// same name.
#[test]
fn an_answer_does_not_replace_what_is_known_here() {
    let mut all = tree();
    let own = release("cap@1.0.0", "r/a/x");
    all.add(&own);
    let text = film("client", "cap").replace("[[quality]]\nname = \"plain\"", "");
    let text = text.replacen("name = \"cap\"", "name = \"dog\"\nruntime = \"wasm\"\n[[quality.component]]\nat = \"client\"\nname = \"cap\"", 1);
    all.publish("r/a/x", &text);
    all.add(&release("dog@1.0.0", "r"));
    let request = all.open("r/a/x", "film");
    let mut answer = intercept(&mut all, "r/a/x", "resolved");
    if let Message::Resolved { found, .. } = &mut answer.envelope.message {
        let mut other = release("cap@1.0.0", "r/h");
        other.digest.0 = [9; 32];
        found.retain(|release| release.name != "cap");
        found.push(Arc::new(other));
    }
    all.give(answer);
    all.settle();
    all.transfer();
    all.established(request);
    let cap = all.started.iter().find(|line| line.contains("cap@1.0.0"));
    assert!(cap.unwrap().ends_with(&own.digest.short()), "{cap:?}");
}
