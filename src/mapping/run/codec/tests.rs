use super::*;
use proptest::prelude::*;

fn coded(codec: Codec, decode: bool, as_text: bool, token: &str) -> Result<String, Refusal> {
    let mut out = Vec::new();
    let coded = convert(codec, decode, as_text, token, &mut out)?;
    let out = String::from_utf8(out).unwrap();
    assert_eq!(coded == Coded::Null, out == "null");
    Ok(out)
}

#[test]
fn each_codec_writes_both_ways() {
    use Codec as C;
    let t = "\"2024-05-06T07:08:09.120Z\"";
    for (codec, encoded, decoded) in [
        (C::UnixSeconds, "1714979289", "\"2024-05-06T07:08:09.000Z\""),
        (C::UnixFloat, "1714979289.12", t),
        (C::Rfc3339Seconds, "\"2024-05-06T07:08:09Z\"", "\"2024-05-06T07:08:09.000Z\""),
        (C::Rfc3339Millis, t, t),
        (C::Rfc3339Micros, "\"2024-05-06T07:08:09.120000Z\"", t),
    ] {
        assert_eq!(coded(codec, false, false, t).as_deref(), Ok(encoded), "{codec:?}");
        assert_eq!(coded(codec, true, false, encoded).as_deref(), Ok(decoded), "{codec:?}");
        assert!(coded(codec, false, false, "\"yesterday\"").is_err());
        assert!(coded(codec, true, false, "\"yesterday\"").is_err());
        assert!(coded(codec, true, false, "{}").is_err());
    }
    assert_eq!(coded(C::UnixSeconds, false, true, t).as_deref(), Ok("\"1714979289\""));
    assert_eq!(
        coded(C::UnixSeconds, true, true, "\"1714979289\"").as_deref(),
        Ok("\"2024-05-06T07:08:09.000Z\"")
    );
    for wrong in ["1.5", "1e3", "99999999999999999999", "253402300800", "\"\"", "true"] {
        assert!(coded(C::UnixSeconds, true, false, wrong).is_err(), "{wrong}");
    }
    for (token, float) in [
        ("\"1969-12-31T23:59:59.250Z\"", "-0.75"),
        ("\"1969-12-31T23:59:59.000Z\"", "-1.0"),
        ("\"1970-01-01T00:00:00.000Z\"", "0.0"),
        ("\"1970-01-01T00:00:00.001Z\"", "0.001"),
    ] {
        assert_eq!(coded(C::UnixFloat, false, false, token).as_deref(), Ok(float));
        assert_eq!(coded(C::UnixFloat, true, false, float).as_deref(), Ok(token));
    }
    assert_eq!(
        coded(C::Rfc3339Micros, true, false, "\"2024-05-06T09:08:09.123999+02:00\"").as_deref(),
        Ok("\"2024-05-06T07:08:09.123Z\"")
    );
}

