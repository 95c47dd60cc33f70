//! Tokens that are good for less than everything.

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::{Value, json};

use super::net::{Net, PATIENCE};
use super::open::next_event;
use super::{FILM, TREE, request};

/// The same, shown by whoever has that token.
pub(super) fn shown(mut request: Request<Body>, token: &str) -> Request<Body> {
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert(header::AUTHORIZATION, bearer);
    request
}

pub(super) fn form(uri: &str, form: &Value) -> Request<Body> {
    request("POST", uri, form.to_string())
}

fn film(uri: &str) -> Request<Body> {
    let mut put = request("PUT", uri, FILM);
    put.headers_mut().remove(header::CONTENT_TYPE);
    put
}

/// The text of a new token.
pub(super) async fn token(net: &Net, at: &str, asked: &Value) -> String {
    let (status, made) = net.send(at, form("/tokens", asked)).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    made["text"].as_str().unwrap().to_owned()
}

/// What becomes of a request with that token.
async fn with(net: &Net, at: &str, text: &str, request: Request<Body>) -> (u16, String) {
    let (status, answer) = net.send(at, shown(request, text)).await;
    let detail = answer["detail"].as_str().unwrap_or_default();
    (status.as_u16(), detail.to_owned())
}

#[tokio::test]
async fn a_token_is_good_for_what_it_says_and_no_more() {
    let net = Net::start(&["core"]);
    let publisher = json!({"name": "ci", "may": ["publish"]});
    let ci = token(&net, "core", &publisher).await;
    let get = |uri| request("GET", uri, "");
    assert_eq!(with(&net, "core", &ci, get("/place")).await.0, 200);
    assert_eq!(with(&net, "core", &ci, film("/presentations")).await.0, 200);
    let open = form("/sessions", &json!({"title": "film"}));
    let (status, detail) = with(&net, "core", &ci, open).await;
    assert_eq!(status, 403);
    for said in [
        "`ci`",
        "lacks `open`",
        "read, publish",
        "waybook token create",
    ] {
        assert!(detail.contains(said), "{detail}");
    }
    for refused in [
        request("PUT", "/drain", "{}"),
        request("POST", "/reload", ""),
        get("/tokens"),
        form("/tokens", &publisher),
        request("DELETE", "/tokens/ci", ""),
    ] {
        let what = refused.uri().to_string();
        let (status, detail) = with(&net, "core", &ci, refused).await;
        assert_eq!(status, 403, "{what}");
        assert!(detail.contains("lacks `operate`"), "{detail}");
    }
}

#[tokio::test]
async fn a_token_counts_at_once_and_is_over_at_once() {
    let net = Net::start(&["core"]);
    let text = token(&net, "core", &json!({"name": "ci", "may": []})).await;
    let look = || request("GET", "/place", "");
    assert_eq!(with(&net, "core", &text, look()).await.0, 200);
    let (_, list) = net.get("core", "/tokens").await;
    assert_eq!(list[0]["name"], "ci");
    assert_eq!(list[0]["may"], json!(["read"]));
    assert!(!list.to_string().contains(&text[4..]), "{list}");

    let revoke = || request("DELETE", "/tokens/ci", "");
    assert_eq!(net.send("core", revoke()).await.0, StatusCode::NO_CONTENT);
    let (status, detail) = with(&net, "core", &text, look()).await;
    assert_eq!(status, 401);
    assert!(detail.contains("`ci` was revoked at 2"), "{detail}");
    assert_eq!(net.send("core", revoke()).await.0, StatusCode::NOT_FOUND);

    let short = json!({"name": "short", "may": [], "valid": "1 ns"});
    let text = token(&net, "core", &short).await;
    let (status, detail) = with(&net, "core", &text, look()).await;
    assert_eq!(status, 401);
    assert!(detail.contains("`short` expired at 2"), "{detail}");
    let (status, detail) = with(&net, "core", "wbk_guess", look()).await;
    assert_eq!(status, 401);
    assert!(detail.contains("no token of core"), "{detail}");

    let (_, text) = net.text("core", "/metrics").await;
    for counted in ["revoked\"} 1", "expired\"} 1", "wrong\"} 1", "missing\"} 0"] {
        let line = format!("waybook_api_denied_total{{reason=\"{counted}");
        assert!(text.contains(&line), "{line}\n{text}");
    }
}

