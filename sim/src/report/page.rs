//! The page: one file that asks nobody for anything, to be read, printed and quoted from.

use std::fmt::Write as _;

use super::plot::{Plot, link};
use super::style::LOOKS;
use super::text::escape;

/// A page as it grows.
#[derive(Debug)]
pub(crate) struct Page {
    title: String,
    made_from: Vec<(String, String)>,
    contents: String,
    body: String,
    sections: usize,
    figures: usize,
    tables: usize,
    /// What it does by itself, and how that looks: script and style.
    alive: Option<(&'static str, &'static str)>,
}

/// A report that is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is called.
    pub title: String,
    /// The page.
    pub html: String,
    /// How many plots it has.
    pub figures: usize,
    /// How many tables it has.
    pub tables: usize,
}

impl Page {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            made_from: Vec::new(),
            contents: String::new(),
            body: String::new(),
            sections: 0,
            figures: 0,
            tables: 0,
            alive: None,
        }
    }

    /// Something of what the page was made from.
    pub(crate) fn made_from(&mut self, what: &str, value: impl Into<String>) {
        self.made_from.push((what.to_owned(), value.into()));
    }

    /// A section begins.
    pub(crate) fn section(&mut self, title: &str) {
        if self.sections > 0 {
            self.body.push_str("</section>\n");
        }
        self.sections += 1;
        let (number, title) = (self.sections, escape(title));
        let _ = writeln!(
            self.contents,
            r##"<li><a href="#section-{number}">{title}</a></li>"##
        );
        let _ = writeln!(
            self.body,
            r#"<section aria-labelledby="section-{number}"><h2 id="section-{number}">{title}</h2>"#
        );
    }

    /// A heading within a section.
    pub(super) fn heading(&mut self, title: &str) {
        let _ = writeln!(self.body, "<h3>{}</h3>", escape(title));
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p>{}</p>", escape(text));
    }

    /// Lets the page do something by itself. The script is ours, so it may run; it still may ask
    /// no other host for anything.
    pub(crate) fn alive(&mut self, script: &'static str, style: &'static str) {
        self.alive = Some((script, style));
    }

    /// Something that is HTML already: whatever comes from outside is escaped in it.
    pub(crate) fn html(&mut self, html: &str) {
        self.body.push_str(html);
        self.body.push('\n');
    }

    /// What a reader must know before believing the figures.
    pub(super) fn careful(&mut self, text: &str) {
        let _ = writeln!(
            self.body,
            r#"<p class="careful"><strong>Careful:</strong> {}</p>"#,
            escape(text)
        );
    }

    /// A text as it is written in a file, folded away.
    pub(super) fn folded(&mut self, title: &str, text: &str) {
        let _ = writeln!(
            self.body,
            "<details><summary>{}</summary><pre>{}</pre></details>",
            escape(title),
            escape(text)
        );
    }

    /// A table. Columns whose cells all begin like numbers stand to the right.
    pub(crate) fn table(&mut self, caption: &str, headings: &[&str], rows: &[Vec<String>]) {
        self.tables += 1;
        let numeric = |column: usize| {
            let begins =
                |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit() || "−–<".contains(c));
            !rows.is_empty() && rows.iter().all(|row| begins(&row[column]))
        };
        let classes: Vec<_> = (0..headings.len())
            .map(|column| if numeric(column) { r#" class="n""# } else { "" })
            .collect();
        let _ = write!(
            self.body,
            r#"<div class="wide" tabindex="0" role="group" aria-label="Table {0}"><table><caption><b>Table {0}.</b> {1}</caption><thead><tr>"#,
            self.tables,
            escape(caption)
        );
        for (heading, class) in headings.iter().zip(&classes) {
            let _ = write!(
                self.body,
                r#"<th scope="col"{class}>{}</th>"#,
                escape(heading)
            );
        }
        self.body.push_str("</tr></thead><tbody>\n");
        for row in rows {
            self.body.push_str("<tr>");
            for (column, (cell, class)) in row.iter().zip(&classes).enumerate() {
                let cell = escape(cell);
                let _ = match column {
                    0 => write!(self.body, r#"<th scope="row"{class}>{cell}</th>"#),
                    _ => write!(self.body, "<td{class}>{cell}</td>"),
                };
            }
            self.body.push_str("</tr>\n");
        }
        if rows.is_empty() {
            let _ = write!(
                self.body,
                r#"<tr><td colspan="{}">nothing</td></tr>"#,
                headings.len()
            );
        }
        self.body.push_str("</tbody></table></div>\n");
    }

    /// A plot with its caption; `file` is what it is saved as.
    pub(super) fn figure(&mut self, plot: &Plot, file: &str, caption: &str) {
        self.figures += 1;
        let number = self.figures;
        let svg = plot.svg(&format!("figure-{number}"), caption);
        let _ = writeln!(
            self.body,
            r#"<figure id="figure-{number}">{svg}<figcaption><b>Figure {number}.</b> {} <span class="save">{}</span></figcaption></figure>"#,
            escape(caption),
            link(&svg, file)
        );
    }

    /// The whole of it.
    pub(crate) fn finish(self) -> Report {
        let title = escape(&self.title);
        let mut made_from = String::new();
        for (what, value) in &self.made_from {
            let _ = writeln!(
                made_from,
                "<div><dt>{}</dt><dd>{}</dd></div>",
                escape(what),
                escape(value)
            );
        }
        let end = if self.sections > 0 { "</section>" } else { "" };
        let (may_run, script, own_style) = match self.alive {
            Some((script, style)) => {
                let script = format!("<script>{script}</script>\n");
                ("script-src 'unsafe-inline'; ", script, style)
            }
            None => ("", String::new(), ""),
        };
        let html = format!(
            r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; {may_run}style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="Waybook {}">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{}{own_style}</style>
</head>
<body>
<header><h1>{title}</h1><dl>{made_from}</dl></header>
<nav aria-label="Contents"><ul>
{}</ul></nav>
<main>
{}{end}
</main>
{script}</body>
</html>
"#,
            env!("CARGO_PKG_VERSION"),
            style(),
            self.contents,
            self.body,
        );
        Report {
            title: self.title,
            html,
            figures: self.figures,
            tables: self.tables,
        }
    }
}

/// How all of it looks. Series keep their colours on a dark screen, but for the black, which is
/// light there, and the blues, which are lighter.
fn style() -> String {
    let last = LOOKS.len() - 1;
    format!(
        "{PLAIN}@media screen and (prefers-color-scheme:dark){{{DARK}.s{last}{{stroke:#e8e8e8}}.f{last}{{fill:#e8e8e8}}.s0{{stroke:#3d9be0}}.f0{{fill:#3d9be0}}.s5{{stroke:#a3daff}}.f5{{fill:#a3daff}}}}\n@media print{{{PRINT}}}"
    )
}

const PLAIN: &str = "
:root{--paper:#fff;--ink:#1a1a1a;--soft:#5a5a5a;--rule:#d5d5d5;--careful:#fff4dc;--edge:#e69f00;--link:#00588a}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.25rem 4rem;max-width:60rem;background:var(--paper);color:var(--ink);font:16px/1.5 'Helvetica Neue',Helvetica,Arial,'Liberation Sans',sans-serif}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 .75rem}
h2{font-size:1.25rem;margin:2.5rem 0 .5rem;padding-top:.5rem;border-top:1px solid var(--rule)}
h3{font-size:1.05rem;margin:1.75rem 0 .25rem}
p{max-width:46rem}
a{color:var(--link)}
dl{display:flex;flex-wrap:wrap;gap:.25rem 1.75rem;margin:0}
dl div{display:flex;gap:.5rem}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;list-style:none}
.careful{background:var(--careful);border-left:4px solid var(--edge);padding:.5rem .75rem}
figure{margin:1.25rem 0 2rem;max-width:46rem;break-inside:avoid}
svg{display:block;width:100%;height:auto}
figcaption,caption{font-size:.9rem;color:var(--soft);text-align:left}
figcaption b,caption b{color:var(--ink)}
figcaption{margin-top:.4rem}
caption{padding:0 0 .4rem;max-width:46rem}
.wide{overflow-x:auto;margin:1rem 0 1.75rem}
table{border-collapse:collapse;min-width:min(100%,38rem);font-size:.84rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .75rem .25rem 0;text-align:left;vertical-align:top;font-weight:400}
thead th{font-weight:600;border-bottom:1.5px solid var(--ink);vertical-align:bottom;white-space:normal}
tbody tr{border-bottom:1px solid var(--rule)}
td.n{white-space:nowrap}
.n{text-align:right}
figcaption a{white-space:nowrap}
pre{overflow-x:auto;font-size:.8rem;padding:.75rem;border:1px solid var(--rule)}
summary{cursor:pointer}
";

const DARK: &str = "
:root{--paper:#14171a;--ink:#ececec;--soft:#a9b0b6;--rule:#353b41;--careful:#33290f;--link:#7cc4f0}
svg .ink{fill:#ececec}
svg .axis{stroke:#a9b0b6}
svg .grid{stroke:#2b3035}
svg .shade{fill:#22272c}
svg .hatch{stroke:#14171a}
svg .band{fill-opacity:.3}
";

const PRINT: &str = "
@page{margin:18mm}
body{max-width:none;padding:0;font-size:10pt}
nav,.save{display:none}
h2,h3{break-after:avoid}
tr{break-inside:avoid}
figure{max-width:150mm}
.wide{overflow:visible}
table{font-size:8pt}
th,td{padding-right:.6rem}
details::details-content{content-visibility:visible;block-size:auto}
details summary{list-style:none}
";
