//! The small values of scenario files: durations and probabilities as people write them, targets by number or role.

use crate::time::Span;
use schemars::JsonSchema;
use seaworthy_core::types::NodeId;
use serde::{Deserialize, Serialize};

/// A probability in parts per million; written as a number from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Ppm(u32);

impl Ppm {
    /// Never.
    pub const ZERO: Self = Self(0);
    /// Certainty; all of it.
    pub const ONE: Self = Self(1_000_000);

    /// `parts` in a million.
    ///
    /// # Panics
    /// If that is more than all.
    pub const fn new(parts: u32) -> Self {
        assert!(parts <= 1_000_000, "a probability is at most 1");
        Self(parts)
    }

    /// The probability `number`, rounded to a millionth.
    ///
    /// # Errors
    /// If it does not lie between 0 and 1, or is above 0 and would be rounded to never.
    #[allow(clippy::float_arithmetic, reason = "people write fractions; from here on it is a whole number")]
    pub fn from_fraction(number: f64) -> Result<Self, String> {
        let parts = (number * 1e6).round();
        if !(0.0..=1.0).contains(&number) {
            Err("a number from 0 (never) to 1 (always), as in 0.05".into())
        } else if number > 0.0 && parts < 1.0 {
            Err("0 or at least 0.000001: probabilities are counted in millionths".into())
        } else {
            Ok(Self(parts as u32))
        }
    }

    /// Parts per million, from 0 to 1,000,000.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Whom an action is aimed at: a number, or a role that is looked up when the action happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The node of this number, from 1.
    Node(u64),
    /// `"leader"`: the running leader of the highest term. Nobody if there is none.
    Leader,
    /// `"a follower"`: a running node that does not lead, at random.
    AFollower,
    /// `"any"`: a running node, at random.
    Any,
    /// `"followers"`: all nodes but the leader.
    Followers,
    /// `"a minority"`: fewer than half of the nodes, at random, at least one of 3 or more.
    AMinority,
    /// `"a majority"`: more than half of the nodes, at random.
    AMajority,
    /// `"all"`: every node.
    All,
}

impl From<NodeId> for Target {
    fn from(node: NodeId) -> Self {
        Self::Node(node.get())
    }
}

// Written as people write them; the parsers below are the only ones.

impl std::str::FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const RIGHT: &str =
            "a duration is a number and a unit, as in \"150ms\" or \"2.5s\" (ns, us, ms, s, min, h)";
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or(RIGHT)?;
        let (number, unit) = text.split_at(split);
        let unit: u64 = match unit {
            "ns" => 1,
            "us" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "min" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return Err(RIGHT.into()),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let whole: u64 = whole.parse().map_err(|_| RIGHT)?;
        if part.is_empty() || part.len() > 9 {
            return Err(RIGHT.into());
        }
        let scale = 10u64.pow(part.len() as u32);
        let part: u64 = part.parse().map_err(|_| RIGHT)?;
        let (unit, scale) = (u128::from(unit), u128::from(scale));
        if u128::from(part) * unit % scale != 0 {
            return Err("a duration is a whole number of nanoseconds".into());
        }
        let nanos = u128::from(whole) * unit + u128::from(part) * unit / scale;
        u64::try_from(nanos).map(Self).map_err(|_| "a duration is at most about 584 years".into())
    }
}

impl Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Span {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A number and a unit (ns, us, ms, s, min, h), as in \"150ms\" or \"2.5s\".",
            "pattern": "^[0-9]+(\\.[0-9]{1,9})?(ns|us|ms|s|min|h)$",
        })
    }
}

impl Serialize for Ppm {
    #[allow(clippy::float_arithmetic)]
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1e6)
    }
}

impl<'de> Deserialize<'de> for Ppm {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_fraction(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Ppm {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Probability".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "number",
            "description": "A probability from 0 (never) to 1 (always), in steps of a millionth.",
            "minimum": 0,
            "maximum": 1,
        })
    }
}

const ROLES: [(&str, Target); 7] = [
    ("leader", Target::Leader),
    ("a follower", Target::AFollower),
    ("any", Target::Any),
    ("followers", Target::Followers),
    ("a minority", Target::AMinority),
    ("a majority", Target::AMajority),
    ("all", Target::All),
];

impl Serialize for Target {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Node(number) => serializer.serialize_u64(*number),
            role => {
                let (name, _) =
                    ROLES.iter().find(|(_, target)| target == role).expect("every role has a name");
                serializer.serialize_str(name)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Target;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a node's number or one of ")?;
                for (position, (name, _)) in ROLES.iter().enumerate() {
                    write!(f, "{}\"{name}\"", if position > 0 { ", " } else { "" })?;
                }
                Ok(())
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Target, E> {
                Ok(Target::Node(number))
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Target, E> {
                let role = ROLES.iter().find(|(name, _)| *name == text);
                role.map(|(_, target)| *target)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Target {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let roles = ROLES.map(|(name, _)| name);
        schemars::json_schema!({
            "description": "A node's number, or a role that is looked up when the action happens.",
            "anyOf": [{ "type": "integer", "minimum": 1 }, { "enum": roles }],
        })
    }
}