/// Whoever had begun to watch went on to see everything, however long ago the token had been revoked.
#[tokio::test]
async fn who_watches_sees_no_more_when_their_token_is_over() {
    let net = Net::start(&TREE);
    let watch = async |at: &str, text: &str, uri: &str| {
        let response = net.raw(at, shown(request("GET", uri, ""), text)).await;
        assert_eq!(response.status(), StatusCode::OK);
        (response.into_body(), String::new())
    };
    // What comes before the end depends on what happens in the tree meanwhile.
    let told = async |(mut body, mut buffer): (Body, String)| {
        let ends = async {
            loop {
                let (event, said) = next_event(&mut body, &mut buffer).await.unwrap();
                if event == "refused" {
                    assert!(next_event(&mut body, &mut buffer).await.is_none());
                    assert_eq!(said["status"], 401);
                    break said["detail"].as_str().unwrap().to_owned();
                }
            }
        };
        let told = tokio::time::timeout(PATIENCE, ends).await;
        told.expect("the stream does not end")
    };
    let text = token(&net, "core/a", &json!({"name": "ann", "may": []})).await;
    let bob = token(&net, "core/a", &json!({"name": "bob", "may": []})).await;
    let here = watch("core/a", &text, "/events").await;
    let elsewhere = watch("core/a", &text, "/events?at=core/b").await;
    let mut other = watch("core/a", &bob, "/events").await;
    let revoke = request("DELETE", "/tokens/ann", "");
    assert_eq!(net.send("core/a", revoke).await.0, StatusCode::NO_CONTENT);
    for watched in [here, elsewhere] {
        let detail = told(watched).await;
        assert!(detail.contains("`ann` was revoked at 2"), "{detail}");
    }
    let (event, _) = next_event(&mut other.0, &mut other.1).await.unwrap();
    assert_eq!(event, "snapshot");

    let short = json!({"name": "short", "may": [], "valid": "3 s"});
    let text = token(&net, "core", &short).await;
    let detail = told(watch("core", &text, "/events").await).await;
    assert!(detail.contains("`short` expired at 2"), "{detail}");
}

/// Who could have a copy of the data folder could have the owner's token, and so everything.
#[tokio::test]
async fn a_backup_is_for_the_owner_alone() {
    let net = Net::start(&["core"]);
    let all = json!({"name": "all", "may": ["open", "publish", "operate"]});
    let all = token(&net, "core", &all).await;
    let (status, detail) = with(&net, "core", &all, request("GET", "/backup", "")).await;
    assert_eq!(status, 403);
    assert!(detail.contains("token of the data folder"), "{detail}");
}

#[tokio::test]
async fn nobody_gives_more_than_they_have() {
    let net = Net::start(&TREE);
    let operator = token(&net, "core", &json!({"name": "op", "may": ["operate"]})).await;
    let asked = |may: &str| form("/tokens", &json!({"name": may, "may": [may]}));
    assert_eq!(with(&net, "core", &operator, asked("operate")).await.0, 201);
    let (status, detail) = with(&net, "core", &operator, asked("publish")).await;
    assert_eq!(status, 403);
    assert!(detail.contains("lacks `publish`"), "{detail}");

    let bound = json!({"name": "ann", "may": ["operate"], "user": "ann"});
    let ann = token(&net, "core", &bound).await;
    let bob = json!({"name": "bob", "may": [], "user": "bob"});
    let (status, detail) = with(&net, "core", &ann, form("/tokens", &bob)).await;
    assert_eq!(
        (status, detail.contains("bound to `ann`")),
        (403, true),
        "{detail}"
    );
    let hers = json!({"name": "more", "may": []});
    let (_, made) = net.send("core", shown(form("/tokens", &hers), &ann)).await;
    assert_eq!(made["token"]["user"], "ann");
    assert_eq!(made["token"]["by"], "ann");
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_said() {
    let net = Net::start(&["core"]);
    for (asked, status, what) in [
        (json!({"name": "a/b", "may": []}), 422, "a/b"),
        (json!({"name": "owner", "may": []}), 422, "the place's own"),
        (json!({"name": "a", "may": ["fly"]}), 422, "fly"),
        (
            json!({"name": "a", "may": [], "valid": "soon"}),
            422,
            "`valid`",
        ),
        (
            json!({"name": "a", "may": [], "valid": 0.0}),
            422,
            "`valid`",
        ),
        (
            json!({"name": "a", "may": [], "user": "../x"}),
            422,
            "user's name",
        ),
        (json!({"name": "a"}), 422, "may"),
    ] {
        let (answered, problem) = net.send("core", form("/tokens", &asked)).await;
        assert_eq!(answered.as_u16(), status, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(what), "{detail}");
    }
    for number in 0..10 {
        token(
            &net,
            "core",
            &json!({"name": format!("n{number}"), "may": []}),
        )
        .await;
    }
    let (status, problem) = net
        .send("core", form("/tokens", &json!({"name": "n", "may": []})))
        .await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("`api.tokens` = 10"),
        "{problem}"
    );
}

/// A limited token could do anything at another place, which saw only where it came from.
#[tokio::test]
async fn a_token_is_good_for_no_more_at_another_place() {
    let net = Net::start(&TREE);
    let opener = token(&net, "core", &json!({"name": "player", "may": ["open"]})).await;
    let (status, detail) = with(&net, "core", &opener, film("/presentations?at=core/b")).await;
    assert_eq!(status, 403);
    assert!(
        detail.contains("`player`") && detail.contains("`publish`"),
        "{detail}"
    );
    let look = || request("GET", "/place?at=core/a/lab", "");
    assert_eq!(with(&net, "core", &opener, look()).await.0, 200);

    // Both count: the token's rights, and those of the place that it comes from.
    let publisher = token(&net, "core/b", &json!({"name": "ci", "may": ["publish"]})).await;
    let there = film("/presentations?at=core/a");
    let (status, detail) = with(&net, "core/b", &publisher, there).await;
    assert_eq!(status, 403);
    assert!(detail.contains("api.remote.publish"), "{detail}");
    // It is of no use where it was not made.
    assert_eq!(with(&net, "core", &publisher, look()).await.0, 401);
}

