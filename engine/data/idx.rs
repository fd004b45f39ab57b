//! IDX files, plain or gzipped: the format of MNIST and Fashion-MNIST.
//!
//! Two zero bytes, a byte for the type, a byte for the number of axes, each size as a big-endian `u32`, then
//! the elements, big-endian, row-major. Source: yann.lecun.com/exdb/mnist.

use std::io::{Read, Seek};
use std::path::Path;

use flate2::read::GzDecoder;

use super::dataset::Layout;
use crate::error::{Error, Result};
use crate::formats::{most_unpacked, read_file};
use crate::tensor::{Tensor, Values};

const GZIP: [u8; 2] = [0x1f, 0x8b];
const DAMAGED: &str = "the file is damaged or no IDX file: copy or download it again";

/// Reads an IDX file, gzipped or not, in the shape that it says, such as `[60000, 28, 28]`: bytes stay bytes, other integers
/// become labels, `f64` is rounded to `f32`.
///
/// # Errors
/// [`Error::File`] if it is missing, is no IDX file, is shorter or longer than it says, or holds an integer
/// below 0.
pub fn read_idx(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    parse_idx(path, &read_file(path)?)
}

/// The same for a file in memory; `name` is what errors call it.
///
/// ```
/// let file = [0, 0, 0x08, 1, 0, 0, 0, 3, 7, 8, 9];
/// let labels = gradus::data::parse_idx("labels", &file)?;
/// assert_eq!(labels, gradus::Tensor::u8(&[3], vec![7, 8, 9])?);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// As [`read_idx`].
pub fn parse_idx(name: impl AsRef<Path>, file: &[u8]) -> Result<Tensor> {
    let parsed = match file.starts_with(&GZIP) {
        true => parse(GzDecoder::new(file), most_unpacked(file.len())),
        false => parse(file, file.len()),
    };
    parsed.map_err(|problem| Error::file(name, problem, DAMAGED))
}

/// How the elements lie in a file whose rows can be read alone; `None` for a gzipped one.
pub(super) fn layout(file: &mut (impl Read + Seek)) -> Result<Option<Layout>, String> {
    let magic: [u8; 2] = take(file)?;
    if magic == GZIP {
        return Ok(None);
    }
    file.rewind().map_err(|error| error.to_string())?;
    let Header { kind, size, shape } = Header::read(file)?;
    let start = file.stream_position().map_err(|error| error.to_string())?;
    let decode = Box::new(move |bytes: &[u8]| decode(kind, bytes.to_vec()));
    Ok(Some(Layout { shape, start, element: size, decode }))
}

/// What comes before the elements.
struct Header {
    kind: u8,
    /// The bytes of an element.
    size: usize,
    shape: Vec<usize>,
}

impl Header {
    fn read(file: &mut impl Read) -> Result<Self, String> {
        let [zero, zero_too, kind, rank] = take(file)?;
        if (zero, zero_too) != (0, 0) {
            return Err("does not start with two zero bytes".into());
        }
        let size = match kind {
            0x08 | 0x09 => 1,
            0x0b => 2,
            0x0c | 0x0d => 4,
            0x0e => 8,
            _ => return Err(format!("has elements of type 0x{kind:02x}, which IDX does not know")),
        };
        let mut shape = Vec::new();
        for _ in 0..rank {
            shape.push(u32::from_be_bytes(take(file)?) as usize);
        }
        Ok(Self { kind, size, shape })
    }
}

/// Reads no more than the header declares, and nothing at all if that is more than `most` bytes.
fn parse(mut file: impl Read, most: usize) -> Result<Tensor, String> {
    let Header { kind, size, shape } = Header::read(&mut file)?;
    let declared = shape.iter().try_fold(size, |product: usize, &size| product.checked_mul(size));
    let Some(declared) = declared.filter(|&declared| declared <= most) else {
        return Err(format!("says that it has shape {shape:?}, more than a file of its size can hold"));
    };
    let mut bytes = Vec::new();
    // One byte more than declared shows a file that goes on; a gzip file ends with a check of its contents.
    let limit = declared as u64 + 1;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| format!("cannot be unpacked: {error}"))?;
    if bytes.len() != declared {
        let found = if bytes.len() > declared { "more".into() } else { bytes.len().to_string() };
        return Err(format!("has {found} bytes of elements, expected {declared} for shape {shape:?}"));
    }
    Tensor::new(&shape, decode(kind, bytes)?).map_err(|error| error.to_string())
}

fn take<const N: usize>(file: &mut impl Read) -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes).map_err(|error| format!("ends within its header ({error})"))?;
    Ok(bytes)
}

fn decode(kind: u8, bytes: Vec<u8>) -> Result<Values, String> {
    Ok(match kind {
        0x08 => Values::U8 { bytes, scale: 1.0 },
        0x09 => labels(elements(&bytes, |[byte]| i8::from_be_bytes([byte]).into()))?,
        0x0b => labels(elements(&bytes, |bytes| i16::from_be_bytes(bytes).into()))?,
        0x0c => labels(elements(&bytes, i32::from_be_bytes))?,
        0x0d => Values::F32(elements(&bytes, f32::from_be_bytes)),
        _ => Values::F32(elements(&bytes, |bytes| f64::from_be_bytes(bytes) as f32)),
    })
}

