//! Times, ranges, bins and conversions against xarray, pandas and cftime: `tests/golden/make_time.py` makes the values.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::dtype::NAT;
use serde_json::Value;
use std::cmp::Ordering;
use std::sync::OnceLock;

fn golden(part: &str) -> &'static Vec<Value> {
    static GOLDEN: OnceLock<Value> = OnceLock::new();
    let all = GOLDEN.get_or_init(|| {
        serde_json::from_str(include_str!("../../../tests/golden/time.json")).unwrap()
    });
    all[part].as_array().unwrap()
}

fn calendar(case: &Value, key: &str) -> Calendar {
    Calendar::parse(case[key].as_str().unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().unwrap();
    list.iter()
        .map(|t| t.as_str().unwrap().to_owned())
        .collect()
}

fn civil(times: &TimeIndex) -> Vec<String> {
    (0..times.len())
        .map(|at| times.civil(at).map_or("NaT".into(), |t| t.to_string()))
        .collect()
}

fn range(case: &Value, calendar: Calendar) -> TimeIndex {
    let text = |key: &str| case[key].as_str();
    let periods = case["periods"].as_u64().map(|n| n as usize);
    date_range(text("start"), text("end"), periods, text("freq"), calendar).unwrap()
}

fn given(case: &Value, key: &str) -> TimeIndex {
    let list = texts(&case[key]);
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    TimeIndex::of_texts(&list, calendar(case, "calendar")).unwrap()
}

#[test]
fn ranges_are_those_of_xarray() {
    for case in golden("ranges") {
        let found = civil(&range(case, calendar(case, "calendar")));
        assert_eq!(found, texts(&case["times"]), "{case}");
    }
}

#[test]
fn bins_are_those_of_pandas() {
    for case in golden("bins") {
        let times = range(&case["series"], calendar(case, "calendar"));
        let (all, len) = (times.len(), case["len"].as_u64().unwrap() as usize);
        let keep: Vec<usize> = (0..all)
            .filter(|at| len == all || !(all / 3..all / 2).contains(at))
            .collect();
        let times = times.take(&keep);
        assert_eq!(times.len(), len);
        let mut by = TimeResampler::new(case["freq"].as_str().unwrap());
        for (key, set) in [
            (
                "closed",
                TimeResampler::closed as fn(TimeResampler, &str) -> TimeResampler,
            ),
            ("label", TimeResampler::label),
            ("origin", TimeResampler::origin),
            ("offset", TimeResampler::offset),
        ] {
            if let Some(text) = case[key].as_str() {
                by = set(by, text);
            }
        }
        let found = bins(&times, &by).unwrap_or_else(|e| panic!("{case}\n{e}"));
        assert_eq!(
            found.labels.len() as u64,
            case["bins"].as_u64().unwrap(),
            "{case}"
        );
        let labels = texts(&case["labels"]);
        assert_eq!(civil(&found.labels)[..labels.len()], labels, "{case}");
        let mut counts = vec![0; found.labels.len()];
        found
            .codes
            .iter()
            .for_each(|code| counts[*code as usize] += 1);
        let expected: Vec<i32> = serde_json::from_value(case["counts"].clone()).unwrap();
        assert_eq!(counts[..expected.len()], expected, "{case}");
        assert!(found.codes.is_sorted());
    }
}

#[test]
fn components_rounding_and_texts_are_those_of_xarray() {
    for case in golden("components") {
        let times = given(case, "times");
        for (name, expected) in case.as_object().unwrap() {
            if ["calendar", "times"].contains(&name.as_str()) {
                continue;
            }
            if let Some(format) = name.strip_prefix("strftime ") {
                assert_eq!(times.strftime(format).unwrap(), texts(expected), "{name}");
                continue;
            }
            if let Some((how, freq)) = name.split_once(' ') {
                let rounding = match how {
                    "floor" => Rounding::Floor,
                    "ceil" => Rounding::Ceil,
                    _ => Rounding::Round,
                };
                let freq = Frequency::parse(freq).unwrap();
                let found = civil(&times.rounded(rounding, &freq).unwrap());
                assert_eq!(found, texts(expected), "{} {name}", case["calendar"]);
                continue;
            }
            if name == "decimal_year" {
                let expected: Vec<f64> = serde_json::from_value(expected.clone()).unwrap();
                for (a, b) in times.decimal_years().iter().zip(expected) {
                    assert!((a - b).abs() < 1e-9, "{} {a} {b}", case["calendar"]);
                }
                continue;
            }
            let found = Component::parse(name)
                .unwrap()
                .of(times.counts(), times.time());
            if name == "season" {
                let found: Vec<&str> = found.iter().map(|s| SEASONS[*s as usize]).collect();
                assert_eq!(found, texts(expected));
                continue;
            }
            let expected: Vec<i64> = serde_json::from_value(expected.clone()).unwrap();
            assert_eq!(found, expected, "{} {name}", case["calendar"]);
        }
    }
}

#[test]
fn arithmetic_is_that_of_cftime() {
    for case in golden("arithmetic") {
        let times = given(case, "times");
        let later = times.plus(timedelta("37h").unwrap()).unwrap();
        assert_eq!(civil(&later), texts(&case["later"]));
        let (away, unit) = times.minus(&times.take(&[0])).unwrap();
        let seconds: Vec<i64> = serde_json::from_value(case["seconds"].clone()).unwrap();
        let found: Vec<i64> = away
            .iter()
            .map(|d| d / (1_000_000_000 / unit.nanoseconds()))
            .collect();
        assert_eq!(found, seconds);
        let after: Vec<bool> = serde_json::from_value(case["after"].clone()).unwrap();
        let order = times.compare(&times.take(&[2])).unwrap();
        let found: Vec<bool> = order
            .iter()
            .map(|o| *o == Some(Ordering::Greater))
            .collect();
        assert_eq!(found, after);
    }
    let noleap = TimeIndex::of_texts(&["2000-02-28", "2001-01-01"], Calendar::NoLeap).unwrap();
    let julian = TimeIndex::of_texts(&["2000-02-28"], Calendar::Julian).unwrap();
    let error = noleap.minus(&julian).unwrap_err();
    assert!(
        error.message().contains("calendars noleap and julian"),
        "{error}"
    );
    assert!(
        noleap
            .compare(&julian)
            .unwrap_err()
            .message()
            .contains("no order")
    );
    let three = noleap.take(&[0, 1, 0]);
    assert!(
        three
            .minus(&noleap)
            .unwrap_err()
            .message()
            .contains("2 times beside 3")
    );
    // Missing times stay missing.
    let missing = TimeIndex::new(vec![0, NAT], *noleap.time());
    assert_eq!(missing.plus(1000).unwrap().counts(), [1, NAT]);
    assert_eq!(missing.minus(&noleap.take(&[0])).unwrap().0[1], NAT);
    assert_eq!(missing.strftime("%Y").unwrap(), ["1970", "NaT"]);
    assert!(missing.decimal_years()[1].is_nan());
}

#[test]
fn frequencies_are_inferred_as_in_xarray() {
    for case in golden("infer") {
        let found = infer_freq(&given(case, "times"))
            .unwrap()
            .map(|f| f.to_string());
        assert_eq!(found.as_deref(), case["freq"].as_str(), "{case}");
    }
    let two = date_range(Some("2000"), None, Some(2), None, Calendar::NoLeap).unwrap();
    assert!(
        infer_freq(&two)
            .unwrap_err()
            .message()
            .contains("2 times; at least 3")
    );
}

#[test]
fn calendars_convert_as_in_xarray() {
    for case in golden("convert") {
        let times = range(&case["series"], calendar(case, "from"));
        let to = calendar(case, "to");
        let fill = !case["missing"].is_null();
        let align = case["align_on"].as_str();
        let found = convert_calendar(&times, to, align, fill)
            .unwrap_or_else(|e| panic!("{case}\n{e}"))
            .unwrap_or_else(|| Converted {
                positions: (0..times.len()).map(Some).collect(),
                times: times.clone(),
            });
        let expected = texts(&case["times"]);
        assert_eq!(civil(&found.times)[..expected.len()], expected, "{case}");
        assert_eq!(
            found.times.len() as u64,
            case["len"].as_u64().unwrap(),
            "{case}"
        );
        let positions: Vec<i64> = serde_json::from_value(case["positions"].clone()).unwrap();
        let all: Vec<i64> = found
            .positions
            .iter()
            .map(|at| at.map_or(-1, |at| at as i64))
            .collect();
        assert_eq!(all[..positions.len()], positions, "{case}");
        assert_eq!(
            all.iter().sum::<i64>(),
            case["sum"].as_i64().unwrap(),
            "{case}"
        );
    }
}

#[test]
fn model_calendars_encode_as_in_xarray() {
    for case in golden("encode") {
        let times = range(&case["series"], calendar(case, "calendar"));
        let found = encode_times(times.counts(), times.time()).unwrap();
        // xarray writes the microseconds of cftime's dates, even when there are none.
        let units = case["units"].as_str().unwrap();
        assert_eq!(found.units, units.trim_end_matches(".000000"), "{case}");
        let expected: Vec<f64> = serde_json::from_value(case["encoded"].clone()).unwrap();
        let found: Vec<f64> = found.values.iter().map(|v| *v as f64).collect();
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn wrong_frequencies_dates_and_options_are_errors() {
    for (freq, text) in [
        ("M", "\"M\" is an old spelling; write \"ME\""),
        ("2A-NOV", "write \"2YE-NOV\""),
        ("AS", "write \"YS\""),
        ("6H", "write \"6h\""),
        ("15T", "write \"15min\""),
        ("Q-FEB", "write \"QE-FEB\""),
        ("YE-NVO", "unknown anchor \"NVO\" of YE; known: JAN"),
        ("W-WEN", "known: MON"),
        ("ME-JAN", "unknown name \"ME-JAN\""),
        ("0D", "no time at all"),
        ("0ME", "the count 0 is not allowed"),
        ("1.5ME", "\"1.5\" is no count of ME"),
        ("5", "unknown name"),
        ("", "unknown name"),
        ("foo", "unknown name \"foo\"; known: "),
        ("BME", "business days"),
        ("SME-40", "give 1 … 27"),
        ("9999999999999YE", "is not allowed"),
        ("0.3ns", "no count of ns"),
        ("99999999999999999999D", "no count of D"),
    ] {
        let error = Frequency::parse(freq).unwrap_err();
        assert!(
            error.is_invalid_input() && error.message().contains(text),
            "{freq}: {error}"
        );
        assert!(
            error.message().contains(&format!("frequency {freq:?}")),
            "{error}"
        );
    }
    for freq in [
        "YE-DEC", "2QS-FEB", "3ME", "W-SUN", "5D", "90min", "SMS-15", "-1D", "1500ms",
    ] {
        assert_eq!(Frequency::parse(freq).unwrap().to_string(), freq);
    }
    let fails = |calendar, start, end, periods, freq| {
        let made = date_range(start, end, periods, freq, calendar);
        made.unwrap_err().message().to_owned()
    };
    let text = fails(Calendar::NoLeap, Some("2000-02-29"), None, Some(3), None);
    assert!(
        text.contains("\"2000-02-29\" is not a date of the noleap calendar"),
        "{text}"
    );
    let text = fails(Calendar::Days360, Some("2000-01-31"), None, Some(3), None);
    assert!(text.contains("360_day"), "{text}");
    let text = fails(Calendar::Standard, Some("1582-10-10"), None, Some(3), None);
    assert!(text.contains("standard"), "{text}");
    let text = fails(Calendar::Standard, Some("2000"), None, None, None);
    assert!(text.contains("give exactly three"), "{text}");
    let text = fails(
        Calendar::Standard,
        Some("2000"),
        Some("2001"),
        Some(3),
        Some("D"),
    );
    assert!(text.contains("4 of start, end"), "{text}");
    let text = fails(
        Calendar::Standard,
        Some("2000"),
        Some("2100"),
        None,
        Some("1s"),
    );
    assert!(text.contains("at most 16777216"), "{text}");
    let text = fails(
        Calendar::Julian,
        Some("2000"),
        None,
        Some(1 << 20),
        Some("1000000YS"),
    );
    assert!(text.contains("fit no unit"), "{text}");

    let days = date_range(Some("2000-01-01"), None, Some(5), None, Calendar::NoLeap).unwrap();
    let wrong =
        |times: &TimeIndex, by: TimeResampler| bins(times, &by).unwrap_err().message().to_owned();
    let month = || TimeResampler::new("ME");
    for (by, text) in [
        (
            month().closed("lft"),
            "closed = \"lft\" is not allowed; give \"left\" or \"right\"",
        ),
        (month().label("up"), "label = \"up\" is not allowed"),
        (
            month().origin("start"),
            "origin = \"start\" has no effect on the frequency \"ME\"",
        ),
        (month().offset("1h"), "offset = \"1h\" has no effect"),
        (TimeResampler::new("1h").origin("2000-02-29"), "noleap"),
        (
            TimeResampler::new("1h").origin("begin"),
            "give start_day, start, epoch, end, end_day",
        ),
        (
            TimeResampler::new("1h").offset("1ME"),
            "\"1ME\" is no length of time",
        ),
        (TimeResampler::new("-1D"), "goes back"),
        (TimeResampler::new("M"), "write \"ME\""),
        (TimeResampler::new("1us"), "at most 16777216"),
    ] {
        let found = wrong(&days, by);
        assert!(found.contains(text), "{found}\n{text}");
    }
    let found = wrong(&days.take(&[0, 2, 1]), month());
    assert!(
        found.contains("not increasing: 2000-01-02 00:00:00 at position 2 comes after 2000-01-03"),
        "{found}"
    );
    assert!(wrong(&days.take(&[]), month()).contains("length 0"));
    let missing = TimeIndex::new(vec![0, NAT], *days.time());
    assert!(wrong(&missing, month()).contains("position 1 is missing (NaT)"));

    let error = days.rounded(Rounding::Floor, &Frequency::parse("ME").unwrap());
    assert!(error.unwrap_err().message().contains("no fixed length"));
    assert!(
        days.strftime("%Q")
            .unwrap_err()
            .message()
            .contains("known: %Y")
    );
    assert!(
        days.strftime("a%")
            .unwrap_err()
            .message()
            .contains("unknown directive")
    );
    let convert = |times: &TimeIndex, align, fill| {
        convert_calendar(times, Calendar::Days360, align, fill)
            .unwrap_err()
            .message()
            .to_owned()
    };
    assert!(convert(&days, None, false).contains("align_on"));
    assert!(convert(&days, Some("random"), false).contains("\"date\" or \"year\""));
    assert!(convert(&days.take(&[0, 1, 3]), Some("date"), true).contains("no frequency"));
    assert!(convert(&days.take(&[0, 1]), Some("date"), true).contains("at least 3"));
    assert!(convert(&missing, Some("date"), false).contains("NaT"));
}
