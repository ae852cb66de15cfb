//! Which arguments a function takes, and what it gives. Null was taken off before.

use windlass_core::expr::Function;

use super::ty::Ty;

/// An argument that a function does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// Which argument, the receiver counted.
    pub(super) place: usize,
    /// What was expected, with its article.
    pub(super) wanted: &'static str,
}

/// The type of a call. The builder has checked the number of arguments.
pub(super) fn call(function: Function, arguments: &[Ty]) -> Result<Ty, Refused> {
    let first = &arguments[0];
    let refused = |place, wanted| Err(Refused { place, wanted });
    match function {
        Function::Dyn => Ok(Ty::Any),
        Function::Size => match first {
            Ty::Any | Ty::Never | Ty::Text | Ty::List(_) | Ty::Map(_) | Ty::Object(_) => {
                Ok(Ty::Int)
            }
            _ => refused(0, "a string, a list or a map"),
        },
        Function::Int | Function::Double => {
            let gives = if function == Function::Int {
                Ty::Int
            } else {
                Ty::Float
            };
            match first {
                Ty::Any | Ty::Never | Ty::Text => Ok(gives),
                ty if ty.is_numeric() => Ok(gives),
                _ => refused(0, "a number or a string that holds one"),
            }
        }
        Function::Bool => match first {
            Ty::Any | Ty::Never | Ty::Bool | Ty::Text => Ok(Ty::Bool),
            _ => refused(0, "a boolean or a string that holds one"),
        },
        Function::String => match first {
            Ty::Any | Ty::Never | Ty::Bool | Ty::Text | Ty::Scalar => Ok(Ty::Text),
            ty if ty.is_numeric() => Ok(Ty::Text),
            _ => refused(0, "a string, a number or a boolean"),
        },
        Function::Contains | Function::StartsWith | Function::EndsWith => {
            texts(arguments).map(|()| Ty::Bool)
        }
        Function::LowerAscii | Function::UpperAscii => texts(arguments).map(|()| Ty::Text),
        Function::Split => texts(arguments).map(|()| Ty::list(Ty::Text)),
        Function::Join => {
            match first {
                Ty::Any | Ty::Never => {}
                Ty::List(item) if matches!(**item, Ty::Any | Ty::Never | Ty::Text) => {}
                _ => return refused(0, "a list of strings"),
            }
            match arguments.get(1) {
                None | Some(Ty::Any | Ty::Never | Ty::Text) => Ok(Ty::Text),
                Some(_) => refused(1, "a string"),
            }
        }
        Function::Min | Function::Max => match first {
            Ty::Any | Ty::Never => Ok(Ty::Any),
            Ty::List(item)
                if item.is_numeric()
                    || matches!(**item, Ty::Any | Ty::Never | Ty::Bool | Ty::Text) =>
            {
                Ok((**item).clone())
            }
            _ => refused(0, "a list of numbers, of strings or of booleans"),
        },
    }
}

fn texts(arguments: &[Ty]) -> Result<(), Refused> {
    let wrong = arguments
        .iter()
        .position(|ty| !matches!(ty, Ty::Any | Ty::Never | Ty::Text));
    match wrong {
        None => Ok(()),
        Some(place) => Err(Refused {
            place,
            wanted: "a string",
        }),
    }
}
