//! Reading.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

use super::array::Stored;
use super::{Array, Attribute, Graph, Model, Node, Port, Size, fingerprint};
use crate::error::{Error, Result};
use crate::formats::protobuf::{Field, Reader};
use crate::formats::read_file;

const DAMAGED: &str = "give a whole ONNX file: export the model again";

/// Reads a model. Arrays that it keeps in files beside it are read from there.
///
/// # Errors
/// [`Error::File`] if the file is missing or damaged, or holds arrays of something else than numbers.
pub fn read(path: impl AsRef<Path>) -> Result<Model> {
    let path = path.as_ref();
    let folder = path.parent().unwrap_or(Path::new(""));
    model(&read_file(path)?, Some(folder)).map_err(|problem| Error::file(path, problem, DAMAGED))
}

/// The same for a file in memory, which holds all its arrays; `name` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn parse(name: impl AsRef<Path>, file: &[u8]) -> Result<Model> {
    model(file, None).map_err(|problem| Error::file(name, problem, DAMAGED))
}

/// Calls `take` with each field of a message.
fn each_field<'a>(
    message: &'a [u8],
    mut take: impl FnMut(u64, Field<'a>) -> Result<(), String>,
) -> Result<(), String> {
    let mut reader = Reader::new(message);
    while let Some((number, field)) = reader.next_field()? {
        take(number, field)?;
    }
    Ok(())
}

fn model(file: &[u8], folder: Option<&Path>) -> Result<Model, String> {
    let mut model = Model::default();
    let mut found = false;
    each_field(file, |number, field| {
        match number {
            1 => model.ir_version = field.int()?,
            2 => model.producer = field.text()?,
            3 => model.producer_version = field.text()?,
            7 => {
                found = true;
                model.fingerprint = fingerprint(field.bytes()?);
                model.graph = graph(field.bytes()?, folder)?;
            }
            8 => model.operator_sets.push(operator_set(field.bytes()?)?),
            14 => model.metadata.push(entry(field.bytes()?)?),
            _ => {}
        }
        Ok(())
    })?;
    if !found || model.ir_version <= 0 {
        return Err("is no ONNX model".into());
    }
    Ok(model)
}

