//! Against xarray and cftime: `tests/golden/make_cf.py` makes the values.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::dtype::{DType, NAT, Scalar, TimeUnit};
use crate::spec::{AttrValue, Attrs};
use proptest::prelude::*;
use serde_json::Value;

const CALENDARS: [Calendar; 6] = [
    Calendar::Standard,
    Calendar::ProlepticGregorian,
    Calendar::Julian,
    Calendar::NoLeap,
    Calendar::AllLeap,
    Calendar::Days360,
];

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../tests/golden/cf.json")).unwrap()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn integers(value: &Value) -> Vec<i64> {
    list(value)
        .iter()
        .map(|v| v.as_i64().unwrap_or(NAT))
        .collect()
}

fn unit(value: &Value) -> TimeUnit {
    [
        TimeUnit::Second,
        TimeUnit::Milli,
        TimeUnit::Micro,
        TimeUnit::Nano,
    ]
    .into_iter()
    .find(|unit| Some(unit.code()) == value.as_str())
    .unwrap()
}

#[test]
fn calendars_agree_with_cftime() {
    for (name, rows) in golden()["calendars"].as_object().unwrap() {
        let calendar = Calendar::parse(name).unwrap();
        assert_eq!(calendar.name(), name);
        for row in list(rows) {
            let row = integers(row);
            let (year, month, day) = (row[0], row[1] as u32, row[2] as u32);
            let days = calendar.days(year, month, day);
            assert_eq!(days, row[3], "{name} {row:?}");
            assert_eq!(calendar.civil(days), (year, month, day), "{name} {row:?}");
            assert_eq!(calendar.day_of_year(days), row[4], "{name} {row:?}");
            assert_eq!(calendar.day_of_week(days), row[5], "{name} {row:?}");
            assert!(calendar.has(year, month, day));
        }
    }
    assert!(
        Calendar::parse("lunar")
            .unwrap_err()
            .message()
            .contains("360_day")
    );
    assert!(!Calendar::Standard.has(1582, 10, 10) && !Calendar::NoLeap.has(2000, 2, 29));
}

#[test]
fn times_decode_as_in_xarray() {
    for case in list(&golden()["decode"]) {
        let units =
            TimeUnits::parse(case["units"].as_str().unwrap(), case["calendar"].as_str()).unwrap();
        let (target, found) = if case["float"].as_bool().unwrap() {
            let values: Vec<f64> = list(&case["values"])
                .iter()
                .map(|v| v.as_f64().unwrap_or(f64::NAN))
                .collect();
            units.decode_floats(&values).unwrap()
        } else {
            units.decode_integers(&integers(&case["values"])).unwrap()
        };
        let time = match target {
            TimeTarget::Datetime(unit) => CfTime::datetime64(unit),
            TimeTarget::Counts(time) => time,
        };
        match target {
            TimeTarget::Datetime(found_unit) if case.get("unit").is_some() => {
                assert_eq!(found_unit, unit(&case["unit"]), "{case}");
                assert_eq!(found, integers(&case["expected"]), "{case}");
            }
            // Where xarray leaves nanoseconds for objects of cftime, datetime64 of a coarser unit says the same.
            _ => {
                assert!(case.get("civil").is_some(), "{case}");
                for (count, civil) in found.iter().zip(list(&case["civil"])) {
                    let civil = integers(civil);
                    let at = time.civil(*count);
                    let parts = [
                        at.year,
                        at.month.into(),
                        at.day.into(),
                        at.hour.into(),
                        at.minute.into(),
                        at.second.into(),
                        (at.nanosecond / 1000).into(),
                    ];
                    assert_eq!(parts.to_vec(), civil, "{case}");
                    assert_eq!(time.count(at), Some(*count));
                    for (component, expected) in [
                        Component::Year,
                        Component::Month,
                        Component::Day,
                        Component::Hour,
                    ]
                    .into_iter()
                    .zip(&civil)
                    {
                        assert_eq!(
                            component.of(&[*count, NAT], &time),
                            [*expected, NAT],
                            "{case}"
                        );
                    }
                    assert_eq!(
                        Component::Microsecond.of(&[*count], &time),
                        [civil[6]],
                        "{case}"
                    );
                }
            }
        }
    }
}

#[test]
fn components_agree_with_xarray() {
    for case in list(&golden()["components"]) {
        let values = integers(&case["values"]);
        for name in [
            "year",
            "month",
            "day",
            "hour",
            "minute",
            "second",
            "microsecond",
            "dayofyear",
            "dayofweek",
            "quarter",
            "season",
        ] {
            let component = Component::parse(name).unwrap();
            assert_eq!(component.name(), name);
            let found = component.of_datetimes(&values, unit(&case["unit"]));
            assert_eq!(found, integers(&case[name]), "{name}");
        }
    }
    assert!(
        Component::parse("monht")
            .unwrap_err()
            .message()
            .contains("known: month")
    );
    assert_eq!(Component::parse("weekday").unwrap(), Component::DayOfWeek);
}

