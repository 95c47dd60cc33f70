//! The builtin `files`, as clients see it over four edges.

use std::os::unix::fs::symlink;
use std::path::Path as FilePath;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use waybook_daemon::empty_body;
use waybook_plan::Runtime;

use crate::world::{PLACES, Path, assert_problem, bytes, component, get, send, text};

const FILM: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

async fn serving(root: &FilePath) -> Path {
    let films = root.join("films");
    std::fs::create_dir_all(films.join("empty")).unwrap();
    std::fs::create_dir_all(films.join("page")).unwrap();
    for (name, content) in [
        ("films/a.mp4", FILM),
        ("films/a.m3u8", b"#EXTM3U"),
        ("films/a.ts", b"ts"),
        ("films/a.m4s", b"m4s"),
        ("films/page/index.html", b"<p>page"),
        ("secret", b"secret"),
    ] {
        std::fs::write(root.join(name), content).unwrap();
    }
    symlink("../secret", films.join("escape")).unwrap();
    symlink("..", films.join("up")).unwrap();
    symlink(root.join("secret"), films.join("absolute")).unwrap();
    symlink("a.mp4", films.join("inside.mp4")).unwrap();
    rustix::fs::mkfifoat(
        std::fs::File::open(&films).unwrap(),
        "pipe",
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
    )
    .unwrap();
    let files = component(Runtime::Builtin, "files", &[("root", "films")]);
    Path::build(files, |index, config| {
        if index == PLACES.len() - 1 {
            config.files = vec![root.to_owned()];
        }
    })
    .await
}

async fn ask(path: &Path, file: &str, headers: &[(&str, &str)]) -> Response<Incoming> {
    let mut request = Request::get(format!("{}{file}", path.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(empty_body()).unwrap()).await
}

#[tokio::test]
async fn whole_files_parts_and_conditions() {
    let directory = tempfile::tempdir().unwrap();
    let path = serving(directory.path()).await;

    let whole = ask(&path, "a.mp4", &[]).await;
    assert_eq!(whole.status(), StatusCode::OK);
    assert_eq!(whole.headers()["content-length"], "36");
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    let etag = whole.headers()["etag"].to_str().unwrap().to_owned();
    let modified = whole.headers()["last-modified"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(bytes(whole).await, FILM);

    for (range, answer, part) in [
        ("bytes=10-13", "bytes 10-13/36", &FILM[10..14]),
        ("bytes=30-", "bytes 30-35/36", &FILM[30..]),
        ("bytes=-2", "bytes 34-35/36", &FILM[34..]),
    ] {
        let response = ask(&path, "a.mp4", &[("range", range)]).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(response.headers()["content-range"], answer);
        assert_eq!(response.headers()["content-length"], part.len().to_string());
        assert_eq!(bytes(response).await, part);
    }

    // Several ranges are allowed to be answered with everything.
    let several = ask(&path, "a.mp4", &[("range", "bytes=0-1,4-5")]).await;
    assert_eq!(several.status(), StatusCode::OK);
    assert_eq!(bytes(several).await, FILM);

    let beyond = ask(&path, "a.mp4", &[("range", "bytes=99-")]).await;
    assert_eq!(beyond.headers()["content-range"], "bytes */36");
    let status = StatusCode::RANGE_NOT_SATISFIABLE;
    assert_problem(beyond, status, "range-not-satisfiable", PLACES[4]).await;

    for (condition, expected) in [
        (("if-range", etag.as_str()), StatusCode::PARTIAL_CONTENT),
        (("if-range", modified.as_str()), StatusCode::PARTIAL_CONTENT),
        (("if-range", "\"other\""), StatusCode::OK),
        (
            ("if-range", "Mon, 01 Jan 2001 00:00:00 GMT"),
            StatusCode::OK,
        ),
        (("if-none-match", etag.as_str()), StatusCode::NOT_MODIFIED),
        (("if-none-match", "\"other\""), StatusCode::PARTIAL_CONTENT),
        (
            ("if-modified-since", modified.as_str()),
            StatusCode::NOT_MODIFIED,
        ),
        (("if-match", "\"other\""), StatusCode::PRECONDITION_FAILED),
    ] {
        let response = ask(&path, "a.mp4", &[("range", "bytes=0-1"), condition]).await;
        assert_eq!(response.status(), expected, "{condition:?}");
    }

    let head = Request::head(format!("{}a.mp4", path.url));
    let head = send(head.body(empty_body()).unwrap()).await;
    assert_eq!(head.headers()["content-length"], "36");
    assert!(bytes(head).await.is_empty());

    let post = Request::post(format!("{}a.mp4", path.url));
    let post = send(post.body(empty_body()).unwrap()).await;
    assert!(post.headers()["allow"].to_str().unwrap().contains("GET"));
    let status = StatusCode::METHOD_NOT_ALLOWED;
    assert_problem(post, status, "method-not-allowed", PLACES[4]).await;
}

#[tokio::test]
async fn players_get_the_types_that_they_expect() {
    let directory = tempfile::tempdir().unwrap();
    let path = serving(directory.path()).await;
    for (file, expected) in [
        ("a.mp4", "video/mp4"),
        ("a.m3u8", "application/vnd.apple.mpegurl"),
        ("a.ts", "video/mp2t"),
        ("a.m4s", "video/iso.segment"),
        ("page/", "text/html"),
    ] {
        let response = ask(&path, file, &[]).await;
        assert_eq!(response.headers()["content-type"], expected, "{file}");
    }
    assert_eq!(
        text(get(&format!("{}page/", path.url)).await).await,
        "<p>page"
    );
    let slash = get(&format!("{}page", path.url)).await;
    assert!(slash.status().is_redirection());
    let location = slash.headers()["location"].to_str().unwrap();
    assert!(
        path.url.ends_with(location.strip_suffix("page/").unwrap()),
        "{location}"
    );
}

#[tokio::test]
async fn nothing_outside_the_directory_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let path = serving(directory.path()).await;
    assert_eq!(bytes(ask(&path, "inside.mp4", &[]).await).await, FILM);
    for file in [
        "absent",
        "empty/",
        "escape",
        "absolute",
        "up/secret",
        "pipe",
        "%2e%2e/secret",
        "..%2fsecret",
        "x%00y",
    ] {
        for method in ["GET", "HEAD"] {
            let request = Request::builder().method(method);
            let request = request.uri(format!("{}{file}", path.url));
            let response = send(request.body(empty_body()).unwrap()).await;
            let status = response.status();
            assert!(
                status == StatusCode::NOT_FOUND || status == StatusCode::BAD_REQUEST,
                "{method} {file}: {status}"
            );
            assert!(!bytes(response).await.starts_with(b"secret"), "{file}");
        }
    }
    let absent = ask(&path, "absent", &[]).await;
    assert_problem(absent, StatusCode::NOT_FOUND, "not-found", PLACES[4]).await;
}
