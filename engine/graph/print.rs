//! The graph for people: a line a node, or a drawing for Graphviz.

use std::fmt;

use super::{Graph, Op};

impl fmt::Display for Graph {
    /// One line a node: `%7 = matmul(a, b)(%3, %6) : [B, 10]  // dense`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, node) in self.nodes.iter().enumerate() {
            let inputs: Vec<String> = node.inputs.iter().map(|n| format!("%{}", n.0)).collect();
            let scope = if node.scope.is_empty() { String::new() } else { format!("  // {}", node.scope) };
            writeln!(f, "%{i} = {}({}) : {}{scope}", self.title(&node.op), inputs.join(", "), node.shape)?;
        }
        for assign in &self.assigns {
            writeln!(f, "{} <- %{}", self.variables[assign.variable.0].name, assign.value.0)?;
        }
        for output in &self.outputs {
            writeln!(f, "output {} = %{}", output.name, output.node.0)?;
        }
        Ok(())
    }
}

impl Graph {
    /// The operation, and the name that a leaf has: `parameter dense/kernel`.
    fn title(&self, op: &Op) -> String {
        let name = match op {
            Op::Input(id) => &self.inputs[id.0].name,
            Op::Parameter(id) => &self.parameters[id.0].name,
            Op::Variable(id) => &self.variables[id.0].name,
            Op::Scalar(id) => &self.scalars[id.0],
            _ => return op.name(),
        };
        format!("{} {name}", op.name())
    }

    /// The graph in Graphviz's language: `dot -Tsvg` draws it.
    pub fn to_graphviz(&self) -> String {
        let mut text = String::from("digraph gradus {\n  node [shape=box, fontname=\"sans-serif\"];\n");
        for (i, node) in self.nodes.iter().enumerate() {
            let label = format!("{}\\n{}\\n{}", self.title(&node.op), node.shape, node.scope);
            text += &format!("  n{i} [label=\"{}\"];\n", label.replace('"', "'"));
            for input in &node.inputs {
                text += &format!("  n{} -> n{i};\n", input.0);
            }
        }
        for assign in &self.assigns {
            let name = &self.variables[assign.variable.0].name;
            text += &format!("  \"{name}\" [shape=cylinder];\n  n{} -> \"{name}\";\n", assign.value.0);
        }
        text + "}\n"
    }
}