#[test]
fn times_encode_as_in_xarray_and_decode_back() {
    for case in list(&golden()["encode"]) {
        let values = integers(&case["values"]);
        let found = encode_times(&values, &CfTime::datetime64(TimeUnit::Nano)).unwrap();
        assert_eq!(found.units, case["units"].as_str().unwrap());
        assert_eq!(found.values, integers(&case["encoded"]), "{case}");
        let units = TimeUnits::parse(&found.units, Some(found.calendar.name())).unwrap();
        let (target, back) = units.decode_integers(&found.values).unwrap();
        assert_eq!(
            (target, back),
            (TimeTarget::Datetime(TimeUnit::Nano), values)
        );
    }
}

#[test]
fn decoded_dtypes_are_those_of_xarray() {
    for case in list(&golden()["dtypes"]) {
        let mut attrs = Attrs::default();
        for attr in list(&case["attrs"]) {
            let (name, dtype) = (attr[0].as_str().unwrap(), attr[1].as_str().unwrap());
            let value = match attr[2].as_str() {
                Some("nan") => AttrValue::Numbers(vec![Scalar::F32(f32::NAN)]),
                Some(text) => AttrValue::from(text),
                None => {
                    let dtype: DType = dtype.parse().unwrap();
                    let number = Scalar::F64(attr[2].as_f64().unwrap());
                    let number = match dtype.is_float() {
                        true => number.cast(dtype).unwrap(),
                        false => Scalar::I64(number.as_f64() as i64).cast(dtype).unwrap(),
                    };
                    AttrValue::Numbers(vec![number])
                }
            };
            attrs.set(name, value);
        }
        let stored: DType = case["stored"].as_str().unwrap().parse().unwrap();
        let found = decoding("v", stored, &attrs).unwrap();
        assert_eq!(
            found.dtype.to_string(),
            case["dtype"].as_str().unwrap(),
            "{case}"
        );
        if attrs.0.is_empty() {
            assert!(found.is_identity());
        }
    }
}

fn attrs(pairs: &[(&str, AttrValue)]) -> Attrs {
    Attrs(
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
    )
}

fn number(scalar: impl Into<Scalar>) -> AttrValue {
    AttrValue::Numbers(vec![scalar.into()])
}

#[test]
fn missing_values_are_in_the_dtype_that_is_compared() {
    let unsigned = attrs(&[("_Unsigned", "true".into()), ("_FillValue", number(-1i8))]);
    let found = decoding("v", DType::I8, &unsigned).unwrap();
    assert!(found.unsigned);
    assert_eq!(
        (found.raw, found.missing.clone()),
        (DType::U8, vec![Scalar::U8(255)])
    );
    let wide = attrs(&[
        ("missing_value", number(1e20f64)),
        ("_FillValue", number(1e20f32)),
    ]);
    assert_eq!(
        decoding("v", DType::F32, &wide).unwrap().missing,
        [Scalar::F32(1e20)]
    );
    let two = attrs(&[
        ("missing_value", number(-9999.0f64)),
        ("_FillValue", number(7i16)),
    ]);
    let found = decoding("v", DType::I16, &two).unwrap();
    assert_eq!(found.missing, [Scalar::I16(-9999), Scalar::I16(7)]);
    let outside = attrs(&[("_FillValue", number(99_999i32))]);
    let found = decoding("v", DType::I16, &outside).unwrap();
    assert_eq!((found.missing.len(), found.dtype), (0, DType::F32));
}

#[test]
fn wrong_attributes_are_quoted() {
    for (name, value, text) in [
        (
            "scale_factor",
            AttrValue::from("abc"),
            "variable v: attribute scale_factor = \"abc\"",
        ),
        (
            "add_offset",
            AttrValue::Numbers(vec![]),
            "variable v: attribute add_offset = ",
        ),
        (
            "_FillValue",
            AttrValue::from("x"),
            "variable v: attribute _FillValue = \"x\"",
        ),
        (
            "_Unsigned",
            number(1i8),
            "variable v: attribute _Unsigned = 1",
        ),
        (
            "units",
            AttrValue::from("months since 2000-01-01"),
            "months since 2000-01-01\": months",
        ),
        (
            "units",
            AttrValue::from("days since yesterday"),
            "days since yesterday",
        ),
        (
            "units",
            AttrValue::from("days since 2001-02-29"),
            "reference date is not in the standard",
        ),
        (
            "units",
            AttrValue::from("fortnights since 2001-02-28"),
            "unknown unit \"fortnights\"",
        ),
    ] {
        let error = decoding("v", DType::I16, &attrs(&[(name, value)])).unwrap_err();
        assert!(error.is_data() && error.message().contains(text), "{error}");
    }
    let plain = attrs(&[("units", "days".into())]);
    assert!(decoding("v", DType::I16, &plain).unwrap().is_identity());
    let time = attrs(&[
        ("units", "days since 2000-01-01".into()),
        ("_FillValue", number(-1i32)),
    ]);
    let found = decoding("t", DType::I32, &time).unwrap();
    assert_eq!(found.dtype, DType::Datetime(TimeUnit::Nano));
    assert_eq!(found.missing, [Scalar::I32(-1)]);
}