fn elements<const N: usize, T>(bytes: &[u8], element: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&bytes| element(bytes)).collect()
}

fn labels(values: Vec<i32>) -> Result<Values, String> {
    let label = |(at, value): (usize, i32)| {
        u32::try_from(value).map_err(|_| format!("has {value} at index {at}, expected labels from 0 on"))
    };
    values.into_iter().enumerate().map(label).collect::<Result<_, _>>().map(Values::U32)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn idx(kind: u8, shape: &[u32], elements: &[u8]) -> Vec<u8> {
        let mut file = vec![0, 0, kind, shape.len() as u8];
        shape.iter().for_each(|size| file.extend(size.to_be_bytes()));
        file.extend(elements);
        file
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn refused(file: &[u8]) -> String {
        parse_idx("file.idx", file).unwrap_err().to_string()
    }

    #[test]
    fn every_type_is_read() -> Result<()> {
        let read = |kind, elements: &[u8]| parse_idx("x", &idx(kind, &[1, 2], elements));
        assert_eq!(read(0x08, &[1, 255])?, Tensor::u8(&[1, 2], vec![1, 255])?);
        assert_eq!(read(0x09, &[1, 127])?, Tensor::u32(&[1, 2], vec![1, 127])?);
        assert_eq!(read(0x0b, &[1, 2, 0, 3])?, Tensor::u32(&[1, 2], vec![258, 3])?);
        assert_eq!(read(0x0c, &[0, 1, 0, 0, 0, 0, 0, 9])?, Tensor::u32(&[1, 2], vec![65536, 9])?);
        let floats: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|value| value.to_be_bytes()).collect();
        assert_eq!(read(0x0d, &floats)?, Tensor::f32(&[1, 2], vec![1.5, -2.0])?);
        let doubles: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|value| value.to_be_bytes()).collect();
        assert_eq!(read(0x0e, &doubles)?, Tensor::f32(&[1, 2], vec![1.5, -2.0])?);
        Ok(())
    }

    #[test]
    fn gzip_is_told_by_its_bytes_not_its_name() -> Result<()> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels");
        std::fs::write(&path, gzip(&idx(0x08, &[3], &[4, 5, 6]))).unwrap();
        assert_eq!(read_idx(&path)?, Tensor::u8(&[3], vec![4, 5, 6])?);
        Ok(())
    }

    #[test]
    fn files_cut_short_anywhere_are_refused() {
        let plain = idx(0x0c, &[2, 2], &[0; 16]);
        let packed = gzip(&plain);
        for length in 0..plain.len() {
            refused(&plain[..length]);
        }
        for length in 0..packed.len() {
            refused(&packed[..length]);
        }
        assert!(refused(&plain[..20]).contains("has 8 bytes of elements, expected 16"));
        assert!(refused(&plain[..3]).contains("ends within its header"));
    }

    #[test]
    fn sizes_beyond_the_file_are_refused_before_anything_is_read() {
        let shape = [u32::MAX, u32::MAX, u32::MAX];
        assert!(refused(&idx(0x0e, &shape, &[])).contains("more than a file of its size can hold"));
        assert!(
            refused(&gzip(&idx(0x08, &[u32::MAX], &[]))).contains("more than a file of its size can hold")
        );
        assert!(refused(&idx(0x08, &[50], &[1, 2, 3, 4])).contains("more than a file of its size can hold"));
    }

    #[test]
    fn what_follows_the_declared_elements_is_refused_and_not_unpacked() {
        let bomb = gzip(&idx(0x08, &[10], &vec![0; 1 << 20]));
        assert!(refused(&bomb).contains("has more bytes of elements, expected 10"));
        assert!(refused(&idx(0x08, &[1], &[1, 2])).contains("has more bytes"));
    }

    #[test]
    fn other_files_types_and_negative_labels_are_refused() {
        assert!(refused(b"\x89HDF\r\n\x1a\n").contains("two zero bytes"));
        assert!(refused(&idx(0x07, &[1], &[0])).contains("type 0x07"));
        assert!(refused(&idx(0x09, &[2], &[1, 0xff])).contains("has -1 at index 1"));
        let message = read_idx("/nowhere/train-labels").unwrap_err().to_string();
        assert!(message.contains("/nowhere/train-labels: cannot be read"), "{message}");
    }

    #[test]
    fn a_changed_gzip_file_fails_its_own_check() {
        let mut file = gzip(&idx(0x08, &[4], &[1, 2, 3, 4]));
        let checksum = file.len() - 8;
        file[checksum] ^= 1;
        assert!(refused(&file).contains("cannot be unpacked"));
    }

    #[test]
    fn empty_arrays_and_scalars_are_read() -> Result<()> {
        assert_eq!(parse_idx("x", &idx(0x08, &[0, 28], &[]))?.shape(), [0, 28]);
        assert_eq!(parse_idx("x", &idx(0x08, &[], &[7]))?, Tensor::u8(&[], vec![7])?);
        Ok(())
    }
}