/// The place that answers does not take the first one's word for it.
#[tokio::test]
async fn the_place_that_answers_looks_at_the_token_too() {
    use crate::PeerApi;
    let net = Net::start(&TREE);
    let ask = |headers: &[(&'static str, &'static str)]| {
        let mut request = Request::put("/api/v1/presentations")
            .header("waybook-origin", "core")
            .header("waybook-hops", "1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(crate::full_body(FILM)).unwrap();
        let api = net.api("core/b");
        async move {
            api.call(super::name("core"), request)
                .await
                .status()
                .as_u16()
        }
    };
    assert_eq!(
        ask(&[("waybook-token", "ci"), ("waybook-may", "read,open")]).await,
        403
    );
    assert_eq!(
        ask(&[("waybook-token", "ci"), ("waybook-may", "publish")]).await,
        200
    );
    assert_eq!(ask(&[]).await, 200, "an older place");
    for half in [
        &[("waybook-token", "ci")][..],
        &[("waybook-may", "publish")],
        &[("waybook-user", "ann")],
        &[("waybook-token", ""), ("waybook-may", "publish")],
    ] {
        assert_eq!(ask(half).await, 400, "{half:?}");
    }
    // A local client cannot say who it is otherwise than by its token.
    let player = token(&net, "core", &json!({"name": "player", "may": ["open"]})).await;
    let mut put = film("/presentations?at=core/b");
    put.headers_mut()
        .insert("waybook-may", "publish".parse().unwrap());
    assert_eq!(with(&net, "core", &player, put).await.0, 403);
}

#[tokio::test]
async fn a_bound_token_opens_for_its_user_and_nobody_else() {
    let net = Net::start(&TREE);
    net.publish("core/b", "/presentations").await;
    let ann = json!({"name": "tv", "may": ["open"], "user": "ann"});
    let ann = token(&net, "core/a", &ann).await;
    for claimed in [
        json!({"title": "film", "user": "bob"}),
        json!({"title": "film", "profile": {"user": "bob"}}),
    ] {
        let (status, detail) = with(&net, "core/a", &ann, form("/sessions", &claimed)).await;
        assert_eq!(status, 403);
        assert!(detail.contains("bound to `ann`"), "{detail}");
    }
    let hers = form("/sessions", &json!({"title": "film"}));
    let (status, hers) = net.send("core/a", shown(hers, &ann)).await;
    assert_eq!(status, StatusCode::CREATED, "{hers}");
    let bobs = json!({"title": "film", "profile": {"user": "bob"}});
    let (_, bobs) = net.send("core/a", form("/sessions", &bobs)).await;

    let list = shown(request("GET", "/sessions", ""), &ann);
    let (_, list) = net.send("core/a", list).await;
    for session in list.as_array().unwrap() {
        let is_hers = session["session"] == hers["session"];
        assert_eq!(session["user"], if is_hers { "ann" } else { "bob" });
        assert_eq!(session["urls"].is_object(), is_hers, "{session}");
    }
    let close = |of: &Value| {
        let uri = format!("/sessions/{}", of["session"].as_str().unwrap());
        request("DELETE", &uri, "")
    };
    let (status, detail) = with(&net, "core/a", &ann, close(&bobs)).await;
    assert_eq!(status, 403);
    assert!(
        !detail.contains("bob") && detail.contains("`tv`"),
        "{detail}"
    );
    assert_eq!(with(&net, "core/a", &ann, close(&hers)).await.0, 204);
}

/// What the operator lets a user open is in the profile; a token of that user must not widen it.
#[tokio::test]
async fn a_bound_token_widens_no_profile() {
    let net = Net::start(&TREE);
    net.publish("core/b", "/presentations").await;
    let profiles = net.folder("core/a").join("profiles");
    std::fs::create_dir(&profiles).unwrap();
    std::fs::write(
        profiles.join("ann.toml"),
        "user = \"ann\"\nmay-open = [\"news*\"]",
    )
    .unwrap();
    let ann = json!({"name": "tv", "may": ["open"], "user": "ann"});
    let ann = token(&net, "core/a", &ann).await;
    for claimed in [
        json!({"title": "film"}),
        json!({"title": "film", "user": "ann"}),
        json!({"title": "film", "profile": {"user": "ann", "may_open": ["*"]}}),
    ] {
        let open = shown(form("/sessions", &claimed), &ann);
        let (status, problem) = net.send("core/a", open).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{problem}");
        assert_eq!(problem["detail"], "ann may not open `film`", "{problem}");
    }
}
