//! The header of a `.npy` file: `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.

use std::io::Read;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// NumPy pads headers so that the elements start at a multiple of this.
const ALIGNMENT: usize = 64;
/// NumPy itself reads no longer headers unless told to.
const LONGEST: usize = 10_000;
/// NumPy's own limit.
const MOST_AXES: usize = 64;

/// What an element is, with its number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    Bool,
    Unsigned(usize),
    Signed(usize),
    Float(usize),
}

impl Element {
    pub fn size(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Unsigned(size) | Self::Signed(size) | Self::Float(size) => size,
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    pub element: Element,
    pub big_endian: bool,
    pub fortran_order: bool,
    pub shape: Vec<usize>,
}

/// The header of version 1.0, which every NumPy reads, or 2.0 for a shape that does not fit.
pub fn write(descriptor: &str, shape: &[usize]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let mut text = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': ({sizes}), }}");
    // Magic, version, a length of two bytes, and the line's end.
    let length = (MAGIC.len() + 4 + text.len() + 1).next_multiple_of(ALIGNMENT);
    text.extend(std::iter::repeat_n(' ', length - MAGIC.len() - 4 - 1 - text.len()));
    text.push('\n');
    let mut file = MAGIC.to_vec();
    file.extend([1, 0]);
    file.extend((text.len() as u16).to_le_bytes());
    file.extend(text.bytes());
    file
}

pub fn read(file: &mut dyn Read) -> Result<Header, String> {
    let [magic @ .., version, _] = take::<8>(file)?;
    if magic != *MAGIC {
        return Err("is no .npy array: it does not start as one".into());
    }
    let length = match version {
        1 => u16::from_le_bytes(take(file)?).into(),
        2 | 3 => u32::from_le_bytes(take(file)?) as usize,
        _ => return Err(format!("has version {version} of the .npy format, expected 1, 2 or 3")),
    };
    if length > LONGEST {
        return Err(format!("has a header of {length} bytes, expected at most {LONGEST}"));
    }
    let mut text = vec![0; length];
    file.read_exact(&mut text).map_err(cut_short)?;
    let text = str::from_utf8(&text).map_err(|_| "has a header that is no text".to_string())?;
    parse(text).ok_or_else(|| format!("has elements or a header that are not understood: {}", text.trim()))
}

fn take<const N: usize>(file: &mut dyn Read) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).map_err(cut_short)?;
    Ok(bytes)
}

fn cut_short(error: std::io::Error) -> String {
    format!("ends within its header ({error})")
}

fn parse(text: &str) -> Option<Header> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
    let (mut element, mut order, mut shape) = (None, None, None);
    while !rest.is_empty() {
        let (key, after) = quoted(rest)?;
        let after = after.trim_start().strip_prefix(':')?.trim_start();
        rest = match key {
            "descr" => {
                let (descriptor, after) = quoted(after)?;
                element = Some(element_of(descriptor)?);
                after
            }
            "fortran_order" => {
                let (fortran, after) = boolean(after)?;
                order = Some(fortran);
                after
            }
            "shape" => {
                let (sizes, after) = after.strip_prefix('(')?.split_once(')')?;
                shape = Some(sizes_of(sizes)?);
                after
            }
            _ => return None,
        };
        rest = rest.trim_start();
        rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
    }
    let (element, big_endian) = element?;
    Some(Header { element, big_endian, fortran_order: order?, shape: shape? })
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    text[1..].split_once(quote)
}

fn boolean(text: &str) -> Option<(bool, &str)> {
    let fortran = text.strip_prefix("True").map(|after| (true, after));
    fortran.or_else(|| text.strip_prefix("False").map(|after| (false, after)))
}

/// The sizes of a tuple. Python 2 wrote an `L` after long ones.
fn sizes_of(text: &str) -> Option<Vec<usize>> {
    let text = text.trim();
    let text = text.strip_suffix(',').unwrap_or(text);
    if text.is_empty() {
        return Some(Vec::new());
    }
    let size = |size: &str| size.trim().trim_end_matches('L').parse().ok();
    let sizes: Vec<usize> = text.split(',').map(size).collect::<Option<_>>()?;
    (sizes.len() <= MOST_AXES).then_some(sizes)
}

/// An element and whether its first byte is the highest, from a name such as `<f4`.
fn element_of(descriptor: &str) -> Option<(Element, bool)> {
    let big_endian = match descriptor.chars().next()? {
        '>' => true,
        '<' | '|' => false,
        _ => return None,
    };
    let element = match &descriptor[1..] {
        "b1" => Element::Bool,
        "u1" => Element::Unsigned(1),
        "u2" => Element::Unsigned(2),
        "u4" => Element::Unsigned(4),
        "u8" => Element::Unsigned(8),
        "i1" => Element::Signed(1),
        "i2" => Element::Signed(2),
        "i4" => Element::Signed(4),
        "i8" => Element::Signed(8),
        "f4" => Element::Float(4),
        "f8" => Element::Float(8),
        _ => return None,
    };
    Some((element, big_endian))
}
