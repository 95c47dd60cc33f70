//! The context of a trace, which an agent carries so that all places record for the same one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a set-up belongs in a client's own trace: what a `traceparent` says (W3C Trace Context,
/// section 3.2). A set-up whose client has none is a trace of its own, under the session's number,
/// and its agents carry nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TraceContext {
    /// The trace; never zero.
    pub trace: u128,
    /// The client's span that the set-up is part of; never zero.
    pub parent: u64,
    /// Whether the client has its trace collected.
    pub sampled: bool,
}

impl TraceContext {
    /// Whether it is one at all: zero stands for none.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.trace != 0 && self.parent != 0
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = u8::from(self.sampled);
        write!(f, "00-{:032x}-{:016x}-{flags:02x}", self.trace, self.parent)
    }
}

/// A text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoTraceContext;

impl FromStr for TraceContext {
    type Err = NoTraceContext;

    /// Reads what [`fmt::Display`] writes, and what later versions may put behind it.
    fn from_str(text: &str) -> Result<Self, NoTraceContext> {
        let mut fields = text.split('-');
        let mut field = |digits: usize| {
            let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
            let field = fields.next().filter(|field| field.len() == digits);
            field
                .filter(|field| field.bytes().all(hex))
                .ok_or(NoTraceContext)
        };
        let version = field(2)?;
        let (trace, parent, flags) = (field(32)?, field(16)?, field(2)?);
        // Version 0 ends here; 255 is none.
        if version == "ff" || (version == "00" && fields.next().is_some()) {
            return Err(NoTraceContext);
        }
        let context = Self {
            trace: u128::from_str_radix(trace, 16).map_err(|_| NoTraceContext)?,
            parent: u64::from_str_radix(parent, 16).map_err(|_| NoTraceContext)?,
            sampled: u8::from_str_radix(flags, 16).map_err(|_| NoTraceContext)? & 1 == 1,
        };
        context.is_valid().then_some(context).ok_or(NoTraceContext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_traceparent_reads_back() {
        let context: TraceContext = EXAMPLE.parse().unwrap();
        assert_eq!(context.trace, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(context.parent, 0xb7ad_6b71_6920_3331);
        assert!(context.sampled);
        assert_eq!(context.to_string(), EXAMPLE);
    }

    #[test]
    fn later_versions_may_say_more_and_this_one_may_not() {
        let later = EXAMPLE.replacen("00", "01", 1) + "-more";
        assert!(later.parse::<TraceContext>().is_ok());
        assert!(format!("{EXAMPLE}-more").parse::<TraceContext>().is_err());
    }

    #[test]
    fn what_is_none_is_refused() {
        for wrong in [
            "",
            "00",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ] {
            assert_eq!(
                wrong.parse::<TraceContext>(),
                Err(NoTraceContext),
                "{wrong}"
            );
        }
    }
}
