//! Profiles that another place keeps.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use super::net::Net;
use super::tokens::{form, shown, token};
use super::{TREE, request};
use crate::api::{Profiles, Rights};
use crate::config::{ProfilesConfig, RemoteRights, Who};

const ANN: &str = "/profiles/ann%40core%2Fb";

/// Places that keep copies like that.
fn start(change: impl Fn(&mut ProfilesConfig)) -> Net {
    let mut config = ProfilesConfig::default();
    change(&mut config);
    Net::start_of(&TREE, |parts| {
        parts.profiles = Arc::new(Profiles::open(&parts.folder, config).unwrap());
    })
}

/// Every look asks the home.
fn fresh() -> Net {
    start(|config| config.refresh = Duration::ZERO)
}

fn write(net: &Net, at: &str, user: &str, text: &str) {
    let folder = net.folder(at).join("profiles");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(format!("{user}.toml")), text).unwrap();
}

fn may_open(net: &Net, titles: &str) {
    let text = format!("user = 'ann'\nmay-open = ['{titles}']");
    write(net, "core/b", "ann", &text);
}

/// What core/a says of ann@core/b: from where it has her profile, and what she may open.
async fn ann(net: &Net) -> (String, String) {
    let (status, info) = net.get("core/a", ANN).await;
    assert_eq!(status, StatusCode::OK, "{info}");
    assert_eq!(
        (&info["user"], &info["home"]),
        (&json!("ann"), &json!("core/b"))
    );
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&info["source"]), text(&info["may_open"][0]))
}

fn is(found: &(String, String), source: &str, titles: &str) {
    assert_eq!((found.0.as_str(), found.1.as_str()), (source, titles));
}

