//! Flags: values that are names (CF `flag_values` and `flag_meanings`), each with a colour of its own.

use super::colours::{Colormap, LINES, Rgb};
use crate::spec::{AttrValue, Attrs};

/// Most flags that have colours which people tell apart, and names beside them.
const MOST_FLAGS: usize = 20;

/// Flags in the order of the attribute.
#[derive(Clone, Debug)]
pub(super) struct Flags {
    values: Vec<f64>,
    pub(super) names: Vec<String>,
    colours: Vec<Rgb>,
}

impl Flags {
    /// Those of an array with these attributes; `None` where they are no list of values with a name each (bits of `flag_masks`
    /// are none: an element may have several), or too many.
    pub(super) fn of(attrs: &Attrs) -> Option<Flags> {
        if attrs.get("flag_masks").is_some() {
            return None;
        }
        let AttrValue::Numbers(values) = attrs.get("flag_values")? else {
            return None;
        };
        let values: Vec<f64> = values.iter().map(|value| value.as_f64()).collect();
        let words = attrs.text("flag_meanings")?.split_whitespace();
        let names: Vec<String> = words.map(|word| word.replace('_', " ")).collect();
        if values.len() != names.len() || !(1..=MOST_FLAGS).contains(&names.len()) {
            return None;
        }
        let known = attrs.text("flag_colors").and_then(colours);
        let known = known.filter(|colours| colours.len() == names.len());
        Some(Flags {
            colours: known.unwrap_or_else(|| (0..names.len()).map(colour).collect()),
            values,
            names,
        })
    }

    /// The number of a value among the flags; `None` for a value that the file does not name.
    pub(super) fn number(&self, value: f64) -> Option<usize> {
        self.values.iter().position(|flag| *flag == value)
    }

    pub(super) fn colormap(&self) -> Colormap {
        Colormap::of(self.colours.clone())
    }
}

/// The colours of lines, and then the same, lighter: as matplotlib's tab20.
fn colour(number: usize) -> Rgb {
    let full = LINES[number % LINES.len()];
    match number < LINES.len() {
        true => full,
        false => full.map(|part| 255 - (255 - part) / 2),
    }
}

/// `#ff8000 #00a0ff …`, as some land covers have them.
fn colours(text: &str) -> Option<Vec<Rgb>> {
    let parsed = text.split_whitespace().map(|word| {
        let digits = word.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let number = u32::from_str_radix(digits, 16).ok()?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some([red, green, blue])
    });
    parsed.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn attrs(all: &[(&str, AttrValue)]) -> Attrs {
        Attrs(
            all.iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn flags_are_values_with_a_name_each() {
        let text = |text: &str| AttrValue::Text(text.to_owned());
        let numbers =
            |values: &[i8]| AttrValue::Numbers(values.iter().map(|v| (*v).into()).collect());
        let (values, meanings) = (numbers(&[4, 1, 2]), text("ice_cloud  clear water"));
        let all = [
            ("flag_values", values.clone()),
            ("flag_meanings", meanings.clone()),
        ];
        let flags = Flags::of(&attrs(&all)).unwrap();
        assert_eq!(flags.names, ["ice cloud", "clear", "water"]);
        assert_eq!(
            (flags.number(1.0), flags.number(3.0), flags.number(f64::NAN)),
            (Some(1), None, None)
        );
        assert_eq!(flags.colours, LINES[..3]);
        let own = text("#000001 #ff8000 #0000ff");
        let coloured = [all[0].clone(), all[1].clone(), ("flag_colors", own)];
        assert_eq!(
            Flags::of(&attrs(&coloured)).unwrap().colours,
            [[0, 0, 1], [255, 128, 0], [0, 0, 255]]
        );
        for odd in [
            vec![("flag_values", values.clone())],
            vec![
                ("flag_values", numbers(&[1, 2])),
                ("flag_meanings", meanings.clone()),
            ],
            vec![all[0].clone(), all[1].clone(), ("flag_masks", values)],
        ] {
            assert!(Flags::of(&attrs(&odd)).is_none(), "{odd:?}");
        }
        let distinct: std::collections::HashSet<Rgb> = (0..MOST_FLAGS).map(colour).collect();
        assert_eq!(distinct.len(), MOST_FLAGS);
    }
}