#[test]
fn words_and_numbers() {
    use Codec as C;
    for (codec, decode, token, written) in [
        (C::Phone, true, "4917139200021", Some("\"+4917139200021\"")),
        (C::Phone, true, "\"+4917139200021\"", Some("\"+4917139200021\"")),
        (C::Phone, true, "\"004917139200021\"", None),
        (C::Phone, true, "\"+49 171\"", None),
        (C::Phone, true, "12345", None),
        (C::Phone, true, "1234567890123456", None),
        (C::Phone, true, "-4917139200021", None),
        (C::Phone, true, "true", None),
        (C::PhoneDigits, true, "\"+4917139200021\"", Some("\"4917139200021\"")),
        (C::PhoneDigits, true, "4917139200021", Some("\"4917139200021\"")),
        (C::PhoneDigits, true, "\"+\"", None),
        (C::Date, false, "\"2024-02-29\"", Some("\"2024-02-29\"")),
        (C::Date, true, "\"2024-02-29T23:00:00+01:00\"", Some("\"2024-02-29\"")),
        (C::Date, true, "\"2024-02-29x\"", None),
        (C::Date, true, "\"2023-02-29\"", None),
        (C::Date, true, "20240229", None),
        (C::Alias, true, "5", Some("\"n:5\"")),
        (C::Alias, true, "\"5\"", Some("\"n:5\"")),
        (C::Alias, true, "0", None),
        (C::Alias, true, "-5", None),
        (C::Alias, true, "\"007\"", None),
        (C::Alias, true, "9007199254740991", Some("\"n:9007199254740991\"")),
        (C::Alias, true, "9007199254740992", None),
        (C::Alias, true, "\"cnv_1\"", None),
        (C::Alias, false, "\"n:5\"", Some("5")),
        (C::Alias, false, "\"cnv_1\"", Some("null")),
        (C::Alias, false, "\"n:x\"", Some("null")),
        (C::Lower, true, r#""ÄB\u00c7\n""#, Some(r#""äbç\n""#)),
        (C::Lower, false, "\"AB\"", Some("\"AB\"")),
        (C::Lower, true, "5", None),
        (C::NumberText, false, "12345678901234567890", Some("\"12345678901234567890\"")),
        (C::NumberText, true, "\"12345678901234567890\"", Some("12345678901234567890")),
        (C::NumberText, true, "17", Some("17")),
        (C::NumberText, true, "\"1.50\"", Some("1.50")),
        (C::NumberText, false, "39.46990", Some("\"39.46990\"")),
        (C::NumberText, true, "\"1,5\"", None),
        (C::IntegerText, false, "\"17\"", Some("17")),
        (C::IntegerText, false, "\"017\"", Some("null")),
        (C::IntegerText, false, "\"x\"", Some("null")),
        (C::IntegerText, true, "17", Some("\"17\"")),
        (C::IntegerText, true, "\"17\"", Some("\"17\"")),
        (C::IntegerText, true, "\"x\"", None),
        (C::Text, true, "17", Some("\"17\"")),
        (C::Text, true, r#""a\u0062""#, Some(r#""a\u0062""#)),
        (C::Text, true, "1.5", None),
        (C::Text, true, "true", None),
        (C::Text, false, "\"a\"", Some("\"a\"")),
        (C::FileExtension, false, "\"a.tar.GZ\"", Some("\"gz\"")),
        (C::FileExtension, false, "\".bashrc\"", Some("null")),
        (C::FileExtension, false, "\"dir/.x\"", Some("null")),
        (C::FileExtension, false, "\"name.\"", Some("null")),
        (C::FileExtension, false, "\"Hello. World\"", Some("null")),
        (C::FileExtension, false, "\"\"", Some("null")),
        (C::ClockHour, false, "\"09:30\"", Some("9")),
        (C::ClockMinute, false, "\"09:30\"", Some("30")),
        (C::ClockHour, false, "\"24:00\"", Some("24")),
        (C::ClockMinute, false, "\"24:00\"", Some("0")),
        (C::ClockHour, false, "\"9:30\"", Some("null")),
        (C::ClockMinute, false, "\"09:60\"", Some("null")),
        (C::ClockHour, true, "9", None),
        (C::HoursOffset, true, "5.5", Some("\"+05:30\"")),
        (C::HoursOffset, true, "\"-3.5\"", Some("\"-03:30\"")),
        (C::HoursOffset, true, "0", Some("\"+00:00\"")),
        (C::HoursOffset, true, "-0", Some("\"+00:00\"")),
        (C::HoursOffset, true, "5.75", Some("\"+05:45\"")),
        (C::HoursOffset, true, "0.3333", Some("\"+00:20\"")),
        (C::HoursOffset, true, "14", Some("\"+14:00\"")),
        (C::HoursOffset, true, "24", None),
        (C::HoursOffset, true, "5.51", None),
        (C::HoursOffset, true, "1e1", None),
        (C::HoursOffset, true, "\"\"", None),
        (C::HoursOffset, true, "\"NaN\"", None),
        (C::HoursOffset, false, "\"+05:30\"", Some("5.5")),
        (C::HoursOffset, false, "\"-03:30\"", Some("-3.5")),
        (C::HoursOffset, false, "\"-00:00\"", Some("0")),
        (C::HoursOffset, false, "\"+10:00\"", Some("10")),
        (C::HoursOffset, false, "\"-00:20\"", Some("-0.3333")),
        (C::HoursOffset, false, "\"Europe/Madrid\"", Some("null")),
        (C::HoursOffset, false, "\"+5:30\"", Some("null")),
        (C::AtMost(10), false, "9", Some("9")),
        (C::AtMost(10), false, "10", Some("10")),
        (C::AtMost(10), false, "11", Some("10")),
        (C::AtMost(10), false, "-11", Some("-11")),
        (C::AtMost(10), false, "99999999999999999999", Some("10")),
        (C::AtMost(10), false, "1.5", None),
        (C::AtMost(10), true, "9", None),
        (slug(), true, "\"hand\\u0062ook\"", Some("\"x:slug:handbook\"")),
        (slug(), true, "\"\"", None),
        (slug(), true, "5", None),
        (slug(), true, "\"a\\nb\"", None),
        (slug(), false, "\"x:slug:hand\\\"book\"", Some("\"hand\\\"book\"")),
        (slug(), false, "\"x:slug:\"", Some("null")),
        (slug(), false, "\"x:key:handbook\"", Some("null")),
        (slug(), false, "\"n:5\"", Some("null")),
    ] {
        let found = coded(codec, decode, false, token).ok();
        assert_eq!(found.as_deref(), written, "{codec:?} decode={decode} {token}");
    }
    assert_eq!(coded(C::Alias, false, true, "\"n:5\"").as_deref(), Ok("\"5\""));
}

fn slug() -> Codec {
    Codec::Named(crate::mapping::plan::Naming::new("slug").unwrap())
}

proptest! {
    /// Whatever the token, a codec writes JSON or refuses.
    #[test]
    fn what_is_written_is_json(
        text in "\\PC{0,12}|[0-9.:TZ+-]{0,30}", number in any::<i64>(), decode: bool, as_text: bool,
    ) {
        use Codec as C;
        for token in [serde_json::to_string(&text).unwrap(), number.to_string(), "[1]".into()] {
            for codec in [C::UnixSeconds, C::UnixFloat, C::Rfc3339Seconds, C::Rfc3339Millis,
                C::Rfc3339Micros, C::Date, C::Alias, C::Lower, C::NumberText, C::IntegerText, C::Text,
                C::FileExtension, C::ClockHour, C::ClockMinute, C::HoursOffset, C::AtMost(10), slug()] {
                if let Ok(out) = coded(codec, decode, as_text, &token) {
                    prop_assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "{codec:?} {token} {out}");
                }
            }
        }
    }
}