/// How a request is refused at core/a.
async fn refused(net: &Net, uri: &str) -> (u16, String) {
    let (status, problem) = net.get("core/a", uri).await;
    assert!(!status.is_success(), "{problem}");
    assert_eq!(problem["place"], "core/a", "{problem}");
    (
        status.as_u16(),
        problem["detail"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test]
async fn a_profile_comes_from_its_home() {
    let net = Net::start(&TREE);
    net.publish("core/b", "/presentations").await;
    may_open(&net, "news*");
    let open = json!({"title": "film", "user": "ann@core/b"});
    let (status, problem) = net.send("core/a/lab", form("/sessions", &open)).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
    assert_eq!(problem["detail"], "ann@core/b may not open `film`");

    may_open(&net, "film");
    for at in ["core/a", "core/b"] {
        let (status, session) = net.send(at, form("/sessions", &open)).await;
        assert_eq!(status, StatusCode::CREATED, "{session}");
    }
    let user = async |at| net.get(at, "/sessions").await.1[0]["user"].clone();
    assert_eq!(user("core/a").await, "ann@core/b");
    // At home she is who she is without her home.
    assert_eq!(user("core/b").await, "ann");
    let (_, info) = net.get("core/b", "/profiles/ann%40core%2Fb").await;
    assert_eq!(info, net.get("core/a", "/profiles/ann?at=core/b").await.1);
    // The lab has asked before the change, and need not again for a minute.
    let (status, _) = net.send("core/a/lab", form("/dry-run", &open)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (_, copy) = net.get("core/a/lab", ANN).await;
    assert_eq!(copy["source"], "copy", "{copy}");
    let (_, figures) = net.text("core/a/lab", "/metrics").await;
    for said in ["home\"} 1", "copy\"} 2", "stale\"} 0", "refused\"} 0"] {
        let line = format!("waybook_profiles_total{{source=\"{said}\n");
        assert!(figures.contains(&line), "{line} {figures}");
    }
}

#[tokio::test]
async fn while_its_home_is_away_a_copy_serves_until_it_is_too_old() {
    let net = fresh();
    may_open(&net, "news");
    is(&ann(&net).await, "home", "news");
    net.cut("core", "core/b");
    may_open(&net, "film");
    let (_, stale) = net.get("core/a", ANN).await;
    assert_eq!(
        (&stale["source"], &stale["may_open"][0]),
        (&json!("stale"), &json!("news"))
    );
    let why = stale["problem"].as_str().unwrap();
    assert!(why.contains("the edge between core and core/b"), "{why}");
    assert!(stale["age"]["micros"].as_u64().is_some(), "{stale}");

    // The next life has the copy as well.
    let keep = ProfilesConfig {
        refresh: Duration::ZERO,
        ..ProfilesConfig::default()
    };
    let again = Profiles::open(&net.folder("core/a"), keep).unwrap();
    assert!(again.has_copy("ann@core/b"));

    let net = start(|config| {
        config.refresh = Duration::ZERO;
        config.keep = Duration::ZERO;
    });
    may_open(&net, "news");
    is(&ann(&net).await, "home", "news");
    net.cut("core", "core/b");
    let (status, detail) = refused(&net, ANN).await;
    assert_eq!(status, 503, "{detail}");
    for said in [
        "kept by core/b, which cannot be asked",
        "the copy that is here is ",
        "`profiles.keep`",
    ] {
        assert!(detail.contains(said), "{detail}");
    }
}

/// Who did not answer is left alone for a while, but not for longer.
#[tokio::test]
async fn a_home_that_is_back_is_asked_again() {
    let net = start(|config| {
        config.refresh = Duration::ZERO;
        config.timeout = Duration::from_millis(1);
    });
    may_open(&net, "news");
    // A copy is told without a pause, in which the time could be over.
    let until = async |source: &str, titles: &str| {
        let seen = async {
            loop {
                let (_, info) = net.get("core/a", ANN).await;
                if info["source"] == source && info["may_open"][0] == titles {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), seen)
            .await
            .expect(source);
    };
    until("home", "news").await;
    net.cut("core", "core/b");
    may_open(&net, "film");
    until("stale", "news").await;
    net.mend("core", "core/b");
    until("home", "film").await;
}

#[tokio::test]
async fn what_the_home_says_counts_also_when_it_says_no() {
    let net = fresh();
    may_open(&net, "news");
    is(&ann(&net).await, "home", "news");
    write(&net, "core/b", "ann", "user = 'ann'\nmay-open = 7");
    let (status, detail) = refused(&net, ANN).await;
    assert_eq!(status, 422);
    let said = "core/b, the home of `ann@core/b`, was asked and says: `profiles/ann.toml` of core/b: line 2";
    assert!(detail.starts_with(said), "{detail}");

    may_open(&net, "news");
    is(&ann(&net).await, "home", "news");
    std::fs::remove_file(net.folder("core/b").join("profiles/ann.toml")).unwrap();
    let (status, detail) = refused(&net, ANN).await;
    assert_eq!(status, 404);
    assert!(
        detail.contains("there is no profile of `ann` at core/b: put ann.toml"),
        "{detail}"
    );
    // Who is no user any more is none with a copy either.
    net.cut("core", "core/b");
    let (status, detail) = refused(&net, ANN).await;
    assert_eq!(status, 503);
    assert!(detail.contains("there is no copy of it here"), "{detail}");
    assert!(detail.contains("when core/b can be reached"), "{detail}");
}

#[tokio::test]
async fn whoever_has_no_home_in_this_tree_is_refused() {
    let net = Net::start(&TREE);
    for (user, status, said) in [
        (
            "ann%40other%2Fb",
            404,
            "another tree than core/a, whose root is core",
        ),
        (
            "ann%40core%2Fnowhere",
            503,
            "kept by core/nowhere, which cannot be asked",
        ),
        ("ann%40core%2F%2F", 422, "not a label"),
        ("ann%40core%40core", 422, "one home"),
        ("..%2Fann", 422, "no user's name"),
        ("nobody", 404, "no profile of `nobody` at core/a"),
    ] {
        let found = refused(&net, &format!("/profiles/{user}")).await;
        assert_eq!(found.0, status, "{found:?}");
        assert!(found.1.contains(said), "{found:?}");
    }
    let open = json!({"title": "film", "user": "ann@Core"});
    let (status, problem) = net.send("core/a", form("/sessions", &open)).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("`@` is no place's name"), "{detail}");
}

#[tokio::test]
async fn an_older_home_says_so_and_a_liar_gains_nothing() {
    let net = fresh();
    let older = json!({
        "type": "urn:waybook:problem:no-such-path", "title": "", "status": 404,
        "detail": "`/api/v1/profiles/ann` is not part of the API",
    });
    net.estrange("core", Some((404, older.to_string())));
    let (status, detail) = refused(&net, ANN).await;
    assert_eq!(status, 409);
    assert!(
        detail.contains("core/b, which runs an older version"),
        "{detail}"
    );
    assert!(detail.contains("upgrade it"), "{detail}");

    let told = |user: &str, quality: &str, titles: &[&str]| {
        let told = json!({
            "user": user, "home": "core/b", "source": "home", "best_quality": quality,
            "may_open": titles, "something": "new",
        });
        Some((200, told.to_string()))
    };
    net.estrange("core", told("ann", "low", &["film"]));
    is(&ann(&net).await, "home", "film");
    let long = "x".repeat(201);
    for lie in [
        told("bob", "low", &["*"]),
        told("ann", &long, &["*"]),
        told("ann", "low", &[&long]),
        told("ann", "low", &["*"; 257]),
        Some((200, "{}".to_owned())),
        Some((200, "x".repeat(5 << 20))),
        Some((500, String::new())),
        // A place on the way cannot say that there is no such user.
        Some((
            404,
            json!({
                "type": "urn:waybook:problem:not-found", "title": "", "status": 404, "detail": "",
                "place": "core",
            })
            .to_string(),
        )),
    ] {
        let net = fresh();
        net.estrange("core", lie.clone());
        let (status, detail) = refused(&net, ANN).await;
        assert_eq!(status, 503, "{detail} {lie:?}");
    }
}

#[tokio::test]
async fn many_who_want_the_same_ask_once_and_none_waits_for_ever() {
    let net = start(|config| {
        config.timeout = Duration::from_millis(200);
        config.questions = 2;
    });
    let asked = net.estrange("core", None);
    let all = join_all((0..5).map(|_| refused(&net, ANN))).await;
    for (status, detail) in all {
        assert_eq!(status, 503);
        assert!(
            detail.contains("no answer within 200 ms (`profiles.timeout`)"),
            "{detail}"
        );
    }
    assert_eq!(*asked.borrow(), 1);
    // One neighbour has half of two.
    let others = ["/profiles/bob%40core%2Fb", "/profiles/eve%40core%2Fb"];
    let (bob, eve) = tokio::join!(refused(&net, others[0]), refused(&net, others[1]));
    let full = [bob, eve]
        .into_iter()
        .find(|(_, detail)| detail.contains("neighbour-share"));
    let (status, detail) = full.expect("one is over the limit");
    assert_eq!(status, 503);
    assert!(
        detail.contains("`profiles.questions` = 1 is reached at core/a by those over core"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_home_tells_only_those_who_may_look() {
    let net = Net::start_of(&TREE, |parts| {
        let remote = RemoteRights {
            read: Who::None,
            ..RemoteRights::default()
        };
        parts.rights = Rights::new(parts.name.clone(), remote);
    });
    may_open(&net, "news");
    let (status, detail) = refused(&net, ANN).await;
    assert_eq!(status, 403);
    assert!(detail.contains("`api.remote.read`"), "{detail}");
}

/// A token that is bound to a user with a home opens for that user at every place, and for no
/// other who goes by the same name there.
#[tokio::test]
async fn a_token_can_be_bound_to_a_user_of_another_place() {
    let net = fresh();
    net.publish("core/b", "/presentations").await;
    may_open(&net, "film");
    write(&net, "core/a", "ann", "user = 'ann'\nmay-open = []");
    let bound = |user: &str| {
        let name = user.replace("/", ".");
        json!({"name": name, "may": ["open"], "user": user})
    };
    let hers = token(&net, "core", &bound("ann@core/b")).await;
    let others = token(&net, "core/a", &bound("ann")).await;
    for (open, status) in [
        (json!({"title": "film"}), StatusCode::CREATED),
        (
            json!({"title": "film", "user": "ann@core/b"}),
            StatusCode::CREATED,
        ),
        (
            json!({"title": "film", "user": "ann"}),
            StatusCode::FORBIDDEN,
        ),
        (
            json!({"title": "film", "profile": {"user": "ann@core/b"}}),
            StatusCode::CREATED,
        ),
    ] {
        let opened = shown(form("/sessions?at=core/a", &open), &hers);
        let (said, answer) = net.send("core", opened).await;
        assert_eq!(said, status, "{open} {answer}");
    }
    let open = form("/sessions", &json!({"title": "film"}));
    let (status, problem) = net.send("core/a", shown(open, &others)).await;
    assert_eq!(
        (status, &problem["detail"]),
        (StatusCode::FORBIDDEN, &json!("ann may not open `film`"))
    );

    // At home she is the same with and without it.
    for user in ["ann", "ann@core/b"] {
        let open = form(
            "/sessions?at=core/b",
            &json!({"title": "film", "user": user}),
        );
        let (status, session) = net.send("core", shown(open, &hers)).await;
        assert_eq!(status, StatusCode::CREATED, "{session}");
        let id = session["session"].as_str().unwrap();
        let close = request("DELETE", &format!("/sessions/{id}?at=core/b"), "");
        let (status, problem) = net.send("core", shown(close, &hers)).await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{problem}");
    }
    // Whoever has it makes only such as are bound like it.
    let made = json!({"name": "op", "may": ["operate"], "user": "ann@core/b"});
    let made = token(&net, "core/b", &made).await;
    let asked = json!({"name": "new", "may": ["operate"], "user": "ann"});
    let (status, new) = net
        .send("core/b", shown(form("/tokens", &asked), &made))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{new}");
    assert_eq!(new["token"]["user"], "ann@core/b", "{new}");
    // And sees no other's profile.
    let look = |uri: &str| shown(request("GET", uri, ""), &hers);
    assert_eq!(
        net.send("core", look("/profiles/ann%40core%2Fb?at=core/a"))
            .await
            .0,
        StatusCode::OK
    );
    let (status, problem) = net.send("core", look("/profiles/ann?at=core/a")).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
    let (status, problem) = net.send("core", form("/tokens", &bound("x@other"))).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
    net.cut("core", "core/b");
    std::fs::remove_dir_all(net.folder("core/a").join("profile-copies")).unwrap();
    let unknown = token(&net, "core/a", &bound("eve@core/b")).await;
    let open = form("/sessions", &json!({"title": "film"}));
    let (status, problem) = net.send("core/a", shown(open, &unknown)).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{problem}");
}
