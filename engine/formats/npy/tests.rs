use super::*;
use crate::formats::npz;

fn file(version: u8, header: &str, elements: &[u8]) -> Vec<u8> {
    let mut file = b"\x93NUMPY".to_vec();
    file.extend([version, 0]);
    match version {
        1 => file.extend((header.len() as u16).to_le_bytes()),
        _ => file.extend((header.len() as u32).to_le_bytes()),
    }
    file.extend(header.bytes());
    file.extend(elements);
    file
}

fn header(descriptor: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': '{descriptor}', 'fortran_order': {fortran}, 'shape': {shape}, }}  \n")
}

fn one(descriptor: &str, elements: &[u8]) -> Result<Tensor> {
    parse("x.npy", &file(1, &header(descriptor, "False", "(1,)"), elements))
}

fn refused(file: &[u8]) -> String {
    parse("x.npy", file).unwrap_err().to_string()
}

#[test]
fn every_element_type_is_read_in_both_byte_orders() -> Result<()> {
    let label = |value| Tensor::u32(&[1], vec![value]);
    assert_eq!(one("|u1", &[200])?, Tensor::u8(&[1], vec![200])?);
    assert_eq!(one("|b1", &[1])?, Tensor::u8(&[1], vec![1])?);
    assert_eq!(one("|i1", &[100])?, label(100)?);
    assert_eq!(one("<i2", &[1, 2])?, label(0x201)?);
    assert_eq!(one(">u2", &[1, 2])?, label(0x102)?);
    assert_eq!(one("<u4", &[1, 0, 0, 255])?, label(0xff00_0001)?);
    assert_eq!(one(">i4", &[0, 0, 1, 2])?, label(0x102)?);
    assert_eq!(one("<i8", &9i64.to_le_bytes())?, label(9)?);
    assert_eq!(one(">u8", &9u64.to_be_bytes())?, label(9)?);
    let float = Tensor::f32(&[1], vec![-1.5])?;
    assert_eq!(one("<f4", &(-1.5f32).to_le_bytes())?, float);
    assert_eq!(one(">f4", &(-1.5f32).to_be_bytes())?, float);
    assert_eq!(one("<f8", &(-1.5f64).to_le_bytes())?, float);
    assert_eq!(one(">f8", &(-1.5f64).to_be_bytes())?, float);
    Ok(())
}

#[test]
fn every_version_and_order_is_read() -> Result<()> {
    let x = Tensor::u8(&[2, 3], vec![1, 2, 3, 4, 5, 6])?;
    for version in 1..=3 {
        assert_eq!(parse("x", &file(version, &header("|u1", "False", "(2, 3)"), &[1, 2, 3, 4, 5, 6]))?, x);
        assert_eq!(parse("x", &file(version, &header("|u1", "True", "(2, 3)"), &[1, 4, 2, 5, 3, 6]))?, x);
    }
    let cube: Vec<u8> = (0..24).collect();
    let read = parse("x", &file(1, &header("|u1", "True", "(2, 3, 4)"), &cube))?;
    // The element at [1, 2, 3] is the last in either order, that at [0, 1, 0] the third in Fortran's.
    assert_eq!((read.to_f32()[23], read.to_f32()[4], read.to_f32()[1]), (23.0, 2.0, 6.0));
    assert_eq!(parse("x", &file(1, &header("<u4", "False", "()"), &[7, 0, 0, 0]))?.shape(), [0; 0]);
    assert_eq!(parse("x", &file(1, &header("<u4", "False", "(0, 5L)"), &[]))?.shape(), [0, 5]);
    Ok(())
}

