//! Writing.

use std::path::Path;

use super::{Array, Attribute, FLOAT, Graph, INT64, Model, Node, Numbers, Port, Size, fingerprint};
use crate::error::Result;
use crate::formats::protobuf::Writer;
use crate::formats::{little_endian, write_file};

/// Writes a model, whole or not at all. `metadata` may depend on what tells its graph from any other.
///
/// # Errors
/// [`Error::File`](crate::Error::File) if the file cannot be written.
pub fn write(
    path: impl AsRef<Path>,
    model: &Model,
    metadata: impl FnOnce(u64) -> Vec<(String, String)>,
) -> Result<()> {
    write_file(path, &to_bytes(model, metadata))
}

/// The bytes of a file.
pub(super) fn to_bytes(model: &Model, metadata: impl FnOnce(u64) -> Vec<(String, String)>) -> Vec<u8> {
    let mut inner = Writer::default();
    graph(&model.graph, &mut inner);
    let inner = inner.into_bytes();
    let mut writer = Writer::default();
    writer.int(1, model.ir_version);
    writer.bytes(2, model.producer.as_bytes());
    writer.bytes(3, model.producer_version.as_bytes());
    writer.bytes(7, &inner);
    for (domain, version) in &model.operator_sets {
        writer.message(8, |set| {
            set.bytes(1, domain.as_bytes());
            set.int(2, *version);
        });
    }
    for (key, value) in model.metadata.iter().cloned().chain(metadata(fingerprint(&inner))) {
        writer.message(14, |entry| {
            entry.bytes(1, key.as_bytes());
            entry.bytes(2, value.as_bytes());
        });
    }
    writer.into_bytes()
}

fn graph(graph: &Graph, writer: &mut Writer) {
    graph.nodes.iter().for_each(|inner| writer.message(1, |writer| node(inner, writer)));
    writer.bytes(2, graph.name.as_bytes());
    graph
        .initializers
        .iter()
        .for_each(|(name, inner)| writer.message(5, |writer| array(name, inner, writer)));
    graph.inputs.iter().for_each(|inner| writer.message(11, |writer| port(inner, writer)));
    graph.outputs.iter().for_each(|inner| writer.message(12, |writer| port(inner, writer)));
}

fn node(node: &Node, writer: &mut Writer) {
    node.inputs.iter().for_each(|name| writer.bytes(1, name.as_bytes()));
    node.outputs.iter().for_each(|name| writer.bytes(2, name.as_bytes()));
    writer.bytes(3, node.name.as_bytes());
    writer.bytes(4, node.op.as_bytes());
    node.attributes
        .iter()
        .for_each(|(name, value)| writer.message(5, |writer| attribute(name, value, writer)));
    if !node.domain.is_empty() {
        writer.bytes(7, node.domain.as_bytes());
    }
}

fn attribute(name: &str, value: &Attribute, writer: &mut Writer) {
    writer.bytes(1, name.as_bytes());
    let kind = match value {
        Attribute::Float(value) => {
            writer.float(2, *value);
            1
        }
        Attribute::Int(value) => {
            writer.int(3, *value);
            2
        }
        Attribute::Text(text) => {
            writer.bytes(4, text.as_bytes());
            3
        }
        Attribute::Array(value) => {
            writer.message(5, |writer| array("", value, writer));
            4
        }
        Attribute::Floats(values) => {
            values.iter().for_each(|&value| writer.float(7, value));
            6
        }
        Attribute::Ints(values) => {
            writer.ints(8, values);
            7
        }
        Attribute::Texts(texts) => {
            texts.iter().for_each(|text| writer.bytes(9, text.as_bytes()));
            8
        }
        Attribute::Other => 0,
    };
    writer.int(20, kind);
}

fn array(name: &str, array: &Array, writer: &mut Writer) {
    let dims: Vec<i64> = array.shape.iter().map(|&size| size as i64).collect();
    writer.ints(1, &dims);
    let (element, raw): (i64, Vec<u8>) = match &array.values {
        Numbers::Floats(values) => (FLOAT, little_endian(values, f32::to_le_bytes)),
        Numbers::Ints(values) => (INT64, little_endian(values, i64::to_le_bytes)),
    };
    writer.int(2, element);
    writer.bytes(8, name.as_bytes());
    writer.bytes(9, &raw);
}

fn port(port: &Port, writer: &mut Writer) {
    writer.bytes(1, port.name.as_bytes());
    writer.message(2, |writer| {
        writer.message(1, |writer| {
            writer.int(1, port.element);
            let Some(shape) = &port.shape else { return };
            writer.message(2, |writer| {
                shape.iter().for_each(|axis| writer.message(1, |writer| size(axis, writer)));
            });
        });
    });
}

fn size(size: &Size, writer: &mut Writer) {
    match size {
        Size::Fixed(size) => writer.int(1, *size),
        Size::Named(name) => writer.bytes(2, name.as_bytes()),
    }
}
