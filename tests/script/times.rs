//! Times and resampling in scripts: `date_range`, `dt`, `resample`, other calendars.

use super::{fails, prints};

/// `a` along eight days from 2000-02-26, `b` in the calendar noleap.
const DAYS: &str = "let v = array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);\n\
    let a = v.data_array([\"time\"], #{ time: date_range(\"2000-02-26\", #{ periods: 8 }) }).rename(\"a\");\n\
    let b = v.data_array([\"time\"], #{ time: date_range(\"2000-02-26\", (), 8, \"D\", \"noleap\") }).rename(\"b\");\n";

#[track_caller]
fn gives(source: &str, expected: &[&str]) {
    assert_eq!(prints(&format!("{DAYS}{source}")), expected, "{source}");
}

#[test]
fn times_have_components_texts_and_arithmetic() {
    gives(
        "print(a.time.dt.day.max()); print(a.time.dt.days_in_month.sum()); print(a.time.dt.is_month_end.sum());",
        &["29", "240", "1"],
    );
    gives(
        "print(b.time.dt.month.sum()); print(b.time.calendar); print(a.time.dt.calendar); print(b.time.size);",
        &["21", "noleap", "proleptic_gregorian", "8"],
    );
    gives(
        "print(b.time.strftime(\"%d.%m.\")[3]); print(a.time.dt.season[0]); print(a.time.dt.isocalendar().week.max());",
        &["01.03.", "DJF", "9"],
    );
    gives(
        "print((b.time > \"2000-02-28\").sum()); print((\"2000-02-28\" >= b.time).sum()); print((b.time != b.time).any());",
        &["5", "3", "false"],
    );
    gives(
        "print(b.time + \"36h\"); print((b.time - \"2000-02-26\").dtype); print((b.time - \"1D\").dt.day.min());",
        &[
            "<hyperslab.Times \"time\" (noleap), 8 of them: 2000-02-27T12:00:00, 2000-02-28T12:00:00, \
             2000-03-01T12:00:00, 2000-03-02T12:00:00, 2000-03-03T12:00:00, 2000-03-04T12:00:00, …>",
            "timedelta64[ns]",
            "1",
        ],
    );
    gives(
        "let t = date_range(\"2000-01-31T05:30\", #{ periods: 3, freq: \"ME\", calendar: \"julian\" }); print(t.floor(\"D\").hour.sum()); \
         print(t.ceil(\"D\").day.sum()); print(t.round(\"h\").hour.max()); print(infer_freq(t)); print(t.shift(1).month.max());",
        &["0", "3", "6", "ME", "4"],
    );
    gives(
        "let t = date_range(#{ start: \"2000\", end: \"2001\", freq: \"QS-DEC\" }); print(t.size); print(t.data_array().dtype); \
         print(t.dt.decimal_year.dtype); print(infer_freq(date_range(\"2000\", (), 3, \"90min\")));",
        &["4", "datetime64[ns]", "float64", "90min"],
    );
}

#[test]
fn resampling_goes_down_and_up() {
    gives(
        "let m = a.resample(#{ time: \"ME\" }).sum(); print(m.shape); print(m.max()); print(m.time.dt.day.max()); \
         print(b.resample(\"time\", \"MS\").mean().max());",
        &["[2]", "26.0", "31", "6.0"],
    );
    gives(
        "let r = a.resample(#{ time: \"3D\", closed: \"right\", label: \"right\", origin: \"epoch\", offset: \"1D\" }); \
         print(r.count().sum()); print(r); print(r.std(#{ ddof: 1 }).shape); print(r.sum(#{ min_count: 3 }).count());",
        &[
            "8",
            "<hyperslab.Resample \"time\", 3 groups: 2000-02-27, 2000-03-01, 2000-03-04>",
            "[3]",
            "2",
        ],
    );
    gives(
        "let r = b.resample(#{ time: \"12h\" }); print(r.asfreq().count()); print(r.ffill().sum()); print(r.pad(\"1h\").count()); \
         print(r.bfill(#{ tolerance: \"12h\" }).count()); print(r.backfill().max()); print(r.nearest().sum()); \
         print(r.interpolate().sum()); print(r.interpolate(\"nearest\").sum());",
        &["8", "64.0", "8", "15", "8.0", "71.0", "67.5", "64.0"],
    );
    gives(
        "let d = dataset([a, (a * 2).rename(\"c\")]).resample(#{ time: \"5D\" }); print(d.sum().c.max()); print(d.first().a.max()); \
         print(d.ffill().c.shape); print(d.interpolate().a.max()); print(d);",
        &[
            "42.0",
            "6.0",
            "[2]",
            "6.0",
            "<hyperslab.Resample \"time\", 2 groups: 2000-02-26, 2000-03-02>",
        ],
    );
    gives(
        "print(a.convert_calendar(\"noleap\").sum()); print(b.convert_calendar(\"standard\", #{ missing: 0 }).size); \
         print(a.convert_calendar(\"360_day\", \"time\", \"year\").time.calendar); \
         print(dataset([a]).convert_calendar(\"noleap\").a.size);",
        &["32.0", "9", "360_day", "7"],
    );
    gives(
        "let t = date_range(\"2000-02-27\", #{ periods: 3, calendar: \"all_leap\" }); print(a.interp_calendar(t).sum()); \
         print(dataset([b]).interp_calendar(t).b.shape); print(b.sel(#{ time: \"2000-03\" }).size);",
        &["9.0", "[3]", "5"],
    );
}