#[test]
fn what_is_written_is_read_again() -> Result<()> {
    let tensors = [
        Tensor::f32(&[2, 2], vec![1.0, -0.0, f32::INFINITY, 1e-40])?,
        Tensor::u32(&[3], vec![0, 1, u32::MAX])?,
        Tensor::u8(&[1, 2, 1], vec![0, 255])?,
        Tensor::f32(&[], vec![3.0])?,
        Tensor::f32(&[0, 4], vec![])?,
    ];
    for tensor in tensors {
        let bytes = to_bytes(&tensor);
        assert_eq!(parse("x", &bytes)?, tensor);
        assert_eq!((bytes.len() - tensor.values().len() * element_size(&tensor)) % 64, 0);
    }
    let scaled = Tensor::u8(&[1], vec![51])?.scaled(1.0 / 255.0);
    assert_eq!(parse("x", &to_bytes(&scaled))?, Tensor::f32(&[1], scaled.to_f32())?);
    Ok(())
}

fn element_size(tensor: &Tensor) -> usize {
    if matches!(tensor.values(), Values::U8 { .. }) { 1 } else { 4 }
}

#[test]
fn what_does_not_fit_is_named() {
    let message = |descriptor, elements: &[u8]| one(descriptor, elements).unwrap_err().to_string();
    assert!(message("|i1", &[255]).contains("has -1 at index 0"));
    assert!(message("<u8", &(1u64 << 32).to_le_bytes()).contains("has 4294967296 at index 0"));
    assert!(message("<f8", &1e300f64.to_le_bytes()).contains("at index 0"));
    assert!(message("<c8", &[0; 8]).contains("not understood"));
    assert!(message("|O", &[0; 8]).contains("not understood"));
    assert!(message("<f4", &[0; 5]).contains("goes on after its last element"));
    assert!(message("<f4", &[0; 3]).contains("ends before its last of 1 elements"));
    assert!(refused(b"PK\x03\x04....").contains("is no .npy array"));
    assert!(refused(&file(9, "", &[])).contains("version 9"));
}

#[test]
fn hostile_headers_are_refused_before_anything_is_read() {
    let shapes = ["(18446744073709551615, 2)", "(1000000000,)", "(4294967296, 4294967296)"];
    for shape in shapes {
        assert!(
            refused(&file(1, &header("<f8", "False", shape), &[0; 64])).contains("says that it has shape")
        );
    }
    assert!(refused(&file(2, &" ".repeat(20_000), &[])).contains("header of 20000 bytes"));
    for text in ["", "{", "{}", "{'descr'", "{'descr': '<f4'}", "{'shape': (-1,), }", "{'descr': 'é4', }"] {
        refused(&file(1, text, &[]));
    }
    let whole = file(1, &header("<f4", "False", "(2,)"), &[0; 8]);
    (0..whole.len()).for_each(|length| drop(refused(&whole[..length])));
}

#[test]
fn archives_hold_arrays_by_name_and_a_bomb_is_refused() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("x.npz");
    let arrays =
        [("x".to_string(), Tensor::u32(&[2], vec![1, 2])?), ("y".into(), Tensor::u8(&[1], vec![3])?)];
    npz::write(&path, &arrays)?;
    for (key, array) in &arrays {
        assert_eq!(npz::read(&path, key)?, *array);
    }
    let mut file = std::fs::read(&path)?;
    let elements = file.windows(8).position(|bytes| bytes == [1, 0, 0, 0, 2, 0, 0, 0]);
    file[elements.unwrap_or_default()] = 9;
    let message = npz::parse("x.npz", &file, "x").unwrap_err().to_string();
    assert!(message.contains("cannot be unpacked"), "{message}");

    let bomb = bomb(100 << 20)?;
    assert!(bomb.len() < 1 << 20);
    let message = npz::parse("x.npz", &bomb, "x").unwrap_err().to_string();
    assert!(message.contains("says that it has shape [104857600]"), "{message}");
    Ok(())
}

/// An archive of `length` zeros, compressed.
fn bomb(length: usize) -> anyhow::Result<Vec<u8>> {
    use std::io::Write;
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    archive.start_file("x.npy", zip::write::SimpleFileOptions::default())?;
    archive.write_all(&to_bytes(&Tensor::u8(&[length], vec![0; length])?))?;
    Ok(archive.finish()?.into_inner())
}
