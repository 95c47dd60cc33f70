//! The page of a place, in a real browser: what it says is what the control API says.

mod access;
mod many;
mod token;

use rustix::process::Signal;
use serde_json::{Value, json};
use waybook_client::model::{Amount, OpenForm};
use waybook_client::{Client, Error};

use crate::browser::Browser;
use crate::daemons::until;
use crate::places::{Build, Kind, Places};
use crate::sessions;

/// What the page shows, as text.
const SEEN: &str = r"(() => {
  const texts = (all, part) => [...document.querySelectorAll(all)].map(part);
  const cells = id => texts(`#${id} tbody tr`, row => [...row.cells].map(cell => cell.innerText.trim()));
  return {
    place: document.querySelector('main h1')?.innerText.replaceAll('\n', '') ?? '',
    tree: texts('[role=treeitem]', row => row.getAttribute('aria-label')).sort(),
    selected: document.querySelector('[aria-selected=true]')?.dataset.place ?? '',
    load: cells('load-table').map(row => [row[0], ...row.slice(2)]),
    sessions: texts('#sessions-table tbody tr', row => [row.dataset.key, row.cells[0].innerText, row.cells[1].innerText, row.cells[2].innerText, row.querySelector('.ends').textContent, row.cells[4].innerText]).sort(),
    sessionCount: document.querySelector('#sessions .count')?.textContent,
    refusals: texts('#refusals-table tbody tr', row => [row.dataset.key, row.cells[1].innerText.split(' ')[0], row.cells[2].innerText, row.cells[4].innerText]),
    walks: texts('#walks-table tbody tr', row => row.dataset.key),
    code: cells('code-table').map(row => [row[0].split('\n')[0], row[2], row[3], row[4]]),
    hops: cells('hops-table').map(row => row.slice(0, 3)),
    setup: cells('setup-table').map(row => [row[0], row[1].split('\n')[0], row[4]]),
    drawn: texts('.path.whole .place', place => place.dataset.place),
    notice: document.querySelector('.notice:not([hidden])')?.innerText ?? '',
    connection: document.querySelector('#connection')?.innerText ?? '',
  };
})()";

fn up(code: bool) -> Places {
    let kind = Kind { walls: false, code };
    Places::up(kind, |_| Build::This)
}

fn amounts(list: &[Amount]) -> String {
    let texts = list.iter().map(|a| format!("{} {}", a.resource, a.text));
    match list {
        [] => "nothing".to_owned(),
        _ => texts.collect::<Vec<_>>().join(", "),
    }
}