#[test]
fn wrong_times_raise_at_their_line() {
    for (source, text) in [
        (
            "a.resample(#{ time: \"M\" });",
            "\"M\" is an old spelling; write \"ME\"",
        ),
        ("a.resample(#{ time: \"ME\", x: \"D\" });", "2 dimensions"),
        ("a.resample(#{ closed: \"left\" });", "0 dimensions ()"),
        ("a.resample(#{ time: \"ME\", closd: \"left\" });", "closd"),
        (
            "a.resample(\"time\", \"ME\", #{ closd: \"left\" });",
            "unknown option \"closd\"; known: closed",
        ),
        ("a.resample(#{ time: 3 });", "the integer 3"),
        (
            "a.resample(#{ time: \"ME\", label: \"up\" });",
            "give \"left\" or \"right\"",
        ),
        (
            "a.resample(#{ tme: \"ME\" });",
            "unknown dimension \"tme\" of a; known: time",
        ),
        (
            "a.resample(#{ time: \"ME\" }) + 1;",
            "a Resample (reduce it first",
        ),
        (
            "a.resample(#{ time: \"ME\" }).mean(#{ min_count: 2 });",
            "unknown option \"min_count\"",
        ),
        (
            "a.resample(#{ time: \"1h\" }).interpolate(\"cubic\");",
            "known: linear, nearest",
        ),
        (
            "a.resample(#{ time: \"1h\" }).ffill(\"ME\");",
            "no length of time",
        ),
        (
            "date_range(\"2000-02-30\", (), 3, \"D\", \"noleap\");",
            "not a date of the noleap calendar",
        ),
        ("date_range(\"2000\");", "give exactly three"),
        (
            "date_range(\"2000\", #{ periods: 3, calendar: \"lunar\" });",
            "unknown calendar \"lunar\"",
        ),
        ("date_range(\"2000\", #{ periods: -3 });", "the length -3"),
        ("a.dt;", "not of times"),
        (
            "a.time.dt.yaer;",
            "times have no property \"yaer\"; known: year",
        ),
        ("a.time.dt.floor(\"ME\");", "no fixed length"),
        ("a.time.dt.strftime(\"%Q\");", "unknown directive \"%Q\""),
        ("b.time == a;", "not of times"),
        ("b.time == 3;", "the integer 3"),
        ("b.time * 2;", "times are compared"),
        (
            "b.time > a.time;",
            "calendars noleap and proleptic_gregorian",
        ),
        ("b.time + \"ten\";", "unknown name \"ten\""),
        (
            "b.time > \"2000-02-29\";",
            "not a date of the noleap calendar",
        ),
        (
            "b.time.data_array();",
            "noleap calendar, which are not computed",
        ),
        ("a.convert_calendar(\"360_day\");", "align_on"),
        ("infer_freq(3);", "the integer 3"),
        ("a.interp_calendar(3);", "the integer 3"),
        (
            "b.sel(#{ time: \"2000-02-29\" });",
            "not a date of the noleap calendar",
        ),
    ] {
        let error = fails(&format!("{DAYS}{source}"));
        assert!(
            error.to_string().contains(text),
            "{source}\n{error}\nexpected {text}"
        );
        assert!(error.message().starts_with("job.rhai:4:"), "{error}");
    }
}
