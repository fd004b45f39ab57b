//! PNG and JPEG files.

use std::io::Cursor;

use png::{BitDepth, Transformations};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Pixels row by row, of one channel for grey and three for colour.
pub(crate) struct Picture {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) bytes: Vec<u8>,
}

/// What `file` shows, if it takes at most `most` bytes, or what is wrong with it. Transparency is left out, and 16 bits are
/// rounded to 8.
pub(crate) fn unpack(file: &[u8], most: usize) -> Result<Picture, String> {
    match file {
        [0x89, b'P', b'N', b'G', ..] => unpack_png(file, most),
        [0xff, 0xd8, ..] => unpack_jpeg(file, most),
        _ => Err("it is neither a PNG nor a JPEG file".into()),
    }
}

fn unpack_png(file: &[u8], most: usize) -> Result<Picture, String> {
    let failed = |error: png::DecodingError| error.to_string();
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(file), png::Limits { bytes: most });
    // Palettes become colours, and 1 to 4 bits 8.
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(failed)?;
    let mut bytes = vec![0; within(reader.output_buffer_size(), most)?];
    let frame = reader.next_frame(&mut bytes).map_err(failed)?;
    bytes.truncate(frame.buffer_size());
    if frame.bit_depth == BitDepth::Sixteen {
        bytes = bytes.as_chunks().0.iter().map(|&sample| rounded(u16::from_be_bytes(sample))).collect();
    }
    let samples = frame.color_type.samples();
    // The second sample of grey and the fourth of colour are transparency.
    let channels = if samples < 3 { 1 } else { 3 };
    if samples > channels {
        bytes = bytes.chunks_exact(samples).flat_map(|pixel| &pixel[..channels]).copied().collect();
    }
    Ok(Picture { height: frame.height as usize, width: frame.width as usize, channels, bytes })
}

fn rounded(sample: u16) -> u8 {
    ((u32::from(sample) + 128) / 257) as u8
}

fn unpack_jpeg(file: &[u8], most: usize) -> Result<Picture, String> {
    // Strict: otherwise what is missing of a damaged file would be grey without a word.
    let options =
        DecoderOptions::default().set_strict_mode(true).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode_headers().map_err(|error| error.to_string())?;
    let (space, channels) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, 1),
        _ => (ColorSpace::RGB, 3),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(space));
    within(decoder.output_buffer_size(), most)?;
    let bytes = decoder.decode().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions().ok_or("it has no size")?;
    Ok(Picture { height, width, channels, bytes })
}

/// `size`, if it is at most `most`.
fn within(size: Option<usize>, most: usize) -> Result<usize, String> {
    size.filter(|&size| size <= most).ok_or_else(|| format!("it would take more than {most} bytes"))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::path::Path;

    use super::*;

    /// A PNG file of one (grey), two, three (colour) or four samples a pixel.
    pub(crate) fn write_png(path: &Path, [height, width]: [u32; 2], bytes: &[u8]) {
        std::fs::write(path, packed([height, width], BitDepth::Eight, bytes)).unwrap();
    }

    fn packed([height, width]: [u32; 2], depth: BitDepth, bytes: &[u8]) -> Vec<u8> {
        use png::ColorType::{Grayscale, GrayscaleAlpha, Rgb, Rgba};
        let sample = if depth == BitDepth::Sixteen { 2 } else { 1 };
        let samples = bytes.len() / (height * width) as usize / sample;
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color([Grayscale, GrayscaleAlpha, Rgb, Rgba][samples - 1]);
        encoder.set_depth(depth);
        encoder.write_header().unwrap().write_image_data(bytes).unwrap();
        file
    }

    #[test]
    fn transparency_is_left_out_and_sixteen_bits_become_eight() {
        let found = |size, depth, bytes: &[u8]| {
            let picture = unpack(&packed(size, depth, bytes), 1 << 20).unwrap();
            (picture.height, picture.width, picture.channels, picture.bytes)
        };
        let eight = BitDepth::Eight;
        assert_eq!(found([2, 1], eight, &[7, 8]), (2, 1, 1, vec![7, 8]));
        assert_eq!(found([1, 2], eight, &[7, 0, 8, 9]), (1, 2, 1, vec![7, 8]));
        assert_eq!(found([1, 1], eight, &[7, 8, 9]), (1, 1, 3, vec![7, 8, 9]));
        assert_eq!(found([2, 1], eight, &[1, 2, 3, 0, 4, 5, 6, 0]), (2, 1, 3, vec![1, 2, 3, 4, 5, 6]));
        // 257 is 1; from 129 on the rest is rounded up.
        let sixteen = [0, 128, 0, 129, 1, 1, 1, 129, 1, 130, 255, 255];
        assert_eq!(found([1, 6], BitDepth::Sixteen, &sixteen), (1, 6, 1, vec![0, 1, 1, 1, 2, 255]));
    }

    /// `images.py` writes both, and what Pillow finds in them.
    #[test]
    fn jpeg_files_are_what_pillow_finds_in_them() {
        let colour = include_bytes!("../../kernels-tests/images/colour.jpg");
        let expected = include_bytes!("../../kernels-tests/images/colour.rgb");
        let picture = unpack(colour, 1 << 20).unwrap();
        assert_eq!((picture.height, picture.width, picture.channels), (24, 32, 3));
        // Each of the three planes may be one off, and up to 1.772 of that comes into a colour.
        let off = picture.bytes.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(off <= Some(3), "{off:?}");
        let grey = unpack(include_bytes!("../../kernels-tests/images/grey.jpg"), 1 << 20).unwrap();
        assert_eq!((grey.height, grey.width, grey.channels), (8, 8, 1));
        assert_eq!(grey.bytes, [128; 64]);
    }

    #[test]
    fn damaged_and_huge_files_are_refused() {
        let jpeg = include_bytes!("../../kernels-tests/images/colour.jpg");
        let png = packed([40, 40], BitDepth::Eight, &[3; 1600]);
        for file in [&png[..png.len() / 2], b"GIF89a".as_slice(), b""] {
            assert!(unpack(file, 1 << 20).is_err());
        }
        for end in (0..jpeg.len() - 16).step_by(8) {
            assert!(unpack(&jpeg[..end], 1 << 20).is_err(), "{end} of {} bytes", jpeg.len());
        }
        for file in [jpeg.as_slice(), &png] {
            let error = unpack(file, 1000).err().unwrap();
            assert!(error.contains("more than 1000 bytes"), "{error}");
        }
    }
}
