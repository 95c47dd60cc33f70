//! Tables and lines for people.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use waybook_client::model::{Amount, ComponentInfo, Phase, RefusalInfo};

use crate::fail::{Done, Fail};

/// Prints a value for programs.
pub(crate) fn json(value: &impl Serialize) -> Done {
    let text = serde_json::to_string_pretty(value).map_err(Fail::failed)?;
    line(&text)
}

/// Prints a value for programs, on one line.
pub(crate) fn json_line(value: &impl Serialize) -> Done {
    let text = serde_json::to_string(value).map_err(Fail::failed)?;
    line(&text)
}

/// Prints a line.
pub(crate) fn line(text: &str) -> Done {
    bytes(format!("{text}\n").as_bytes())
}

/// Prints what is there already. A reader that has gone away ends the command without noise.
pub(crate) fn bytes(bytes: &[u8]) -> Done {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(Fail::failed),
    }
}

/// Prints columns under their headings; one line says so if there is nothing.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>], nothing: &str) -> Done {
    if rows.is_empty() {
        return line(nothing);
    }
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([headings[column].len()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..headings.len()).map(width).collect();
    let print = |cells: &[String]| {
        let padded = cells.iter().zip(&widths);
        let text: Vec<_> = padded
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.join("  ").trim_end().to_owned()
    };
    let headings: Vec<_> = headings.iter().map(|h| (*h).to_owned()).collect();
    line(&paint(Color::Bold, &print(&headings)))?;
    rows.iter().try_for_each(|row| line(&print(row)))
}

/// How many characters a line has room for; a hundred where nobody says.
pub(crate) fn columns() -> usize {
    let told = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    let terminal = || Some(usize::from(console::Term::stdout().size_checked()?.1));
    told.or_else(terminal).unwrap_or(100).max(40)
}

/// How a text stands out.
#[derive(Clone, Copy)]
pub(crate) enum Color {
    Bold,
    Green,
    Yellow,
    Red,
}

/// A text that stands out, if the output is a terminal and nobody minds
/// (<https://no-color.org>).
pub(crate) fn paint(color: Color, text: &str) -> String {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if unwanted || !io::stdout().is_terminal() {
        return text.to_owned();
    }
    let code = match color {
        Color::Bold => 1,
        Color::Green => 32,
        Color::Yellow => 33,
        Color::Red => 31,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// How firm a booking is, in a word.
pub(crate) fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Held => "held",
        Phase::Ready => "ready",
        Phase::Established => "established",
    }
}

/// How firm a booking is, and whether the session's path is cut.
pub(crate) fn state(phase: Phase, cut: bool) -> String {
    let cut = if cut { ", cut" } else { "" };
    format!("{}{cut}", self::phase(phase))
}

/// Amounts on one line: `cpu 250m, memory 64 MiB`.
pub(crate) fn amounts(amounts: &[Amount]) -> String {
    if amounts.is_empty() {
        return "nothing".to_owned();
    }
    let amounts = amounts.iter().map(|a| format!("{} {}", a.resource, a.text));
    amounts.collect::<Vec<_>>().join(", ")
}

/// Components on one line: `files (started in 12 ms), relay (shared)`.
pub(crate) fn components(components: &[ComponentInfo]) -> String {
    if components.is_empty() {
        return "-".to_owned();
    }
    let components = components.iter().map(|component| {
        let how = if component.shared {
            "shared".to_owned()
        } else {
            format!("started in {}", component.took.text)
        };
        format!("{} ({how})", component.name)
    });
    components.collect::<Vec<_>>().join(", ")
}

/// A number of bytes as a person would say it.
pub(crate) fn size(bytes: u64) -> String {
    let mut units = ["KiB", "MiB", "GiB", "TiB"].into_iter();
    let mut amount = bytes as f64;
    let mut unit = "B";
    while amount >= 1024.0
        && let Some(next) = units.next()
    {
        amount /= 1024.0;
        unit = next;
    }
    // Bytes are whole; of anything else two or three digits say enough.
    let decimals = usize::from(unit != "B" && amount < 10.0);
    format!("{amount:.decimals$} {unit}")
}

/// A length of time as a person would say it.
pub(crate) fn time(time: std::time::Duration) -> String {
    match time.as_millis() {
        ms @ ..1000 => format!("{ms} ms"),
        _ => format!("{:.1} s", time.as_secs_f64()),
    }
}

/// A refusal on one line.
pub(crate) fn refusal(refusal: &RefusalInfo) -> String {
    let quality = refusal.quality.as_ref();
    let quality = quality.map(|quality| format!(" ({quality})"));
    format!(
        "solution {}{} at {}: {}",
        refusal.solution,
        quality.unwrap_or_default(),
        refusal.place,
        refusal.text
    )
}
