//! Reads a JSON object in which every key stands once. Pure.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

/// A JSON object whose own keys are all different: with doubled keys, two readers of one token could
/// understand two different things.
pub(crate) struct StrictObject(pub(crate) Map<String, Value>);

impl StrictObject {
    /// The object, or nothing when the bytes are not exactly one such object.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Map<String, Value>> {
        serde_json::from_slice::<Self>(bytes)
            .ok()
            .map(|object| object.0)
    }
}

impl<'de> Deserialize<'de> for StrictObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = StrictObject;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with different keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = Map::new();
        while let Some((key, value)) = access.next_entry::<String, Value>()? {
            if map.insert(key, value).is_some() {
                return Err(A::Error::custom("a key stands twice"));
            }
        }
        Ok(StrictObject(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_objects_with_different_keys_only() {
        assert!(StrictObject::parse(br#"{"a":1,"b":{"a":2}}"#).is_some());
        for bad in [
            &br#"{"a":1,"a":2}"#[..],
            br#"{"a":1,"\u0061":2}"#,
            br#"{"a":1,}"#,
            br#"{"a":1} {}"#,
            b"[]",
            b"abc",
            b"",
            b"\xff",
        ] {
            assert!(StrictObject::parse(bad).is_none(), "{bad:?}");
        }
    }
}
