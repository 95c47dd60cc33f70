//! A tree of thousands.

use serde_json::{Value, json};

use super::up;
use crate::browser::Browser;
use crate::daemons::until;

/// In place of the stream of the place: as many places as this.
const MANY: &str = r#"(() => {
  const {fetch} = window;
  const places = ['r'];
  for (let a = 0; a < 50; a++) {
    places.push(`r/city-${a}`);
    for (let b = 0; b < 99; b++) places.push(`r/city-${a}/lab-${b}`);
  }
  const tree = places.map((place, n) => ({place, age: {micros: 0, text: '0 us'}, load: n % 1001, sessions: n, capacity: [], booked: []}));
  window.fetch = async (address, options) => {
    const answer = await fetch(address, options);
    if (!address.startsWith('/api/v1/events') || address.includes('at=')) return answer;
    let [text, told] = ['', false];
    const many = new TransformStream({
      transform(piece, controller) {
        const end = (text += piece).indexOf('\n\n');
        if (told || end < 0) return;
        told = true;
        const data = text.slice(0, end).split('\n').find(line => line.startsWith('data: '));
        const snapshot = {...JSON.parse(data.slice(6)), tree};
        controller.enqueue(`event: snapshot\ndata: ${JSON.stringify(snapshot)}\n\n`);
      },
    });
    const body = answer.body.pipeThrough(new TextDecoderStream()).pipeThrough(many).pipeThrough(new TextEncoderStream());
    return new Response(body, {headers: answer.headers});
  };
})()"#;

/// The tree of a root with five thousand places below it, by a snapshot that is put in the place of the
/// real one.
#[test]
fn five_thousand_places_can_be_gone_through_by_the_keyboard() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let places = up(false);
    let root = places.client(0).unwrap();
    let script = json!({"source": MANY});
    browser.call("Page.addScriptToEvaluateOnNewDocument", &script);
    browser.open(&root.page());
    let wait = |browser: &mut Browser, what: &str, script: &str, wanted: Value| {
        until(what, || match browser.see(script) {
            seen if seen == wanted => Ok(()),
            seen => Err(format!("{seen}, not {wanted}")),
        });
    };
    let active = "document.activeElement.dataset.place ?? document.activeElement.id";
    wait(
        &mut browser,
        "no tree",
        "document.querySelector('#places-count')?.innerText",
        json!("5001"),
    );
    // Folded, all rows that there are are those of the cities; few of them are drawn.
    let rows = "[...document.querySelectorAll('[role=treeitem]')].length";
    let drawn = browser.see(rows).as_u64().unwrap();
    assert!((20..=51).contains(&drawn), "{drawn}");
    browser.see("document.querySelector('[role=treeitem]').focus()");
    wait(&mut browser, "no focus", active, json!("r"));
    for (key, at) in [
        ("ArrowDown", "r/city-0"),
        ("ArrowRight", "r/city-0"),
        ("ArrowDown", "r/city-0/lab-0"),
        ("ArrowLeft", "r/city-0"),
        ("End", "r/city-9"),
        ("ArrowRight", "r/city-9"),
        ("End", "r/city-9/lab-98"),
        ("Home", "r"),
        ("c", "r/city-0"),
    ] {
        browser.press(key);
        wait(&mut browser, key, active, json!(at));
    }
    let state = "(() => {const row = document.activeElement; return ['aria-level', 'aria-setsize', 'aria-expanded', 'role', 'aria-label'].map(name => row.getAttribute(name))})()";
    let seen = browser.see(state);
    assert_eq!(
        seen,
        json!([
            "2",
            "50",
            "true",
            "treeitem",
            "r/city-0, load 0.1 %, 1 session"
        ])
    );
    let drawn = browser.see(rows).as_u64().unwrap();
    assert!((20..100).contains(&drawn), "{drawn}");

    // What is sought is found, with what stands above it, and chosen.
    browser.press("/");
    wait(&mut browser, "the search box", active, json!("search"));
    browser.type_text("y-41/lab-77");
    let found = "document.querySelector('#found').innerText.split(',')[0]";
    wait(&mut browser, "what is found", found, json!("1 place"));
    wait(&mut browser, "the rows", rows, json!(3));
    browser.press("Enter");
    wait(
        &mut browser,
        "the hash",
        "location.hash",
        json!("#place=r/city-41/lab-77"),
    );
    // It is not really there, and that is said.
    let notice = "document.querySelector('.notice').innerText.includes('r/city-41')";
    wait(&mut browser, "the notice", notice, json!(true));
}
