//! The types that expressions have: those of values, and two that only expressions have.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use windlass_core::types::Type;

/// The type of an expression. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ty {
    /// Anything; only the run will tell.
    Any,
    /// No value at all, such as an item of `[]`.
    Never,
    Null,
    Bool,
    Int,
    /// A number with a fraction, CEL's double.
    Float,
    /// An integer or a double; only the run will tell which.
    Number,
    Text,
    /// A string, a number or a boolean; only the run will tell which.
    Scalar,
    /// An integer of milliseconds.
    Duration,
    /// An integer of bytes.
    Bytes,
    List(Rc<Ty>),
    /// A map whose keys are not known.
    Map(Rc<Ty>),
    /// A map with these members.
    Object(Rc<BTreeMap<String, Ty>>),
    /// The type inside, which is no null itself, or null.
    Nullable(Rc<Ty>),
}

impl Ty {
    /// A list of `item`s.
    pub fn list(item: Ty) -> Self {
        Ty::List(Rc::new(item))
    }

    /// A map of `value`s.
    pub fn map(value: Ty) -> Self {
        Ty::Map(Rc::new(value))
    }

    /// A map with exactly these members.
    pub fn object(members: impl IntoIterator<Item = (String, Ty)>) -> Self {
        Ty::Object(Rc::new(members.into_iter().collect()))
    }

    /// This type, or null. Unlike `Any` itself, `Any` or null is known to be null at times.
    #[must_use]
    pub fn nullable(self) -> Self {
        match self {
            Ty::Null | Ty::Nullable(_) => self,
            Ty::Never => Ty::Null,
            other => Ty::Nullable(Rc::new(other)),
        }
    }

    /// This type without null.
    #[must_use]
    pub fn not_null(self) -> Self {
        match self {
            Ty::Nullable(inner) => (*inner).clone(),
            Ty::Null => Ty::Never,
            other => other,
        }
    }

    /// Whether a value may be null as far as is known; nobody knows it of `Any`.
    pub fn may_be_null(&self) -> bool {
        matches!(self, Ty::Null | Ty::Nullable(_))
    }

    /// Whether a value surely is not null.
    pub(super) fn is_never_null(&self) -> bool {
        !self.may_be_null() && *self != Ty::Any
    }

    /// An integer in whatever unit.
    pub(super) fn is_int(&self) -> bool {
        matches!(self, Ty::Int | Ty::Duration | Ty::Bytes)
    }

    pub(super) fn is_numeric(&self) -> bool {
        self.is_int() || matches!(self, Ty::Float | Ty::Number)
    }

    /// Whether `Any` stands anywhere in it.
    pub fn is_gradual(&self) -> bool {
        match self {
            Ty::Any => true,
            Ty::Never
            | Ty::Null
            | Ty::Bool
            | Ty::Int
            | Ty::Float
            | Ty::Number
            | Ty::Text
            | Ty::Scalar
            | Ty::Duration
            | Ty::Bytes => false,
            Ty::List(inner) | Ty::Map(inner) | Ty::Nullable(inner) => inner.is_gradual(),
            Ty::Object(members) => members.values().any(Ty::is_gradual),
        }
    }

    /// The smallest type that holds the values of both.
    #[must_use]
    pub fn join(&self, other: &Ty) -> Ty {
        match (self, other) {
            (left, right) if left == right => left.clone(),
            (Ty::Never, ty) | (ty, Ty::Never) => ty.clone(),
            (Ty::Null, ty) | (ty, Ty::Null) => ty.clone().nullable(),
            (Ty::Nullable(left), Ty::Nullable(right)) => left.join(right).nullable(),
            (Ty::Nullable(inner), ty) | (ty, Ty::Nullable(inner)) => inner.join(ty).nullable(),
            (Ty::Any, _) | (_, Ty::Any) => Ty::Any,
            (left, right) if left.is_int() && right.is_int() => Ty::Int,
            (left, right) if left.is_numeric() && right.is_numeric() => Ty::Number,
            (left, right) if left.is_scalar() && right.is_scalar() => Ty::Scalar,
            (Ty::List(left), Ty::List(right)) => Ty::list(left.join(right)),
            (Ty::Map(left), Ty::Map(right)) => Ty::map(left.join(right)),
            (Ty::Map(value), Ty::Object(members)) | (Ty::Object(members), Ty::Map(value)) => {
                let all = members
                    .values()
                    .fold((**value).clone(), |all, ty| all.join(ty));
                Ty::map(all)
            }
            (Ty::Object(left), Ty::Object(right)) => {
                // A member of only one side may be missing, which is no matter of type.
                let mut members = (**left).clone();
                for (name, ty) in right.iter() {
                    let joined = members
                        .get(name)
                        .map_or_else(|| ty.clone(), |own| own.join(ty));
                    members.insert(name.clone(), joined);
                }
                Ty::object(members)
            }
            _ => Ty::Any,
        }
    }

    fn is_scalar(&self) -> bool {
        self.is_numeric() || matches!(self, Ty::Bool | Ty::Text | Ty::Scalar)
    }

    /// What the members of a map have in common.
    pub(super) fn any_member(members: &BTreeMap<String, Ty>) -> Ty {
        members.values().fold(Ty::Never, |all, ty| all.join(ty))
    }

