//! Pages in a real browser.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a browser is a process that reads files, and a test that skips says so"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use waybook_sim::report::{Folder, Report, of_folders, of_run, of_sweep};

use crate::support;

/// A browser that can be here. Where everything is required, its lack is a failure.
pub(crate) fn browser() -> Option<&'static str> {
    let known = ["chromium", "chromium-browser", "google-chrome", "chrome"];
    let is_here = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let found = known.into_iter().find(is_here);
    if found.is_none() {
        let required = std::env::var_os("WAYBOOK_REQUIRE_ALL").is_some();
        assert!(!required, "chromium is required here and missing");
        eprintln!("SKIPPED: chromium is not installed, so no page was opened");
    }
    found
}

/// A folder of its own for what a test writes.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{name}"));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The page in a frame of another one, whose script looks at what is drawn: a page may not have
/// scripts itself. The result is the text of the outer page.
const LOOK: &str = r#"<!DOCTYPE html><meta charset="utf-8"><body><iframe id="page" width="1000" height="20000"></iframe>
<script>
const page = document.getElementById('page');
page.srcdoc = TEXT;
window.onload = () => {
  const doc = page.contentDocument;
  // All of it is in view, so that what is at a point can be asked.
  page.height = doc.documentElement.scrollHeight + 10;
  const plots = [...doc.querySelectorAll('svg')].map(svg => {
    const box = svg.getBoundingClientRect();
    const within = element => {
      const r = element.getBoundingClientRect();
      return r.left >= box.left - 1 && r.right <= box.right + 1 && r.top >= box.top - 1 && r.bottom <= box.bottom + 1;
    };
    const painted = element => {
      const style = doc.defaultView.getComputedStyle(element);
      const paint = colour => colour !== 'none' && colour !== 'rgba(0, 0, 0, 0)' && colour !== 'rgb(255, 255, 255)';
      return style.visibility === 'visible' && paint(style.fill) || paint(style.stroke);
    };
    const on_top = element => {
      const r = element.getBoundingClientRect();
      const hit = doc.elementFromPoint((r.left + r.right) / 2, (r.top + r.bottom) / 2);
      return hit !== null && svg.contains(hit) && hit !== svg;
    };
    const series = [...svg.querySelectorAll('.series, .bar')];
    const texts = [...svg.querySelectorAll('text')];
    const overlap = (a, b) => {
      const [r, s] = [a.getBoundingClientRect(), b.getBoundingClientRect()];
      return Math.min(r.right, s.right) - Math.max(r.left, s.left) > 1 && Math.min(r.bottom, s.bottom) - Math.max(r.top, s.top) > 3;
    };
    return {
      width: box.width,
      height: box.height,
      series: series.length,
      drawn: series.filter(s => s.getTotalLength() > 1 && painted(s) && within(s)).length,
      markers: [...svg.querySelectorAll('path[transform]')].filter(m => m.closest('defs') === null && !(within(m) && on_top(m))).length,
      texts: texts.length,
      cut: texts.filter(t => !within(t)).map(t => t.textContent),
      over: texts.flatMap((a, i) => texts.slice(i + 1).filter(b => overlap(a, b)).map(b => a.textContent + ' / ' + b.textContent)),
    };
  });
  const wide = doc.documentElement.scrollWidth > doc.documentElement.clientWidth;
  document.body.textContent = JSON.stringify({plots, wide, title: doc.title, tables: doc.querySelectorAll('table').length});
};
</script>"#;

/// What a browser sees of a page.
fn look(browser: &str, name: &str, html: &str) -> Value {
    seen_by(browser, name, html, LOOK, &[])
}

/// What a script in a browser, started with some options, sees of a page. The script is that of
/// an outer page, with the page itself for `TEXT`; what it writes as text of its body is JSON.
pub(crate) fn seen_by(
    browser: &str,
    name: &str,
    html: &str,
    script: &str,
    options: &[&str],
) -> Value {
    let folder = folder(name);
    fs::write(folder.join("page.html"), html).unwrap();
    let text = serde_json::to_string(html).unwrap().replace("</", "<\\/");
    let outer = folder.join("look.html");
    fs::write(&outer, script.replace("TEXT", &text)).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args(["--no-first-run", "--disable-dev-shm-usage"])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .arg("--virtual-time-budget=60000")
        .args(options)
        .arg(format!("file://{}", outer.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    let json = dom
        .split_once("<body>")
        .and_then(|(_, rest)| rest.split_once("</body>"));
    let (json, _) = json.unwrap_or_else(|| panic!("no page came back: {dom}\n{said}"));
    let json = json
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}\n{said}"))
}

/// All that is wrong with what a browser saw.
fn wrong(seen: &Value, report: &Report) -> Vec<String> {
    let mut wrong = Vec::new();
    let plots = seen["plots"].as_array().unwrap();
    if plots.len() != report.figures || seen["tables"] != report.tables {
        wrong.push(format!("{} of {} figures", plots.len(), report.figures));
    }
    if seen["wide"] == true {
        wrong.push("the page is wider than the window".to_owned());
    }
    for (number, plot) in plots.iter().enumerate() {
        let empty = |key: &str| plot[key].as_array().is_some_and(Vec::is_empty);
        let right = plot["width"].as_f64() > Some(400.0)
            && plot["height"].as_f64() > Some(60.0)
            && plot["series"].as_u64() > Some(0)
            && plot["drawn"] == plot["series"]
            && plot["markers"] == 0
            && plot["texts"].as_u64() > Some(3)
            && empty("cut")
            && empty("over");
        if !right {
            wrong.push(format!("figure {}: {plot}", number + 1));
        }
    }
    wrong
}

fn shows(name: &str, report: &Report) {
    let Some(browser) = browser() else {
        return;
    };
    let seen = look(browser, name, &report.html);
    assert_eq!(wrong(&seen, report), Vec::<String>::new());
    assert_eq!(seen["title"], report.title.as_str());
}

#[test]
fn a_run_shows_its_plots() {
    let report = support::files(1).report().unwrap();
    assert!(report.figures >= 6);
    shows("run", &report);
}

#[test]
fn a_sweep_shows_its_plots() {
    let report = of_sweep("load", &support::swept());
    assert!(report.figures > 5);
    shows("sweep", &report);
}

#[test]
fn folders_show_their_plots() {
    let folders = [("calm", 1..4), ("other", 2..5)].map(|(name, seeds)| {
        let runs = support::runs(name, seeds);
        Folder::Runs(Box::new(runs))
    });
    shows("folders", &of_folders(&folders));
    let Folder::Runs(runs) = &folders[0] else {
        panic!("runs");
    };
    shows("seeds", &of_run(runs));
}

/// What is looked for is seen when it is not there.
#[test]
fn a_page_whose_plots_are_hidden_is_found_out() {
    let Some(browser) = browser() else {
        return;
    };
    let report = support::files(1).report().unwrap();
    let hide = |style: &str| report.html.replace("</style>", &format!("{style}</style>"));
    for (name, style) in [
        ("hidden", "svg{display:none!important}"),
        ("pale", "svg .series{stroke:none}svg .bar{fill:none}"),
        ("cut", "svg text{font-size:40px}"),
    ] {
        let seen = look(browser, name, &hide(style));
        assert!(!wrong(&seen, &report).is_empty(), "{style}");
    }
}
