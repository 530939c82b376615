//! Writes CBOR [RFC 8949], for tokens that tests sign, right or wrong.

/// The head of an item of major type `major` with argument `value`, in its shortest form.
#[must_use]
pub fn head(major: u8, value: u64) -> Vec<u8> {
    let first = major << 5;
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    match value {
        0..24 => vec![first | h],
        24..0x100 => vec![first | 24, h],
        0x100..0x1_0000 => vec![first | 25, g, h],
        0x1_0000..0x1_0000_0000 => vec![first | 26, e, f, g, h],
        _ => vec![first | 27, a, b, c, d, e, f, g, h],
    }
}

/// A number.
#[must_use]
pub fn number(value: i64) -> Vec<u8> {
    if value < 0 { head(1, (-1 - value).unsigned_abs()) } else { head(0, value.unsigned_abs()) }
}

/// A byte string.
#[must_use]
pub fn bytes(value: &[u8]) -> Vec<u8> {
    [head(2, value.len() as u64).as_slice(), value].concat()
}

/// A text.
#[must_use]
pub fn text(value: &str) -> Vec<u8> {
    [head(3, value.len() as u64).as_slice(), value.as_bytes()].concat()
}

/// An array of encoded items.
#[must_use]
pub fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [head(4, items.len() as u64), items.concat()].concat()
}

/// A tagged item.
#[must_use]
pub fn tag(number: u64, item: &[u8]) -> Vec<u8> {
    [head(6, number).as_slice(), item].concat()
}

/// `null`.
#[must_use]
pub fn null() -> Vec<u8> {
    vec![0xf6]
}

/// A map in the making: encoded keys and values, in the order in which they are written.
#[derive(Clone, Debug, Default)]
pub struct Map(pub Vec<(Vec<u8>, Vec<u8>)>);

impl Map {
    /// A map with number keys.
    #[must_use]
    pub fn of_numbers(entries: &[(i64, Vec<u8>)]) -> Self {
        Self(entries.iter().map(|(key, value)| (number(*key), value.clone())).collect())
    }

    /// A map with text keys.
    #[must_use]
    pub fn of_texts(entries: &[(&str, Vec<u8>)]) -> Self {
        Self(entries.iter().map(|(key, value)| (text(key), value.clone())).collect())
    }

    /// Changes the value under `key`, or adds it at the end.
    pub fn set(&mut self, key: &[u8], value: Vec<u8>) {
        match self.0.iter_mut().find(|(own, _)| own == key) {
            Some((_, place)) => *place = value,
            None => self.push(key, value),
        }
    }

    /// Adds an entry, whether or not there is one under `key`.
    pub fn push(&mut self, key: &[u8], value: Vec<u8>) {
        self.0.push((key.to_vec(), value));
    }

    /// Takes out the entry under `key`.
    pub fn remove(&mut self, key: &[u8]) {
        self.0.retain(|(own, _)| own != key);
    }

    /// The map, of definite length.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        [head(5, self.0.len() as u64), self.content()].concat()
    }

    /// The map, of indefinite length.
    #[must_use]
    pub fn encode_indefinite(&self) -> Vec<u8> {
        [vec![0xbf], self.content(), vec![0xff]].concat()
    }

    fn content(&self) -> Vec<u8> {
        self.0.iter().flat_map(|(key, value)| [key.as_slice(), value].concat()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_maps_are_as_the_specification_writes_them() {
        for (value, hex) in
            [(23, "17"), (24, "1818"), (1000, "1903e8"), (1_000_000, "1a000f4240"), (-1, "20"), (-500, "3901f3")]
        {
            assert_eq!(hex::encode(number(value)), hex);
        }
        let mut map = Map::of_numbers(&[(1, text("a")), (-2, bytes(&[7]))]);
        assert_eq!(hex::encode(map.encode()), "a2016161214107");
        map.remove(&number(1));
        map.set(&number(-2), null());
        assert_eq!(hex::encode(map.encode_indefinite()), "bf21f6ff");
    }
}
