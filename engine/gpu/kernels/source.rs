//! Replaces the lines of a shader file that are meant to be replaced.

use crate::tensor::Dim;

/// What surrounds a kernel's own work: arithmetic on the values it loads and on the values it stores.
///
/// Bodies are WGSL statements that end in `return`; in scope are `index`, the element's place in its tensor,
/// and `value`. A body left out returns the value.
#[derive(Clone, Debug)]
pub(crate) struct Hooks {
    /// Module-scope declarations: storage bindings from 4 on, and functions that the bodies call.
    pub(crate) declarations: String,
    /// Applied to elements of the first operand.
    pub(crate) load_a: Option<String>,
    /// Applied to elements of the second operand.
    pub(crate) load_b: Option<String>,
    /// Applied to elements of the result; it may write to the bindings declared.
    pub(crate) epilogue: Option<String>,
    /// Whether what the epilogue returns is written to binding 3.
    pub(crate) store_result: bool,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { declarations: String::new(), load_a: None, load_b: None, epilogue: None, store_result: true }
    }
}

/// A shader file on its way to a kernel.
///
/// The replacements panic if the file has no such line: files and calls are both part of this crate, and the
/// tests make every call.
pub(super) struct Source {
    lines: Vec<String>,
}

impl Source {
    pub(super) fn new(file: &str) -> Self {
        Self { lines: file.lines().map(str::to_owned).collect() }
    }

    /// The value of the line `const NAME: u32 = ...;`.
    pub(super) fn number(self, name: &str, value: usize) -> Self {
        let start = format!("const {name}: u32 = ");
        let line = format!("{start}{value}u;");
        self.replace(&start, line)
    }

    /// The value of the line `const NAME: bool = ...;`.
    pub(super) fn flag(self, name: &str, value: bool) -> Self {
        let start = format!("const {name}: bool = ");
        let line = format!("{start}{value};");
        self.replace(&start, line)
    }

    /// The constants `NAME_FACTOR` and `NAME_BATCH`.
    pub(super) fn size(self, name: &str, size: Dim) -> Self {
        self.number(&format!("{name}_FACTOR"), size.factor).flag(&format!("{name}_BATCH"), size.batch)
    }

    /// The line `alias NAME = ...;`.
    pub(super) fn alias(self, name: &str, to: &str) -> Self {
        let start = format!("alias {name} = ");
        let line = format!("{start}{to};");
        self.replace(&start, line)
    }

    /// The body of the function `name`, which the file holds in one line.
    pub(super) fn body(mut self, name: &str, body: &str) -> Self {
        let at = self.find(&format!("fn {name}("));
        let line = &self.lines[at];
        let open = line.find('{').filter(|_| line.ends_with('}')).expect("a hook is one line of its file");
        self.lines[at] = format!("{}{{ {} }}", &line[..open], body.trim());
        self
    }

    /// Every hook that `hooks` gives.
    pub(super) fn hooks(self, hooks: &Hooks) -> Self {
        let mark = "// bindings of the hooks";
        let bodies = [("load_a", &hooks.load_a), ("load_b", &hooks.load_b), ("epilogue", &hooks.epilogue)];
        let given = bodies.into_iter().filter_map(|(name, body)| Some((name, body.as_deref()?)));
        given
            .fold(self, |source, (name, body)| source.body(name, body))
            .replace(mark, format!("{mark}\n{}", hooks.declarations))
            .flag("STORE_RESULT", hooks.store_result)
    }

    /// What stands between the marks `// begin NAME` and `// end NAME`, from another file, marked in the same way.
    pub(super) fn section(mut self, name: &str, file: &str) -> Self {
        let other = Self::new(file);
        let section = |s: &Self| s.find(&format!("// begin {name}"))..s.find(&format!("// end {name}"));
        let new = other.lines[section(&other)].to_vec();
        let old = section(&self);
        self.lines.splice(old, new);
        self
    }

    /// The first line between the marks `// begin NAME` and `// end NAME` for each number below `count` in the place of 0.
    pub(super) fn repeated(mut self, name: &str, count: usize) -> Self {
        let lines = self.find(&format!("// begin {name}")) + 1..self.find(&format!("// end {name}"));
        let first = self.lines[lines.start].clone();
        let numbered = (0..count).map(|i| first.replacen("0u", &format!("{i}u"), 1));
        self.lines.splice(lines, numbered);
        self
    }

    pub(super) fn text(self) -> String {
        self.lines.join("\n") + "\n"
    }

    fn replace(mut self, start: &str, line: String) -> Self {
        let at = self.find(start);
        self.lines[at] = line;
        self
    }

    /// The one line that starts with `start`.
    fn find(&self, start: &str) -> usize {
        let mut found = self.lines.iter().enumerate().filter(|(_, line)| line.starts_with(start));
        match (found.next(), found.next()) {
            (Some((at, _)), None) => at,
            _ => panic!("the shader has not exactly one line that starts with {start:?}"),
        }
    }
}
