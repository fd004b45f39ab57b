//! The wire format of Protocol Buffers: numbered fields, one after the other. What they mean, the formats that use it say.
//!
//! Source: the encoding page of the Protocol Buffers documentation.

use crate::formats::little_endian;

/// Fields of a message, in the order of the file. Nothing is copied and nothing is believed: a length beyond the end of the
/// message is an error.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

/// The contents of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field<'a> {
    /// An integer, or a truth value.
    Varint(u64),
    /// Eight bytes: a double or an integer.
    Fixed64([u8; 8]),
    /// A string, a message, or packed numbers.
    Bytes(&'a [u8]),
    /// Four bytes: a float or an integer.
    Fixed32([u8; 4]),
}

impl<'a> Reader<'a> {
    /// A reader of one message.
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The number and contents of the next field; `None` at the end.
    ///
    /// # Errors
    /// What is wrong with the message.
    pub fn next_field(&mut self) -> Result<Option<(u64, Field<'a>)>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(self.array()?),
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Fixed32(self.array()?),
            kind => return Err(format!("has a field of wire type {kind}")),
        };
        Ok(Some((key >> 3, field)))
    }

    /// An integer of seven bits a byte, the lowest first.
    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for (i, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.rest = &self.rest[i + 1..];
                return Ok(value);
            }
        }
        Err("ends within an integer, or has one of over 64 bits".into())
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let within = usize::try_from(length).ok().filter(|&length| length <= self.rest.len());
        let Some(length) = within else {
            return Err(format!("says that a field has {length} bytes, where {} are left", self.rest.len()));
        };
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let bytes = self.take(N as u64)?;
        bytes.try_into().map_err(|_| format!("has no {N} bytes left"))
    }
}

impl<'a> Field<'a> {
    /// The bytes of a string, a message or packed numbers.
    ///
    /// # Errors
    /// In words, if the field holds something else.
    pub fn bytes(self) -> Result<&'a [u8], String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err("has a number where bytes belong".into()),
        }
    }

    /// A string.
    ///
    /// # Errors
    /// In words, if the field holds something else, or no UTF-8.
    pub fn text(self) -> Result<String, String> {
        let text = std::str::from_utf8(self.bytes()?).map_err(|_| "has a string that is no UTF-8")?;
        Ok(text.to_string())
    }

    /// A signed integer.
    ///
    /// # Errors
    /// In words, if the field holds something else.
    pub fn int(self) -> Result<i64, String> {
        match self {
            // Negative numbers are written as their two's complement.
            Self::Varint(value) => Ok(value as i64),
            _ => Err("has something else where an integer belongs".into()),
        }
    }

    /// A float.
    ///
    /// # Errors
    /// In words, if the field holds something else.
    pub fn float(self) -> Result<f32, String> {
        match self {
            Self::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err("has something else where a float belongs".into()),
        }
    }

    /// One or many integers, as a repeated field holds them, at the end of `to`.
    ///
    /// # Errors
    /// In words, if the field holds something else, or ends within a number.
    pub fn ints(self, to: &mut Vec<i64>) -> Result<(), String> {
        let Self::Bytes(packed) = self else { return self.int().map(|value| to.push(value)) };
        let mut reader = Reader::new(packed);
        while !reader.rest.is_empty() {
            to.push(reader.varint()? as i64);
        }
        Ok(())
    }

    /// One or many floats, as a repeated field holds them, at the end of `to`.
    ///
    /// # Errors
    /// In words, if the field holds something else, or ends within a number.
    pub fn floats(self, to: &mut Vec<f32>) -> Result<(), String> {
        let Self::Bytes(packed) = self else { return self.float().map(|value| to.push(value)) };
        let (floats, over) = packed.as_chunks::<4>();
        to.extend(floats.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        if over.is_empty() { Ok(()) } else { Err("has packed floats that end within one".into()) }
    }

    /// One or many doubles, as a repeated field holds them, at the end of `to`.
    ///
    /// # Errors
    /// In words, if the field holds something else, or ends within a number.
    pub fn doubles(self, to: &mut Vec<f64>) -> Result<(), String> {
        match self {
            Self::Fixed64(bytes) => to.push(f64::from_le_bytes(bytes)),
            Self::Bytes(packed) => {
                let (doubles, over) = packed.as_chunks::<8>();
                to.extend(doubles.iter().map(|&bytes| f64::from_le_bytes(bytes)));
                if !over.is_empty() {
                    return Err("has packed doubles that end within one".into());
                }
            }
            _ => return Err("has something else where a double belongs".into()),
        }
        Ok(())
    }
}

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
    ///
    /// # Errors
    /// In words, if the field holds something else.
    pub fn int(&mut self, number: u64, value: i64) {
        self.varint(number << 3);
        self.varint(value as u64);
    }

    /// A float.
    ///
    /// # Errors
    /// In words, if the field holds something else.
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
    ///
    /// # Errors
    /// In words, if the field holds something else.
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

    /// Many integers in one field.
    ///
    /// # Errors
    /// In words, if the field holds something else, or ends within a number.
    pub fn ints(&mut self, number: u64, values: &[i64]) {
        let mut packed = Self::default();
        values.iter().for_each(|&value| packed.varint(value as u64));
        self.bytes(number, &packed.0);
    }

    /// Many doubles in one field.
    ///
    /// # Errors
    /// In words, if the field holds something else, or ends within a number.
    pub fn doubles(&mut self, number: u64, values: &[f64]) {
        let packed = little_endian(values, f64::to_le_bytes);
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

    #[test]
    fn what_is_written_is_read() -> Result<(), String> {
        let mut writer = Writer::default();
        writer.int(1, -3);
        writer.float(2, 1.5);
        writer.message(300, |inner| inner.bytes(4, b"text"));
        writer.ints(5, &[0, 127, 128, i64::MAX, i64::MIN]);
        let bytes = writer.into_bytes();
        // 1: varint, ten bytes for a negative number.
        assert_eq!(bytes[..11], [8, 0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
        let mut reader = Reader::new(&bytes);
        let mut next = || reader.next_field().map(|field| field.expect("four fields"));
        assert_eq!(next()?.1.int()?, -3);
        assert_eq!(next()?.1.float()?, 1.5);
        let (number, inner) = next()?;
        assert_eq!(number, 300);
        assert_eq!(Reader::new(inner.bytes()?).next_field()?.map(|f| f.1.text()), Some(Ok("text".into())));
        let mut ints = Vec::new();
        next()?.1.ints(&mut ints)?;
        assert_eq!(ints, [0, 127, 128, i64::MAX, i64::MIN]);
        assert_eq!(reader.next_field()?, None);
        Ok(())
    }

    #[test]
    fn lengths_and_integers_beyond_the_end_are_errors() {
        for message in
            [&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 1][..], &[0x08, 0xff], &[0x0d, 1, 2], &[0x0b], &[0xff; 11]]
        {
            assert!(Reader::new(message).next_field().is_err(), "{message:?}");
        }
        assert!(Field::Bytes(&[0, 0, 0]).floats(&mut Vec::new()).is_err());
    }

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
