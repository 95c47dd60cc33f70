//! Who is shown what.

use waybook_client::model::{Right, TokenForm};

use super::{agrees, up};
use crate::browser::Browser;
use crate::daemons::until;

#[test]
fn whoever_has_not_the_token_is_asked_for_it_and_shown_nothing() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let places = up(false);
    let root = places.client(0).unwrap();
    let origin = format!("http://{}/", root.address());
    let focus = "document.activeElement.id";
    let visible = "document.querySelector('main').checkVisibility()";
    let asked = |browser: &mut Browser, why: &str| {
        until("nobody is asked for the token", || {
            let said = browser.see("document.querySelector('#token-wrong')?.innerText");
            match (browser.see(focus) == "token", said == why) {
                (true, true) => Ok(()),
                _ => Err(said.to_string()),
            }
        });
        assert_eq!(browser.see(visible), false);
    };
    browser.open(&origin);
    asked(&mut browser, "");
    browser.type_text("wrong");
    browser.press("Enter");
    asked(&mut browser, "This is not the token of this place.");
    let page = root.page();
    browser.type_text(page.split_once("#token=").unwrap().1);
    browser.press("Enter");
    agrees(&places, &mut browser, &root, &root);
    assert_eq!(browser.see(visible), true);
    // Whoever watches with a token sees no more when it is revoked, and is told why.
    let form = TokenForm {
        name: "ann".to_owned(),
        may: vec![Right::Read],
        user: None,
        valid: None,
    };
    let made = places.ask(root.create_token(&form)).unwrap();
    browser.open("about:blank");
    browser.open(&format!("{origin}#token={}", made.text));
    agrees(&places, &mut browser, &root, &root);
    places.ask(root.revoke_token("ann")).unwrap();
    until("nobody is told why nothing more is shown", || {
        let said = browser.see("document.querySelector('#token-wrong')?.innerText");
        match said
            .as_str()
            .is_some_and(|said| said.contains("`ann` was revoked"))
        {
            true => Ok(()),
            false => Err(said.to_string()),
        }
    });
    assert_eq!(browser.see(visible), false);
    assert_eq!(
        browser.wrongs(&origin, &["status of 401"]),
        Vec::<String>::new()
    );
}
