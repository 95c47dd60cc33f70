//! Rows as columns with names and types, so that every format writes the same table.

use std::borrow::Cow;

use super::{IntervalRow, ResourceRow, SessionRow};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Whole numbers.
    Count,
    /// Numbers.
    Number,
    /// Words.
    Word,
    /// Yes or no.
    Flag,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name, with the unit where it has one.
    pub name: Cow<'static, str>,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row may have no value.
    pub optional: bool,
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A whole number.
    Count(u64),
    /// A number.
    Number(f64),
    /// A word.
    Word(&'a str),
    /// Yes or no.
    Flag(bool),
    /// There is none.
    None,
}

/// A kind of row.
pub trait Table {
    /// What files are called by.
    const NAME: &'static str;
    /// The columns, in order.
    const COLUMNS: &'static [Column];
    /// The values, one per column.
    fn values(&self) -> Vec<Value<'_>>;
}

const fn count(name: &'static str) -> Column {
    column(name, Kind::Count, false)
}

const fn number(name: &'static str) -> Column {
    column(name, Kind::Number, false)
}

const fn word(name: &'static str) -> Column {
    column(name, Kind::Word, false)
}

const fn flag(name: &'static str) -> Column {
    column(name, Kind::Flag, false)
}

const fn maybe_count(name: &'static str) -> Column {
    column(name, Kind::Count, true)
}

const fn maybe_number(name: &'static str) -> Column {
    column(name, Kind::Number, true)
}

const fn maybe_word(name: &'static str) -> Column {
    column(name, Kind::Word, true)
}

const fn column(name: &'static str, kind: Kind, optional: bool) -> Column {
    Column {
        name: Cow::Borrowed(name),
        kind,
        optional,
    }
}

fn some_count<'a>(value: Option<u64>) -> Value<'a> {
    value.map_or(Value::None, Value::Count)
}

fn some_number<'a>(value: Option<f64>) -> Value<'a> {
    value.map_or(Value::None, Value::Number)
}

fn some_word(value: Option<&str>) -> Value<'_> {
    value.map_or(Value::None, Value::Word)
}

impl Table for SessionRow {
    const NAME: &'static str = "sessions";
    const COLUMNS: &'static [Column] = &[
        count("session"),
        word("users"),
        word("place"),
        word("place_class"),
        word("title"),
        number("asked_s"),
        flag("warm_up"),
        word("fate"),
        maybe_word("quality"),
        maybe_count("solution"),
        maybe_count("solutions"),
        maybe_count("hops"),
        maybe_word("server"),
        maybe_number("setup_s"),
        count("refusals"),
        maybe_word("refused_at"),
        maybe_word("refused_for"),
        number("wanted_s"),
        maybe_number("stood_s"),
        maybe_word("end"),
        maybe_count("moved_from"),
    ];

    fn values(&self) -> Vec<Value<'_>> {
        vec![
            Value::Count(self.session),
            Value::Word(&self.users),
            Value::Word(&self.place),
            Value::Word(&self.place_class),
            Value::Word(&self.title),
            Value::Number(self.asked),
            Value::Flag(self.warm_up),
            Value::Word(self.fate.word()),
            some_word(self.quality.as_deref()),
            some_count(self.solution),
            some_count(self.solutions),
            some_count(self.hops),
            some_word(self.server.as_deref()),
            some_number(self.setup),
            Value::Count(self.refusals),
            some_word(self.refused_at.as_deref()),
            some_word(self.refused_for.as_deref()),
            Value::Number(self.wanted),
            some_number(self.stood),
            some_word(self.end.map(super::End::word)),
            some_count(self.moved_from),
        ]
    }
}

impl Table for IntervalRow {
    const NAME: &'static str = "intervals";
    const COLUMNS: &'static [Column] = &[
        number("start_s"),
        number("end_s"),
        word("place_class"),
        count("places"),
        count("down"),
        count("asked"),
        count("established"),
        count("refused"),
        number("sessions"),
        count("visits"),
        count("traced_back"),
        count("fell_back"),
        count("lapsed"),
        count("fenced"),
        count("fetched_bytes"),
        count("evicted"),
    ];

    fn values(&self) -> Vec<Value<'_>> {
        vec![
            Value::Number(self.start),
            Value::Number(self.end),
            Value::Word(&self.place_class),
            Value::Count(self.places),
            Value::Count(self.down),
            Value::Count(self.asked),
            Value::Count(self.established),
            Value::Count(self.refused),
            Value::Number(self.sessions),
            Value::Count(self.visits),
            Value::Count(self.traced_back),
            Value::Count(self.fell_back),
            Value::Count(self.lapsed),
            Value::Count(self.fenced),
            Value::Count(self.fetched_bytes),
            Value::Count(self.evicted),
        ]
    }
}

impl Table for ResourceRow {
    const NAME: &'static str = "resources";
    const COLUMNS: &'static [Column] = &[
        number("at_s"),
        word("place_class"),
        word("resource"),
        count("capacity"),
        count("established"),
        count("held"),
        number("fullest"),
    ];

    fn values(&self) -> Vec<Value<'_>> {
        vec![
            Value::Number(self.at),
            Value::Word(&self.place_class),
            Value::Word(&self.resource),
            Value::Count(self.capacity),
            Value::Count(self.established),
            Value::Count(self.held),
            Value::Number(self.fullest),
        ]
    }
}
