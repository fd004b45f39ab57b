//! The wire format of Protocol Buffers: numbered fields, one after the other. What they mean, the formats that use it say.
//!
//! Source: the encoding page of the Protocol Buffers documentation.

/// A message that grows field by field.
///
/// ```
/// use gradus::formats::protobuf::Writer;
/// let mut message = Writer::default();
/// message.int(1, 150);
/// message.message(3, |inner| inner.bytes(1, b"x"));
/// assert_eq!(message.into_bytes(), b"\x08\x96\x01\x1a\x03\x0a\x01x");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// The message.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// An integer.
    pub fn int(&mut self, number: u64, value: i64) {
        self.varint(number << 3);
        self.varint(value as u64);
    }

    /// A float.
    pub fn float(&mut self, number: u64, value: f32) {
        self.varint(number << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    /// A double.
    pub fn double(&mut self, number: u64, value: f64) {
        self.varint(number << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    /// A string, or bytes.
    pub fn bytes(&mut self, number: u64, bytes: &[u8]) {
        self.varint(number << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    /// A message within this one.
    pub fn message(&mut self, number: u64, fill: impl FnOnce(&mut Self)) {
        let mut inner = Self::default();
        fill(&mut inner);
        self.bytes(number, &inner.0);
    }

    /// Many doubles in one field.
    pub fn doubles(&mut self, number: u64, values: &[f64]) {
        let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.bytes(number, &packed);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that Google's library gives for these fields.
    #[test]
    fn fields_are_written_as_the_format_says() {
        let mut message = Writer::default();
        message.int(1, -2);
        message.float(2, 1.5);
        message.double(16, -0.25);
        message.doubles(4, &[1.0]);
        let expected = [
            &[0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01][..],
            &[0x15, 0, 0, 0xc0, 0x3f],
            &[0x81, 0x01, 0, 0, 0, 0, 0, 0, 0xd0, 0xbf],
            &[0x22, 8, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
        ];
        assert_eq!(message.into_bytes(), expected.concat());
        let mut long = Writer::default();
        long.bytes(1, &[b'x'; 200]);
        assert_eq!(long.into_bytes()[..3], [0x0a, 0xc8, 0x01]);
    }
}
