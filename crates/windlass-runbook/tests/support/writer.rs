//! Writes expressions of a wanted type, over the names around them.

use super::*;

/// Writes expressions.
#[derive(Debug)]
pub(crate) struct Writer<'a, 'b> {
    pub(crate) choices: &'a mut Choices<'b>,
    /// What may be read, with its type.
    pub(crate) readable: Vec<(String, Ty)>,
    /// Only what CEL itself has.
    pub(crate) plain_cel: bool,
    variables: u32,
}

impl<'a, 'b> Writer<'a, 'b> {
    pub(crate) fn new(choices: &'a mut Choices<'b>, world: &World) -> Self {
        let mut writer = Self::without_names(choices);
        for (name, ty) in &world.types {
            writer.add(name.clone(), ty);
        }
        for (name, ty) in &world.outputs {
            writer.add(format!("steps.s.outputs.{name}"), &ty.clone().nullable());
        }
        writer
    }

    pub(crate) fn without_names(choices: &'a mut Choices<'b>) -> Self {
        Self {
            choices,
            readable: Vec::new(),
            plain_cel: false,
            variables: 0,
        }
    }

    /// Makes a name readable, and what is in it.
    pub(crate) fn add(&mut self, path: String, ty: &Ty) {
        match ty {
            Ty::Object(members) => {
                for (name, member) in members.iter() {
                    self.add(format!("{path}.{name}"), member);
                }
            }
            Ty::List(item) => self.readable.push((format!("{path}[0]"), (**item).clone())),
            Ty::Map(value) => self
                .readable
                .push((format!("{path}['k']"), (**value).clone())),
            Ty::Nullable(inner) => {
                if let Ty::Object(members) = &**inner {
                    for (name, member) in members.iter() {
                        let path = format!("{path}.{name}");
                        self.readable.push((path, member.clone().nullable()));
                    }
                }
            }
            _ => {}
        }
        self.readable.push((path, ty.clone()));
    }

    /// An expression that should be of the type, and now and then is not.
    pub(crate) fn expr(&mut self, ty: &Ty, depth: u32) -> String {
        if depth == 0 {
            return self.leaf(ty);
        }
        let depth = depth - 1;
        match self.choices.pick(16) {
            0 => self.leaf(ty),
            1..=3 => {
                let condition = self.expr(&Ty::Bool, depth);
                let (then, otherwise) = (self.expr(ty, depth), self.expr(ty, depth));
                format!("({condition} ? {then} : {otherwise})")
            }
            4 => format!("[{}][0]", self.expr(ty, depth)),
            5 => format!("{{'k': {}}}.k", self.expr(ty, depth)),
            6 => match self.nullable(ty) {
                Some(path) => {
                    let other = self.expr(ty, depth);
                    match self.choices.pick(3) {
                        0 => format!("({path} != null ? {path} : {other})"),
                        1 => format!("({path} == null ? {other} : {path})"),
                        _ => format!("(null == {path} ? {other} : {path})"),
                    }
                }
                None => self.form(ty, depth),
            },
            7 if self.choices.one_in(3) => {
                let other = self.choices.ty(1);
                self.expr(&other, depth)
            }
            _ => self.form(ty, depth),
        }
    }

    /// A path whose value is of the type or null.
    fn nullable(&mut self, ty: &Ty) -> Option<String> {
        let wanted = ty.clone().nullable();
        let fitting: Vec<String> = self
            .readable
            .iter()
            .filter(|(_, found)| *found == wanted)
            .map(|(path, _)| path.clone())
            .collect();
        (!fitting.is_empty()).then(|| fitting[self.choices.pick(fitting.len())].clone())
    }