#[test]
fn units_and_zones_are_read() {
    let reference = |text: &str| TimeUnits::parse(text, None).unwrap().reference.to_string();
    assert_eq!(
        reference("days since 2020-02-08 23:56:31"),
        "2020-02-08 23:56:31"
    );
    assert_eq!(reference("d since 1-2-3"), "0001-02-03 00:00:00");
    assert_eq!(
        reference("h since 2000-01-01T00:30:00+01:00"),
        "1999-12-31 23:30:00"
    );
    assert_eq!(
        reference("min since 2000-01-01 00:00 -0330"),
        "2000-01-01 03:30:00"
    );
    assert_eq!(
        reference("sec since 2000-01-01 6:5:4.25 UTC"),
        "2000-01-01 06:05:04.250000"
    );
    assert_eq!(
        reference("ms since 2000-01-01 00:00:00Z"),
        "2000-01-01 00:00:00"
    );
    assert_eq!(reference("weeks since 2000"), "2000-01-01 00:00:00");
    for bad in [
        "days",
        "days since",
        "days after 2000-01-01",
        "days since 2000-13-01",
        "days since 2000-01-01 25:00",
    ] {
        assert!(
            TimeUnits::parse(bad, None)
                .unwrap_err()
                .message()
                .contains(bad),
            "{bad}"
        );
    }
    let far = TimeUnits::parse("days since 2000-01-01", None).unwrap();
    assert!(
        far.decode_integers(&[i64::MAX])
            .is_ok_and(|(t, _)| matches!(t, TimeTarget::Counts(_)))
    );
    let nano = TimeUnits::parse("nanoseconds since 1970-01-01", None).unwrap();
    let last = (TimeTarget::Datetime(TimeUnit::Nano), vec![i64::MAX, NAT]);
    assert_eq!(nano.decode_integers(&[i64::MAX, NAT]).unwrap(), last);
    assert!(far.decode_floats(&[f64::INFINITY]).is_err());
    assert_eq!(far.decode_integers(&[]).unwrap().1, Vec::<i64>::new());
}

#[test]
fn texts_denote_intervals() {
    let show = |text: &str, calendar| {
        let (start, end) = parse_interval(text, calendar).unwrap();
        format!("{start} … {end}")
    };
    let standard = Calendar::ProlepticGregorian;
    assert_eq!(
        show("2020", standard),
        "2020-01-01 00:00:00 … 2021-01-01 00:00:00"
    );
    assert_eq!(
        show("2020-12", standard),
        "2020-12-01 00:00:00 … 2021-01-01 00:00:00"
    );
    assert_eq!(
        show("2020-02-28", standard),
        "2020-02-28 00:00:00 … 2020-02-29 00:00:00"
    );
    assert_eq!(
        show("2020-02-30", Calendar::Days360),
        "2020-02-30 00:00:00 … 2020-03-01 00:00:00"
    );
    assert_eq!(
        show("2020-02-28T23", Calendar::NoLeap),
        "2020-02-28 23:00:00 … 2020-03-01 00:00:00"
    );
    assert_eq!(
        show("2020-08-14 03:00", standard),
        "2020-08-14 03:00:00 … 2020-08-14 03:01:00"
    );
    assert_eq!(
        show("2020-08-14T03:00:59Z", standard),
        "2020-08-14 03:00:59 … 2020-08-14 03:01:00"
    );
    assert_eq!(
        show("2020-08-14T03:00:00.25", standard),
        "2020-08-14 03:00:00.250000 … 2020-08-14 03:00:00.260000"
    );
    for bad in [
        "",
        "20",
        "2020-8",
        "2020-02-30",
        "2020-13",
        "2020T03",
        "2020-08-14T24",
        "2020-08-14T03:00:00.",
    ] {
        assert!(parse_interval(bad, standard).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn days_and_dates_are_inverse(days in -3_000_000i64..6_000_000, which in 0usize..6) {
        let calendar = CALENDARS[which];
        let (year, month, day) = calendar.civil(days);
        prop_assert!(calendar.has(year, month, day));
        prop_assert_eq!(calendar.days(year, month, day), days);
        let next = calendar.civil(days + 1);
        prop_assert!((year, month, day) < next);
    }

    #[test]
    fn encoding_is_exact(
        values in prop::collection::vec(-4_000_000_000_000_000_000i64..4_000_000_000_000_000_000, 0..6),
        step in prop::sample::select(vec![1i64, 1000, 60_000_000_000, 86_400_000_000_000]),
    ) {
        let values: Vec<i64> = values.iter().map(|v| v / step * step).collect();
        let encoded = encode_times(&values, &CfTime::datetime64(TimeUnit::Nano)).unwrap();
        let units = TimeUnits::parse(&encoded.units, Some(encoded.calendar.name())).unwrap();
        let (target, back) = units.decode_integers(&encoded.values).unwrap();
        if !values.is_empty() {
            prop_assert_eq!(target, TimeTarget::Datetime(TimeUnit::Nano));
        }
        prop_assert_eq!(back, values);
    }
}