fn percent(thousandths: u64) -> String {
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// What the page of a place should show, by what the API says now.
fn said(places: &Places, root: &Client, at: &Client) -> Result<Value, String> {
    let ask = |error: Error| error.to_string();
    let place = places.ask(at.place()).map_err(ask)?;
    let tree = places.ask(root.tree()).map_err(ask)?;
    let mut tree: Vec<_> = tree
        .iter()
        .map(|one| {
            let load = percent(u64::from(one.load));
            let s = if one.sessions == 1 { "" } else { "s" };
            let draining = one.draining.then(|| "draining".to_owned());
            let cordoned = one.cordoned.iter().map(|kind| format!("{kind} cordoned"));
            let withheld = draining.into_iter().chain(cordoned);
            let withheld: String = withheld.map(|what| format!(", {what}")).collect();
            let sessions = one.sessions;
            format!(
                "{}, load {load}, {sessions} session{s}{withheld}",
                one.place
            )
        })
        .collect();
    tree.sort();
    let load = place.resources.iter().map(|one| {
        let used = one.established.amount + one.held.amount;
        let share = (used * 1000 + one.capacity.amount / 2) / one.capacity.amount.max(1);
        let texts = [&one.established, &one.held, &one.free, &one.capacity].map(|q| q.text.clone());
        let texts = texts.into_iter();
        let cordoned = if one.cordoned { " cordoned" } else { "" };
        let name = format!("{}{cordoned}", one.resource);
        let row = [name, percent(share.min(1000))].into_iter();
        json!(row.chain(texts).collect::<Vec<_>>())
    });
    let hops = places.ask(at.hops()).map_err(ask)?;
    let mut listed: Vec<_> = hops
        .iter()
        .map(|hop| {
            let (first, last) = (&hop.path[0], &hop.path[hop.path.len() - 1]);
            let role = match hop.hop {
                0 => "client".to_owned(),
                n if n + 1 == hop.path.len() => "server".to_owned(),
                n => format!("hop {} of {}", n + 1, hop.path.len()),
            };
            let named = format!("{} {}", hop.title, &hop.session[..8]);
            let phase = serde_json::to_value(hop.phase).unwrap();
            json!([
                hop.session,
                named,
                hop.quality,
                phase,
                format!("{first} → {last}"),
                role
            ])
        })
        .collect();
    listed.sort_by_key(|row| row[0].as_str().unwrap().to_owned());
    let refusals = places.ask(at.refusals()).map_err(ask)?;
    let refusals = refusals.iter().rev().take(30).map(|one| {
        let title = if one.title.is_empty() {
            "a"
        } else {
            &one.title
        };
        let by = match (one.user.as_deref().unwrap_or_default(), &one.client) {
            ("", client) => client.clone().unwrap_or_default(),
            (user, client) => format!("{user} at {}", client.clone().unwrap_or_default()),
        };
        let mut why: Vec<String> = Vec::new();
        for refusal in &one.refused {
            let what = match &refusal.quality {
                Some(quality) => quality.clone(),
                None => format!("Solution {}", refusal.solution),
            };
            let line = format!(
                "{what} at {}: {}\n{}",
                refusal.place, refusal.text, refusal.remedy
            );
            if !why.contains(&line) {
                why.push(line);
            }
        }
        let why = match why.is_empty() {
            true => one.text.clone(),
            false => why.join("\n"),
        };
        json!([one.number.to_string(), title, by, why])
    });
    let walks = places.ask(at.walks()).map_err(ask)?;
    let walks = walks
        .iter()
        .rev()
        .take(30)
        .map(|one| one.number.to_string());
    let code = places.ask(at.components(true)).map_err(ask)?;
    let code = code.iter().map(|one| {
        let here = one.here.as_ref().map_or("no".to_owned(), |here| {
            let times = |n| format!("runs {n} time{}", if n == 1 { "" } else { "s" });
            let runs = (here.instances > 0).then(|| times(here.instances));
            let whole = if here.whole {
                "whole".to_owned()
            } else {
                format!("{} so far", here.bytes.text)
            };
            [Some(whole), runs]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(", ")
        });
        let holders = one.holders.iter().map(|at| match at.added {
            true => format!("{} (added)", at.place),
            false => at.place.clone(),
        });
        let holders: String = holders.collect();
        json!([
            one.release.reference,
            one.release.length.text,
            here,
            holders
        ])
    });
    let notice = match &place.draining {
        None => String::new(),
        Some(draining) => {
            let s = if draining.sessions == 1 { "" } else { "s" };
            format!(
                "It is being drained: it takes no new sessions, and has {} session{s} left.",
                draining.sessions
            )
        }
    };
    Ok(json!({
        "place": place.name,
        "tree": tree,
        "selected": place.name,
        "load": load.collect::<Vec<_>>(),
        "sessions": listed,
        "sessionCount": hops.len().to_string(),
        "refusals": refusals.collect::<Vec<_>>(),
        "walks": walks.collect::<Vec<_>>(),
        "code": code.collect::<Vec<_>>(),
        "hops": [],
        "drawn": [],
        "notice": notice,
        "connection": "Live",
    }))
}

/// What the page shows becomes what the API says.
fn agrees(places: &Places, browser: &mut Browser, root: &Client, at: &Client) {
    until("the page does not say what the API says", || {
        let mut seen = browser.see(SEEN);
        // Pieces of lists stand side by side.
        for row in seen["code"].as_array_mut().into_iter().flatten() {
            row[3] = json!(row[3].as_str().unwrap_or_default().replace('\n', ""));
        }
        let said = said(places, root, at)?;
        let differs = |(key, value): (&String, &Value)| {
            (seen[key] != *value).then(|| format!("{key}: seen {} said {value}", seen[key]))
        };
        let differs: Vec<_> = said
            .as_object()
            .unwrap()
            .iter()
            .filter_map(differs)
            .collect();
        match differs.is_empty() {
            true => Ok(()),
            false => Err(differs.join("\n")),
        }
    });
}

/// What the page shows of a session becomes what the API says of it.
fn agrees_on_session(places: &Places, browser: &mut Browser, at: &Client, id: &str) {
    until(
        "the page does not say of a session what the API says",
        || {
            let seen = browser.see(SEEN);
            let detail = places.ask(at.session(id)).map_err(|e| e.to_string())?;
            let hops = detail.hops.iter().map(|one| {
                let hop = one.hop.as_ref().ok_or("a hop says nothing")?;
                let phase = serde_json::to_value(hop.phase).unwrap();
                Ok(json!([one.place, phase, amounts(&hop.booked)]))
            });
            let hops = hops.collect::<Result<Vec<_>, String>>()?;
            let trace = places.ask(at.trace(id)).map_err(|e| e.to_string())?;
            let spans = trace.spans.iter().map(|span| {
                let took = span.took.as_ref().map_or("not over", |took| &took.text);
                json!([span.place, span.name, took])
            });
            let spans: Vec<_> = spans.collect();
            let said = json!([hops, spans, detail.session.path]);
            match json!([seen["hops"], seen["setup"], seen["drawn"]]) == said {
                true => Ok(()),
                false => Err(format!("{said}: {seen}")),
            }
        },
    );
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
