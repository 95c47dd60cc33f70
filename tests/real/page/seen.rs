//! What the page shows, beside what it should show by what the control API says.

use serde_json::{Value, json};
use waybook_client::model::{Amount, QualityInfo};
use waybook_client::{Client, Error};

use crate::browser::Browser;
use crate::daemons::until;
use crate::places::Places;

/// What the page shows, as text.
pub(super) const SEEN: &str = r"(() => {
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
    presentations: cells('presentations-table').map(([name, ...rest]) => [name.split('\n')[0], ...rest]),
    code: cells('code-table').map(row => [row[0].split('\n')[0], row[2], row[3], row[4]]),
    hops: cells('hops-table').map(row => row.slice(0, 3)),
    setup: cells('setup-table').map(row => [row[0], row[1].split('\n')[0], row[4]]),
    drawn: texts('.path.whole .place', place => place.dataset.place),
    notice: document.querySelector('.notice:not([hidden])')?.innerText ?? '',
    connection: document.querySelector('#connection')?.innerText ?? '',
  };
})()";

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

/// What the page should say of a quality.
fn quality(quality: &QualityInfo) -> String {
    let ways = [
        (&quality.to_client, "client"),
        (&quality.to_server, "server"),
    ];
    let ways = ways.into_iter().filter(|(rate, _)| rate.amount > 0);
    let ways: Vec<_> = ways
        .map(|(rate, to)| format!("{} to the {to}", rate.text))
        .collect();
    let ways = match &ways[..] {
        [] => "no bandwidth".to_owned(),
        ways => ways.join(", "),
    };
    let booked = quality.demands.iter();
    let booked: Vec<_> = booked
        .map(|one| format!("{} at {}", amounts(&one.amounts), one.at))
        .collect();
    let needs = [booked, quality.components.clone()];
    let needs = needs.iter().filter(|all| !all.is_empty());
    let needs: String = needs.map(|all| format!("\n{}", all.join("; "))).collect();
    format!("{} {ways}{needs}", quality.name)
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
    let presentations = places.ask(at.presentations()).map_err(ask)?;
    let presentations = presentations.iter().map(|one| {
        let qualities: Vec<_> = one.qualities.iter().map(quality).collect();
        json!([one.title, one.server, qualities.join("\n")])
    });
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
        "presentations": presentations.collect::<Vec<_>>(),
        "code": code.collect::<Vec<_>>(),
        "hops": [],
        "drawn": [],
        "notice": notice,
        "connection": "Live",
    }))
}

/// What the page shows becomes what the API says.
pub(super) fn agrees(places: &Places, browser: &mut Browser, root: &Client, at: &Client) {
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
pub(super) fn agrees_on_session(places: &Places, browser: &mut Browser, at: &Client, id: &str) {
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
