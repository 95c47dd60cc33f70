//! Whether the page can be read and heard by those who see little, or nothing.

use serde_json::json;

use super::{SEEN, agrees_on_session, refused, up};
use crate::browser::Browser;
use crate::daemons::until;
use crate::sessions;

/// Names of what can be used, headings, and contrast of all text, after WCAG 2.2.
const ACCESS: &str = r"(() => {
  const wrong = [];
  const name = e => e.getAttribute('aria-label') || (e.labels && [...e.labels].map(l => l.textContent).join('')) || e.innerText || (e.getAttribute('aria-labelledby') && document.getElementById(e.getAttribute('aria-labelledby'))?.textContent);
  for (const e of document.querySelectorAll('a, button, input, [tabindex], nav, section, [role=img], [role=region]')) {
    if (e.checkVisibility() && !name(e)?.trim() && e.id !== 'main') wrong.push(`no name: ${e.outerHTML.slice(0, 120)}`);
  }
  for (const e of document.querySelectorAll('table')) {
    if (!e.caption?.textContent) wrong.push(`no caption: ${e.id}`);
    for (const head of e.querySelectorAll('th')) if (!head.scope) wrong.push(`no scope: ${head.outerHTML}`);
  }
  if (document.querySelectorAll('h1').length !== 1 + document.querySelectorAll('#login h1').length) wrong.push('not one heading of the first level');
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`twice: ${id}`);
  const rgb = text => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === undefined || c[3] === 1) return c; } return [255, 255, 255]; };
  let looked = 0;
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility() || e.closest('.unseen, .skip, script, style, noscript')) continue;
    const style = getComputedStyle(e);
    const svg = e instanceof SVGElement;
    const [a, b] = [light(rgb(svg ? style.fill : style.color)), light(ground(e))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    looked += 1;
    if (contrast < 4.5) wrong.push(`contrast ${contrast.toFixed(2)}: ${e.outerHTML.slice(0, 120)}`);
  }
  if (looked < 60) wrong.push(`only ${looked} texts`);
  return wrong;
})()";

#[test]
fn light_and_dark_the_page_can_be_read_and_heard() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let places = up(true);
    let [root, client] = [0, 3].map(|number| places.client(number).unwrap());
    let session = sessions::open(&places, 3, "brought");
    refused(&places, &client, "nothing");
    browser.open(&format!("{}&place=r/a/x", root.page()));
    let shows = |browser: &mut Browser, what: &str| {
        until("the place is not shown", || {
            let seen = browser.see(SEEN);
            match seen[what][0].is_array() {
                true => Ok(()),
                false => Err(seen.to_string()),
            }
        });
    };
    shows(&mut browser, "refusals");
    let nothing = json!([]);
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        assert_eq!(browser.see(ACCESS), nothing, "{scheme}");
    }
    browser.see("location.hash = '#place=r/a'");
    for what in ["code", "presentations"] {
        shows(&mut browser, what);
    }
    for scheme in ["dark", "light"] {
        browser.prefer(scheme);
        assert_eq!(browser.see(ACCESS), nothing, "{scheme}");
    }
    browser.see(&format!(
        "location.hash = '#place=r/a/x&session={}'",
        session.id
    ));
    agrees_on_session(&places, &mut browser, &client, &session.id);
    for scheme in ["dark", "light"] {
        browser.prefer(scheme);
        assert_eq!(browser.see(ACCESS), nothing, "{scheme}");
    }
    // What happens is told in words as well, and calmly.
    browser.see("location.hash = '#place=r/a/x'");
    sessions::close(&places, &session);
    until("nobody is told of the end", || {
        let said = browser.see("document.querySelector('#announcer').innerText");
        match said.as_str().unwrap_or_default().contains("1 ended") {
            true => Ok(()),
            false => Err(said.to_string()),
        }
    });
}