    fn leaf(&mut self, ty: &Ty) -> String {
        let fitting: Vec<String> = self
            .readable
            .iter()
            .filter(|(_, found)| found == ty)
            .map(|(path, _)| path.clone())
            .collect();
        if !fitting.is_empty() && self.choices.pick(4) > 0 {
            return fitting[self.choices.pick(fitting.len())].clone();
        }
        // A name of whatever type: mostly a mistake, which typing must see.
        if !self.readable.is_empty() && self.choices.one_in(12) {
            let place = self.choices.pick(self.readable.len());
            return self.readable[place].0.clone();
        }
        self.literal(ty)
    }

    fn literal(&mut self, ty: &Ty) -> String {
        match ty {
            Ty::Any | Ty::Never | Ty::Null => "null".to_owned(),
            Ty::Bool => ["true", "false"][self.choices.pick(2)].to_owned(),
            Ty::Int | Ty::Duration | Ty::Bytes => {
                let literals = ["1", "0", "-3", "9223372036854775807", "0x1F", "2"];
                literals[self.choices.pick(6)].to_owned()
            }
            Ty::Float => ["1.5", "0.0", "-2.5", "1e3"][self.choices.pick(4)].to_owned(),
            Ty::Number => ["1", "1.5"][self.choices.pick(2)].to_owned(),
            Ty::Text => {
                let literals = ["'a'", "''", "\"7\"", "r'\\d'", "'''x,y'''", "'\\u00e9'"];
                literals[self.choices.pick(6)].to_owned()
            }
            Ty::Scalar => ["'a'", "1", "true"][self.choices.pick(3)].to_owned(),
            Ty::List(item) => {
                let count = self.choices.pick(3);
                let items: Vec<String> = (0..count).map(|_| self.literal(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Ty::Map(value) => format!("{{'k': {}}}", self.literal(value)),
            Ty::Object(members) => {
                let entries: Vec<String> = members
                    .iter()
                    .map(|(name, ty)| format!("'{name}': {}", self.literal(ty)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            Ty::Nullable(inner) => {
                if self.choices.pick(2) == 0 {
                    "null".to_owned()
                } else {
                    self.literal(inner)
                }
            }
        }
    }

    /// A form that gives the type.
    fn form(&mut self, ty: &Ty, depth: u32) -> String {
        match ty {
            Ty::Bool => self.condition(depth),
            Ty::Int | Ty::Duration | Ty::Bytes => self.integer(ty, depth),
            Ty::Float => {
                if self.choices.pick(3) == 0 {
                    return format!("double({})", self.expr(&Ty::Int, depth));
                }
                let op = ["+", "-", "*", "/"][self.choices.pick(4)];
                let (left, right) = (self.expr(ty, depth), self.expr(ty, depth));
                format!("({left} {op} {right})")
            }
            Ty::Text => self.text(depth),
            Ty::List(item) => self.list(ty, item, depth),
            Ty::Object(members) => {
                let entries: Vec<String> = members
                    .iter()
                    .map(|(name, ty)| format!("'{name}': {}", self.expr(ty, depth)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            Ty::Map(value) => format!("{{'k': {}}}", self.expr(value, depth)),
            Ty::Nullable(inner) => self.expr(inner, depth),
            Ty::Any | Ty::Never | Ty::Null | Ty::Number | Ty::Scalar => self.leaf(ty),
        }
    }

    fn condition(&mut self, depth: u32) -> String {
        match self.choices.pick(12) {
            0 | 1 => {
                let op = ["&&", "||"][self.choices.pick(2)];
                let (left, right) = (self.expr(&Ty::Bool, depth), self.expr(&Ty::Bool, depth));
                format!("({left} {op} {right})")
            }
            2 => format!("!{}", self.expr(&Ty::Bool, depth)),
            3 | 4 => {
                let ty = self.choices.ty(1);
                let op = ["==", "!="][self.choices.pick(2)];
                let (left, right) = (self.expr(&ty, depth), self.expr(&ty, depth));
                format!("({left} {op} {right})")
            }
            5 => {
                let types = [Ty::Int, Ty::Float, Ty::Text, Ty::Bool, Ty::Number];
                let ty = types[self.choices.pick(5)].clone();
                let op = ["<", "<=", ">", ">="][self.choices.pick(4)];
                let (left, right) = (self.expr(&ty, depth), self.expr(&ty, depth));
                format!("({left} {op} {right})")
            }
            6 => {
                let ty = self.choices.ty(0);
                let item = self.expr(&ty, depth);
                let list = self.expr(&Ty::list(ty), depth);
                format!("({item} in {list})")
            }
            7 => {
                // A test for null and something that relies on it.
                if self.readable.is_empty() {
                    return "true".to_owned();
                }
                let place = self.choices.pick(self.readable.len());
                let (path, ty) = self.readable[place].clone();
                let inner = ty.not_null();
                let extended = self.readable.len();
                self.readable.push((path.clone(), inner));
                let body = self.expr(&Ty::Bool, depth);
                self.readable.truncate(extended);
                match self.choices.pick(4) {
                    0 => format!("({path} != null && {body})"),
                    1 => format!("({path} == null || {body})"),
                    2 => format!("!({path} == null || !{body})"),
                    _ => format!("({path} != null ? {body} : false)"),
                }
            }
            8 => {
                let text = self.expr(&Ty::Text, depth);
                let part = self.expr(&Ty::Text, depth);
                let function = ["contains", "startsWith", "endsWith"][self.choices.pick(3)];
                format!("{text}.{function}({part})")
            }
            9 | 10 => {
                let op = ["all", "exists", "exists_one"][self.choices.pick(3)];
                self.comprehension(op, &Ty::Bool, depth)
            }
            _ => {
                let paths: Vec<String> = self
                    .readable
                    .iter()
                    .map(|(path, _)| path.clone())
                    .filter(|path| path.contains('.') && !path.ends_with(']'))
                    .collect();
                if paths.is_empty() || self.plain_cel {
                    return format!("({} == 1)", self.expr(&Ty::Int, depth));
                }
                let path = paths[self.choices.pick(paths.len())].clone();
                let body = self.expr(&Ty::Bool, depth);
                format!("(has({path}) && {body})")
            }
        }
    }

    fn integer(&mut self, ty: &Ty, depth: u32) -> String {
        match self.choices.pick(6) {
            0 => format!("size({})", self.expr(&Ty::Text, depth)),
            1 => {
                let item = self.choices.ty(1);
                format!("{}.size()", self.expr(&Ty::list(item), depth))
            }
            2 => format!("int({})", self.expr(&Ty::Float, depth)),
            3 if !self.plain_cel => {
                let function = ["min", "max"][self.choices.pick(2)];
                format!("{}.{function}()", self.expr(&Ty::list(ty.clone()), depth))
            }
            4 => format!("-{}", self.expr(ty, depth)),
            _ => {
                let op = ["+", "-", "*", "/", "%"][self.choices.pick(5)];
                let (left, right) = (self.expr(ty, depth), self.expr(&Ty::Int, depth));
                format!("({left} {op} {right})")
            }
        }
    }

    fn text(&mut self, depth: u32) -> String {
        match self.choices.pick(if self.plain_cel { 2 } else { 5 }) {
            0 => {
                let ty = [Ty::Int, Ty::Text, Ty::Bool][self.choices.pick(3)].clone();
                format!("string({})", self.expr(&ty, depth))
            }
            1 => {
                let (left, right) = (self.expr(&Ty::Text, depth), self.expr(&Ty::Text, depth));
                format!("({left} + {right})")
            }
            2 => format!("{}.join(',')", self.expr(&Ty::list(Ty::Text), depth)),
            3 => format!("{}.lowerAscii()", self.expr(&Ty::Text, depth)),
            _ => format!("string({})", self.expr(&Ty::Scalar, depth)),
        }
    }

    fn list(&mut self, ty: &Ty, item: &Ty, depth: u32) -> String {
        match self.choices.pick(5) {
            0 => {
                let (left, right) = (self.expr(ty, depth), self.expr(ty, depth));
                format!("({left} + {right})")
            }
            1 => {
                let name = self.variable();
                let over = self.expr(ty, depth);
                let body = self.with_variable(&name, item, |writer| writer.expr(&Ty::Bool, depth));
                format!("{over}.filter({name}, {body})")
            }
            2 => self.comprehension("map", item, depth),
            3 if *item == Ty::Text && !self.plain_cel => {
                format!("{}.split(',')", self.expr(&Ty::Text, depth))
            }
            _ => {
                let count = self.choices.pick(3);
                let items: Vec<String> = (0..count).map(|_| self.expr(item, depth)).collect();
                format!("[{}]", items.join(", "))
            }
        }
    }

    fn comprehension(&mut self, op: &str, gives: &Ty, depth: u32) -> String {
        let item = self.choices.ty(1);
        let name = self.variable();
        let over = self.expr(&Ty::list(item.clone()), depth);
        let body = self.with_variable(&name, &item, |writer| writer.expr(gives, depth));
        format!("{over}.{op}({name}, {body})")
    }

    fn variable(&mut self) -> String {
        self.variables += 1;
        // Sometimes one that hides another name.
        if self.choices.one_in(5) && !self.readable.is_empty() {
            "a".to_owned()
        } else {
            format!("v{}", self.variables)
        }
    }

    fn with_variable<T>(&mut self, name: &str, ty: &Ty, write: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.readable.clone();
        self.readable
            .retain(|(path, _)| path.split(['.', '[']).next() != Some(name));
        self.add(name.to_owned(), ty);
        let written = write(self);
        self.readable = before;
        written
    }
}

/// A condition over the names of [`World::of_nullables`]: tests for null and uses that need
/// them, put together in any way.
pub(crate) fn flow(choices: &mut Choices<'_>, depth: u32) -> String {
    const PATHS: [&str; 8] = [
        "a",
        "a",
        "a",
        "b.m",
        "b['n']",
        "steps.s.outputs.x",
        "steps.s.outputs.y",
        "c[0]",
    ];
    let path = PATHS[choices.pick(8)];
    let count = if depth == 0 { 11 } else { 23 };
    let depth = depth.saturating_sub(1);
    match choices.pick(count) {
        0 | 1 => format!("{path} > 0"),
        2 | 3 => format!("{path} != null"),
        4 => format!("{path} == null"),
        5 => format!("null != {path}"),
        6 => format!("{path} == {}", ["1", "0", "a", "null"][choices.pick(4)]),
        7 => format!(
            "{path} in {}",
            ["[1, 0]", "[null, 1]", "c"][choices.pick(3)]
        ),
        8 => ["b != null", "b == null", "has(b.m)"][choices.pick(3)].to_owned(),
        9 => [
            "steps.s.state == 'succeeded'",
            "steps.s.state != 'succeeded'",
        ][choices.pick(2)]
        .to_owned(),
        10 => "has(steps.s.outputs.y)".to_owned(),
        11..=13 => format!("({} && {})", flow(choices, depth), flow(choices, depth)),
        14..=16 => format!("({} || {})", flow(choices, depth), flow(choices, depth)),
        17 => format!("!({})", flow(choices, depth)),
        18 => {
            let condition = flow(choices, depth);
            let (then, otherwise) = (flow(choices, depth), flow(choices, depth));
            format!("({condition} ? {then} : {otherwise})")
        }
        19..=21 => {
            let variable = ["a", "b", "v"][choices.pick(3)];
            let body = flow(choices, depth);
            let op = ["all", "exists", "exists_one"][choices.pick(3)];
            format!("[null, 1].{op}({variable}, {body})")
        }
        _ => {
            let test = ["v != null", "v == null", "v == 1", "v == null || v > 0"][choices.pick(4)];
            format!("c.filter(v, {test}).all(v, v > 0)")
        }
    }
}