fn operator_set(message: &[u8]) -> Result<(String, i64), String> {
    let (mut domain, mut version) = (String::new(), 0);
    each_field(message, |number, field| {
        match number {
            1 => domain = field.text()?,
            2 => version = field.int()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((domain, version))
}

/// A key and its value.
fn entry(message: &[u8]) -> Result<(String, String), String> {
    let mut entry = (String::new(), String::new());
    each_field(message, |number, field| {
        match number {
            1 => entry.0 = field.text()?,
            2 => entry.1 = field.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(entry)
}

fn graph(message: &[u8], folder: Option<&Path>) -> Result<Graph, String> {
    let mut graph = Graph::default();
    each_field(message, |number, field| {
        match number {
            1 => graph.nodes.push(node(field.bytes()?, folder)?),
            2 => graph.name = field.text()?,
            5 => graph.initializers.push(array(field.bytes()?, folder)?),
            11 => graph.inputs.push(port(field.bytes()?)?),
            12 => graph.outputs.push(port(field.bytes()?)?),
            15 => return Err("has sparse arrays, which gradus does not read".into()),
            _ => {}
        }
        Ok(())
    })?;
    Ok(graph)
}

fn node(message: &[u8], folder: Option<&Path>) -> Result<Node, String> {
    let mut node = Node::default();
    each_field(message, |number, field| {
        match number {
            1 => node.inputs.push(field.text()?),
            2 => node.outputs.push(field.text()?),
            3 => node.name = field.text()?,
            4 => node.op = field.text()?,
            5 => node.attributes.push(attribute(field.bytes()?, folder)?),
            7 => node.domain = field.text()?,
            _ => {}
        }
        Ok(())
    })?;
    // Both names mean ONNX's own.
    if node.domain == "ai.onnx" {
        node.domain.clear();
    }
    Ok(node)
}

fn attribute(message: &[u8], folder: Option<&Path>) -> Result<(String, Attribute), String> {
    let (mut name, mut value) = (String::new(), None);
    let (mut floats, mut ints, mut texts, mut kind) = (Vec::new(), Vec::new(), Vec::new(), 0);
    each_field(message, |number, field| {
        match number {
            1 => name = field.text()?,
            2 => value = Some(Attribute::Float(field.float()?)),
            3 => value = Some(Attribute::Int(field.int()?)),
            4 => value = Some(Attribute::Text(String::from_utf8_lossy(field.bytes()?).into_owned())),
            5 => value = Some(Attribute::Array(array(field.bytes()?, folder)?.1)),
            7 => field.floats(&mut floats)?,
            8 => field.ints(&mut ints)?,
            9 => texts.push(String::from_utf8_lossy(field.bytes()?).into_owned()),
            20 => kind = field.int()?,
            _ => {}
        }
        Ok(())
    })?;
    // Zero may be left out of the file.
    let value = match (kind, value) {
        (6, _) => Attribute::Floats(floats),
        (7, _) => Attribute::Ints(ints),
        (8, _) => Attribute::Texts(texts),
        (_, Some(value)) => value,
        (1, None) => Attribute::Float(0.0),
        (2, None) => Attribute::Int(0),
        (3, None) => Attribute::Text(String::new()),
        _ => Attribute::Other,
    };
    Ok((name, value))
}

/// An array with its name.
fn array(message: &[u8], folder: Option<&Path>) -> Result<(String, Array), String> {
    let (mut name, mut elsewhere, mut external) = (String::new(), Vec::new(), false);
    let mut stored = Stored::default();
    each_field(message, |number, field| {
        match number {
            1 => field.ints(&mut stored.dims)?,
            2 => stored.element = field.int()?,
            4 => field.floats(&mut stored.floats)?,
            5 => field.ints(&mut stored.ints)?,
            7 | 11 => field.ints(&mut stored.longs)?,
            8 => name = field.text()?,
            9 => stored.raw = Some(field.bytes()?),
            10 => field.doubles(&mut stored.doubles)?,
            13 => elsewhere.push(entry(field.bytes()?)?),
            14 => external = field.int()? == 1,
            _ => {}
        }
        Ok(())
    })?;
    let beside;
    if external {
        beside = read_beside(folder, &elsewhere).map_err(|problem| format!("array {name:?} {problem}"))?;
        stored.raw = Some(&beside);
    }
    let array = stored.array().map_err(|problem| format!("array {name:?} {problem}"))?;
    Ok((name, array))
}

/// The bytes of an array in a file beside the model's. It cannot lead out of the model's folder.
fn read_beside(folder: Option<&Path>, entries: &[(String, String)]) -> Result<Vec<u8>, String> {
    let value = |key: &str| entries.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let location = Path::new(value("location").unwrap_or_default());
    let inside = location.components().all(|part| matches!(part, Component::Normal(_)));
    let folder = folder.filter(|_| inside && location.file_name().is_some());
    let folder = folder.ok_or_else(|| format!("lies in {location:?}, which is no file beside the model"))?;
    let number = |key: &str| match value(key) {
        None => Ok(None),
        Some(text) => text.parse::<u64>().map(Some).map_err(|_| format!("has {key} {text:?}")),
    };
    let failed = |error: std::io::Error| format!("lies in {location:?}, which cannot be read ({error})");
    let mut file = File::open(folder.join(location)).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(size.saturating_sub(offset));
    if offset.checked_add(length).is_none_or(|end| end > size) {
        return Err(format!("has {length} bytes from {offset} on in {location:?}, which has {size}"));
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset)).map_err(failed)?;
    file.take(length).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn port(message: &[u8]) -> Result<Port, String> {
    let mut port = Port::default();
    each_field(message, |number, field| {
        match number {
            1 => port.name = field.text()?,
            // A type, of which tensors are number 1.
            2 => each_field(field.bytes()?, |number, field| match number {
                1 => tensor_type(field.bytes()?, &mut port),
                _ => Ok(()),
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(port)
}

fn tensor_type(message: &[u8], port: &mut Port) -> Result<(), String> {
    each_field(message, |number, field| {
        match number {
            1 => port.element = field.int()?,
            2 => {
                let mut sizes = Vec::new();
                each_field(field.bytes()?, |number, field| {
                    if number == 1 {
                        sizes.push(size(field.bytes()?)?);
                    }
                    Ok(())
                })?;
                port.shape = Some(sizes);
            }
            _ => {}
        }
        Ok(())
    })
}

fn size(message: &[u8]) -> Result<Size, String> {
    let mut size = Size::Named(String::new());
    each_field(message, |number, field| {
        match number {
            1 => size = Size::Fixed(field.int()?),
            2 => size = Size::Named(field.text()?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(size)
}
