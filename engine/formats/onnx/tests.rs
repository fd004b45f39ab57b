use super::write::to_bytes;
use super::*;
use crate::error::Result;

fn model() -> Model {
    let node = Node {
        name: "first".into(),
        op: "Scale".into(),
        domain: "own".into(),
        inputs: vec!["x".into(), String::new(), "w".into()],
        outputs: vec!["y".into()],
        attributes: vec![
            ("f".into(), Attribute::Float(0.0)),
            ("i".into(), Attribute::Int(-7)),
            ("s".into(), Attribute::Text("same".into())),
            ("t".into(), Attribute::Array(Array::ints(&[2], vec![3, -4]))),
            ("floats".into(), Attribute::Floats(vec![1.5, -2.0])),
            ("ints".into(), Attribute::Ints(vec![])),
            ("strings".into(), Attribute::Texts(vec!["a".into(), "b".into()])),
        ],
    };
    let port = |name: &str| Port {
        name: name.into(),
        element: FLOAT,
        shape: Some(vec![Size::Named("batch".into()), Size::Fixed(2)]),
    };
    let graph = Graph {
        name: "graph".into(),
        nodes: vec![node],
        initializers: vec![("w".into(), Array::floats(&[1, 2], vec![0.5, f32::MAX]))],
        inputs: vec![port("x")],
        outputs: vec![port("y")],
    };
    Model {
        ir_version: 10,
        producer: "test".into(),
        producer_version: "1".into(),
        operator_sets: vec![(String::new(), 21), ("own".into(), 1)],
        graph,
        metadata: Vec::new(),
        fingerprint: 0,
    }
}

#[test]
fn what_is_written_is_read() -> Result<()> {
    let bytes = to_bytes(&model(), |graph| vec![("graph".into(), graph.to_string())]);
    let mut found = parse("model", &bytes)?;
    assert_eq!(found.metadata, [("graph".to_string(), found.fingerprint.to_string())]);
    (found.metadata, found.fingerprint) = (Vec::new(), 0);
    assert_eq!(found, model());
    Ok(())
}

#[test]
fn files_cut_short_anywhere_are_refused_or_whole_in_what_is_left() {
    let bytes = to_bytes(&model(), |_| Vec::new());
    // Behind the graph stand two operator sets, of 6 and 9 bytes.
    let graph_ends = bytes.len() - 15;
    for length in 0..bytes.len() {
        let found = parse("model", &bytes[..length]);
        assert!(length >= graph_ends || found.is_err(), "{length} of {}", bytes.len());
    }
}

#[test]
fn arrays_have_as_many_elements_as_they_say() {
    let mut wrong = model();
    wrong.graph.initializers[0].1.shape = vec![usize::MAX >> 1, 2];
    let message = parse("model", &to_bytes(&wrong, |_| Vec::new())).unwrap_err().to_string();
    assert!(message.contains("array \"w\"") && message.contains("holds 2 elements"), "{message}");
}
