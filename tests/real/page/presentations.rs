//! What can be opened: it is seen, found, and gone again.

use serde_json::{Value, json};

use super::{SEEN, agrees, up};
use crate::browser::Browser;
use crate::daemons::until;

/// A place that is busy at first, and then says what one of an older version does.
const OLDER: &str = r"(() => {
  const {fetch} = window;
  let busy = true;
  window.fetch = async (address, options) => {
    const answer = await fetch(address, options);
    if (!address.startsWith('/api/v1/presentations')) return answer;
    const list = await answer.json();
    for (const one of list) for (const quality of one.qualities) delete quality.demands;
    const [body, status] = busy ? [{detail: 'It is busy.'}, 503] : [list, 200];
    busy = false;
    return new Response(JSON.stringify(body), {status});
  };
})()";

/// What the button offers that lists more of them.
const MORE: &str = "document.querySelector('#presentations .more:not([hidden])')?.innerText ?? ''";

/// A presentation file.
fn note(title: &str, memory: &str) -> String {
    format!(
        "title = \"{title}\"\ndescription = \"To be found\"\n[[quality]]\nname = \"only\"\n\
         [quality.demand.edge]\nto-server = \"1 kbit/s\"\n\
         [quality.demand.every-hop]\nmemory = \"{memory}\"\n"
    )
}

/// Types what is sought into the box for it, in place of what was there.
fn seek(browser: &mut Browser, sought: &str) {
    browser.see("document.querySelector('main').focus()");
    browser.press("/");
    until("the search box has not the focus", || {
        let active = browser.see("document.activeElement.id");
        match active == "search" {
            true => Ok(()),
            false => Err(active.to_string()),
        }
    });
    browser.type_text(sought);
}

/// The page comes to find so many, to list these, and to offer that many more.
fn finds(browser: &mut Browser, found: &str, listed: &dyn Fn(&[Value]) -> bool, more: &str) {
    until("they are not found", || {
        let said = browser.see("document.querySelector('#found').innerText");
        let rows = browser.see(SEEN)["presentations"].clone();
        let button = browser.see(MORE);
        let is_found = said.as_str().unwrap().split(", ").any(|one| one == found);
        match is_found && listed(rows.as_array().unwrap()) && button == more {
            true => Ok(()),
            false => Err(format!("{said}, {button}: {rows}")),
        }
    });
}

/// The page comes to say this where the list is.
fn says(browser: &mut Browser, text: &str) {
    until("it is not said", || {
        let said = browser.see("document.querySelector('#presentations .none').innerText");
        match said == text {
            true => Ok(()),
            false => Err(format!("{text:?}, but {said}")),
        }
    });
}

#[test]
fn what_can_be_opened_is_seen_and_found_with_what_it_needs() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let places = up(false);
    let [root, client] = [0, 3].map(|number| places.client(number).unwrap());
    let origin = format!("http://{}/", root.address());
    browser.open(&format!("{}&place=r/a/x", root.page()));
    agrees(&places, &mut browser, &root, &client);
    says(&mut browser, "Nothing is served here or below.");
    places.ask(client.publish(&note("note", "1 MiB"))).unwrap();
    agrees(&places, &mut browser, &root, &client);
    places.ask(client.publish(&note("note", "2 MiB"))).unwrap();
    agrees(&places, &mut browser, &root, &client);

    seek(&mut browser, "to be found");
    let row = json!([
        "note",
        "r/a/x",
        "only 1 kbit/s to the server\nmemory 2 MiB at every-hop"
    ]);
    let listed = |rows: &[Value]| *rows == [row.clone()];
    finds(&mut browser, "1 presentation", &listed, "");
    seek(&mut browser, "to be lost");
    let listed = |rows: &[Value]| rows.is_empty();
    finds(&mut browser, "0 presentations", &listed, "");
    says(&mut browser, "None found.");

    // Many are listed by and by, for the keyboard too.
    for at in 0..60 {
        let title = format!("other-{at}");
        places.ask(client.publish(&note(&title, "1 MiB"))).unwrap();
    }
    seek(&mut browser, "other-");
    let listed = |rows: &[Value]| rows.len() == 50;
    let more = "10 more presentations of 10";
    finds(&mut browser, "60 presentations", &listed, more);
    browser.see("document.querySelector('#presentations .more').focus()");
    browser.press("Enter");
    let listed = |rows: &[Value]| rows.len() == 60;
    finds(&mut browser, "60 presentations", &listed, "");
    for at in 0..60 {
        places.ask(client.withdraw(&format!("other-{at}"))).unwrap();
    }
    let listed = |rows: &[Value]| rows.is_empty();
    finds(&mut browser, "0 presentations", &listed, "");
    assert_eq!(browser.wrongs(&origin, &[]), Vec::<String>::new());

    // One that cannot answer says so, and is asked again; an older one says less.
    browser.see(OLDER);
    let older = note("other-older", "1 MiB");
    places.ask(client.publish(&older)).unwrap();
    says(&mut browser, "It is busy.");
    let row = json!(["other-older", "r/a/x", "only 1 kbit/s to the server"]);
    let listed = |rows: &[Value]| *rows == [row.clone()];
    finds(&mut browser, "1 presentation", &listed, "");
    says(&mut browser, "");
    assert_eq!(browser.wrongs(&origin, &[]), Vec::<String>::new());
}
