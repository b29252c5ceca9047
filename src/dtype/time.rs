//! Units of datetimes and timedeltas, and their missing value.

use serde::{Deserialize, Serialize};

/// The unit of a datetime64 or timedelta64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TimeUnit {
    /// Days.
    Day,
    /// Hours.
    Hour,
    /// Minutes.
    Minute,
    /// Seconds.
    Second,
    /// 10⁻³ s.
    Milli,
    /// 10⁻⁶ s.
    Micro,
    /// 10⁻⁹ s.
    Nano,
}

impl TimeUnit {
    /// All units, the longest first.
    pub const ALL: [TimeUnit; 7] = [
        TimeUnit::Day,
        TimeUnit::Hour,
        TimeUnit::Minute,
        TimeUnit::Second,
        TimeUnit::Milli,
        TimeUnit::Micro,
        TimeUnit::Nano,
    ];

    /// NumPy's code of the unit.
    pub fn code(self) -> &'static str {
        match self {
            TimeUnit::Day => "D",
            TimeUnit::Hour => "h",
            TimeUnit::Minute => "m",
            TimeUnit::Second => "s",
            TimeUnit::Milli => "ms",
            TimeUnit::Micro => "us",
            TimeUnit::Nano => "ns",
        }
    }

    /// Length in nanoseconds.
    pub fn nanoseconds(self) -> i64 {
        match self {
            TimeUnit::Day => 86_400_000_000_000,
            TimeUnit::Hour => 3_600_000_000_000,
            TimeUnit::Minute => 60_000_000_000,
            TimeUnit::Second => 1_000_000_000,
            TimeUnit::Milli => 1_000_000,
            TimeUnit::Micro => 1_000,
            TimeUnit::Nano => 1,
        }
    }
}

/// "Not a time": the missing value of datetimes and timedeltas, as in NumPy.
pub const NAT: i64 = i64::MIN;