    /// Whether a value of this type may stand where `wanted` is. Null is looked at apart.
    pub fn fits(&self, wanted: &Type) -> bool {
        match (self, wanted) {
            (Ty::Any | Ty::Never, _) | (_, Type::Any) => true,
            (Ty::Null, Type::Null | Type::Nullable(_)) => true,
            (Ty::Nullable(inner), wanted) => inner.fits(wanted),
            (ty, Type::Nullable(wanted)) => ty.fits(wanted),
            (Ty::Bool, Type::Bool | Type::Scalar) => true,
            (Ty::Int | Ty::Duration | Ty::Bytes, Type::Int | Type::Number | Type::Scalar) => true,
            (Ty::Float | Ty::Number, Type::Number | Type::Scalar) => true,
            (Ty::Int | Ty::Duration, Type::Duration) | (Ty::Int | Ty::Bytes, Type::Bytes) => true,
            (Ty::Text, Type::Text | Type::Scalar) | (Ty::Scalar, Type::Scalar) => true,
            (Ty::List(item), Type::List(wanted)) => item.fits(wanted) && item.null_fits(wanted),
            (Ty::Map(value), Type::Map(wanted)) => value.fits(wanted) && value.null_fits(wanted),
            (Ty::Map(value), Type::Object(members)) => {
                members.values().all(|wanted| value.fits(wanted))
            }
            (Ty::Object(members), Type::Map(wanted)) => members
                .values()
                .all(|ty| ty.fits(wanted) && ty.null_fits(wanted)),
            (Ty::Object(members), Type::Object(wanted)) => {
                members.keys().all(|name| wanted.contains_key(name))
                    && wanted.iter().all(|(name, wanted)| {
                        let ty = members.get(name).unwrap_or(&Ty::Null);
                        ty.fits(wanted) && ty.null_fits(wanted)
                    })
            }
            (
                Ty::Null
                | Ty::Bool
                | Ty::Int
                | Ty::Float
                | Ty::Number
                | Ty::Text
                | Ty::Scalar
                | Ty::Duration
                | Ty::Bytes
                | Ty::List(_)
                | Ty::Map(_)
                | Ty::Object(_),
                _,
            ) => false,
        }
    }

    /// Whether null may stand where `wanted` is, or this type is never null.
    pub fn null_fits(&self, wanted: &Type) -> bool {
        !self.may_be_null() || matches!(wanted, Type::Any | Type::Null | Type::Nullable(_))
    }
}

impl From<&Type> for Ty {
    fn from(ty: &Type) -> Self {
        match ty {
            Type::Any => Ty::Any,
            Type::Null => Ty::Null,
            Type::Bool => Ty::Bool,
            Type::Int => Ty::Int,
            Type::Number => Ty::Number,
            Type::Text => Ty::Text,
            Type::Scalar => Ty::Scalar,
            Type::Duration => Ty::Duration,
            Type::Bytes => Ty::Bytes,
            Type::List(item) => Ty::list(Ty::from(&**item)),
            Type::Map(value) => Ty::map(Ty::from(&**value)),
            Type::Object(members) => Ty::object(
                members
                    .iter()
                    .map(|(name, ty)| (name.clone(), Ty::from(ty))),
            ),
            Type::Nullable(inner) => Ty::from(&**inner).nullable(),
        }
    }
}

/// The narrowest type of values that holds all of them.
impl From<&Ty> for Type {
    fn from(ty: &Ty) -> Self {
        match ty {
            Ty::Any | Ty::Never => Type::Any,
            Ty::Null => Type::Null,
            Ty::Bool => Type::Bool,
            Ty::Int => Type::Int,
            Ty::Float | Ty::Number => Type::Number,
            Ty::Text => Type::Text,
            Ty::Scalar => Type::Scalar,
            Ty::Duration => Type::Duration,
            Ty::Bytes => Type::Bytes,
            Ty::List(item) => Type::list(Type::from(&**item)),
            Ty::Map(value) => Type::map(Type::from(&**value)),
            Ty::Object(members) => Type::Object(
                members
                    .iter()
                    .map(|(name, ty)| (name.clone(), Type::from(ty)))
                    .collect(),
            ),
            // Also of anything: that it can be null is known then.
            Ty::Nullable(inner) => Type::Nullable(Box::new(Type::from(&**inner))),
        }
    }
}

/// The type with its article, as a diagnostic says it.
impl fmt::Display for Ty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Any | Ty::Never => f.write_str("anything"),
            Ty::Null => f.write_str("null"),
            Ty::Bool => f.write_str("a boolean"),
            Ty::Int => f.write_str("an integer"),
            Ty::Float => f.write_str("a double"),
            Ty::Number => f.write_str("a number (integer or double)"),
            Ty::Text => f.write_str("a string"),
            Ty::Scalar => f.write_str("a string, a number or a boolean"),
            Ty::Duration => f.write_str("a duration"),
            Ty::Bytes => f.write_str("a number of bytes"),
            Ty::List(inner) | Ty::Map(inner) => {
                f.write_str(if matches!(self, Ty::List(_)) {
                    "a list"
                } else {
                    "a map"
                })?;
                if let Some(items) = inner.plural() {
                    write!(f, " of {items}")?;
                }
                if inner.may_be_null() {
                    f.write_str(" that may hold null")?;
                }
                Ok(())
            }
            Ty::Object(_) => f.write_str("a map"),
            Ty::Nullable(inner) => write!(f, "{inner} or null"),
        }
    }
}

impl Ty {
    fn plural(&self) -> Option<&'static str> {
        match self {
            Ty::Any | Ty::Never | Ty::Null => None,
            Ty::Bool => Some("booleans"),
            Ty::Int => Some("integers"),
            Ty::Float => Some("doubles"),
            Ty::Number => Some("numbers"),
            Ty::Text => Some("strings"),
            Ty::Scalar => Some("strings, numbers or booleans"),
            Ty::Duration => Some("durations"),
            Ty::Bytes => Some("numbers of bytes"),
            Ty::List(_) => Some("lists"),
            Ty::Map(_) | Ty::Object(_) => Some("maps"),
            Ty::Nullable(inner) => inner.plural(),
        }
    }
}
