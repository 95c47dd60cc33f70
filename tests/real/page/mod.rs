//! The page of a place, in a real browser: what it says is what the control API says.

mod access;
mod many;
mod presentations;
mod seen;
mod token;

use rustix::process::Signal;
use serde_json::json;
use waybook_client::Client;
use waybook_client::model::OpenForm;

use self::seen::{SEEN, agrees, agrees_on_session};
use crate::browser::Browser;
use crate::daemons::until;
use crate::places::{Build, Kind, Places};
use crate::sessions;

fn up(code: bool) -> Places {
    let kind = Kind { walls: false, code };
    Places::up(kind, |_| Build::This)
}

/// Word of a place takes a while to come up.
fn tree_says(browser: &mut Browser, words: &str) {
    until("the tree does not say it", || {
        let tree = browser.see(SEEN)["tree"].to_string();
        match tree.contains(words) {
            true => Ok(()),
            false => Err(format!("{words:?} is not in {tree}")),
        }
    });
}

fn refused(places: &Places, at: &Client, title: &str) {
    until("a place has room for ever", || {
        let form = OpenForm {
            title: title.to_owned(),
            ..OpenForm::default()
        };
        match places.ask(at.open_quietly(&form)) {
            Ok(_) => Err("there was room".to_owned()),
            Err(_) => Ok(()),
        }
    });
}

#[test]
fn the_page_says_what_the_api_says_while_sessions_come_and_go() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let mut places = up(true);
    let [root, client] = [0, 3].map(|number| places.client(number).unwrap());
    let origin = format!("http://{}/", root.address());
    browser.open(&root.page());
    agrees(&places, &mut browser, &root, &root);
    // What the address says may be copied, the token must not be.
    assert_eq!(browser.see("location.href"), origin.as_str());

    // Sessions come: through the root, to and from places below, with code that is brought along.
    let mut open = vec![
        sessions::open(&places, 3, "program"),
        sessions::open(&places, 3, "brought"),
        sessions::open(&places, 5, "film"),
    ];
    agrees(&places, &mut browser, &root, &root);
    let shown = browser.see(SEEN);
    assert!(shown["sessions"][0].is_array(), "{shown}");
    assert!(shown["walks"][0].is_string(), "{shown}");
    assert!(shown["code"][0].is_array(), "{shown}");

    // Another place is looked at from here, and some are refused there.
    browser.see("document.querySelector('[data-place=\"r/a/x\"]').click()");
    agrees(&places, &mut browser, &root, &client);
    refused(&places, &client, "film");
    refused(&places, &client, "nothing");
    agrees(&places, &mut browser, &root, &client);
    let shown = browser.see(SEEN);
    let lines = shown["refusals"].to_string();
    assert!(lines.contains("lack"), "{lines}");
    assert!(lines.contains("nothing"), "{lines}");

    // What the operator withholds is seen, in the tree and at the place.
    places.ask(client.drain(None)).unwrap();
    places.ask(client.cordon("cpu")).unwrap();
    tree_says(&mut browser, "draining, cpu cordoned");
    agrees(&places, &mut browser, &root, &client);
    let seen = browser.see(SEEN);
    let notice = seen["notice"].as_str().unwrap();
    assert!(notice.contains("drained"), "{seen}");
    let load = seen["load"].to_string();
    assert!(load.contains("cpu cordoned"), "{seen}");
    // What the watched place itself withheld was not told while all else about it stayed as it was.
    places.ask(root.cordon("memory")).unwrap();
    tree_says(&mut browser, ", memory cordoned");
    places.ask(root.uncordon("memory")).unwrap();
    places.ask(client.undrain()).unwrap();
    places.ask(client.uncordon("cpu")).unwrap();
    agrees(&places, &mut browser, &root, &client);

    // One session, from where it passes and where its client is.
    let one = &open[0];
    let row = format!(
        "document.querySelector('#sessions-table [data-key=\"{}\"] a').click()",
        one.id
    );
    browser.see(&row);
    agrees_on_session(&places, &mut browser, &client, &one.id);
    browser.see(&format!("location.hash = '#place=r&session={}'", one.id));
    agrees_on_session(&places, &mut browser, &client, &one.id);

    // It goes, and the page says so.
    sessions::close(&places, &open.remove(0));
    until("the page does not say that a session is over", || {
        let seen = browser.see(SEEN);
        let notice = seen["notice"].as_str().unwrap_or_default();
        match notice.contains("is over") || notice.contains("no session") {
            true => Ok(()),
            false => Err(seen.to_string()),
        }
    });
    browser.see("location.hash = '#place=r/a/x'");
    agrees(&places, &mut browser, &root, &client);
    for session in &open {
        sessions::close(&places, session);
    }
    browser.see("location.hash = '#place=r'");
    agrees(&places, &mut browser, &root, &root);

    // A place goes: the API no longer lists it, and the page says that there is no word of it.
    assert_eq!(
        browser.wrongs(&origin, &["status of 404", "status of 410"]),
        Vec::<String>::new()
    );
    places.signal(6, Signal::KILL);
    places.wait_for_end(6);
    until("the page does not say that a place is gone", || {
        let seen = browser.see(SEEN);
        let gone = json!("r/b/w, no word of it any more");
        match seen["tree"].as_array().unwrap().contains(&gone) {
            true => Ok(()),
            false => Err(seen["tree"].to_string()),
        }
    });
    places.start(6);
    agrees(&places, &mut browser, &root, &root);

    // The daemon goes that serves the page: it says so, and goes on when the daemon is back.
    places.signal(0, Signal::KILL);
    places.wait_for_end(0);
    until("the page does not say that it has no connection", || {
        let seen = browser.see(SEEN);
        match seen["connection"] == "Connecting again…" {
            true => Ok(()),
            false => Err(seen["connection"].to_string()),
        }
    });
    places.start(0);
    let root = places.client(0).unwrap();
    agrees(&places, &mut browser, &root, &root);
}
