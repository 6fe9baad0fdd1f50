//! Single values: codecs, words of tables, raw subtrees, copies, in both directions.

use crate::canonical::contract::Kind;
use crate::mapping::document::codecs;
use crate::mapping::document::{Json, Only, Raw, Rule, ValueText, Within, text};
use crate::mapping::plan::{Codec, Convert, Emit, EnumOp, Gap, Ref, Types, ValueOp};
use crate::mapping::types::{Ty, name_types};
use crate::syntax::{Code, Diagnostic, Span, closest};

use super::decode::Aim;
use super::{Cursor, Env, Lower, Mode};

impl<'l> Lower<'l, '_> {
    pub(super) fn encode_value(
        &mut self,
        field: &str,
        c: &Cursor,
        value: &ValueText,
        rule: &Rule,
        env: &Env<'_>,
    ) -> Option<Emit> {
        if let Some(within) = value.within {
            let message = "`within` reads what a client sends, and this is written";
            self.error(Diagnostic::error(Code::UnknownOperator, within.span, message));
            return None;
        }
        let (mut when_null, mut when_absent) = self.encode_gaps(&rule.presence, env.record, c);
        let mut accept = c.ty.types(self.contract());
        let convert = if let Some((codec, span)) = value.codec {
            if codecs::only_reads(codec) {
                let name = codecs::codec_name(codec);
                let message = format!("`{name}` reads what a client sends, and this is written");
                self.error(Diagnostic::error(Code::UnknownOperator, span, message));
            }
            self.codec_fits(codec, &c.ty, span);
            accept = codecs::codec_types(codec).0;
            Convert::Codec { codec, decode: false, text: value.write_text }
        } else if let Some(name) = &value.table {
            let table = self.table(name, Only::Encode)?;
            self.table_fits(table, &c.ty, name.1)?;
            if let Some(row) = table.encoding().find(|(r, _)| text::is_null(&r.canonical.0))
                && when_null == Gap::Null
            {
                when_null = Gap::Const(row.0.dialect.0.clone(), None);
                when_absent = when_null.clone();
            }
            let raw = match (&table.raw, &rule.source) {
                (Some(raw), source) => self.raw_back(table, raw, source, env),
                _ => None,
            };
            let folds = self.event(env.record, "folded");
            accept = Types::ANY;
            Convert::Enum(Box::new(EnumOp {
                rows: table
                    .encoding()
                    .filter(|(r, _)| !text::is_null(&r.canonical.0))
                    .map(|(r, fold)| {
                        (r.canonical.0.clone(), r.dialect.0.clone(), folds.filter(|_| fold))
                    })
                    .collect(),
                unknown: None,
                raw,
            }))
        } else if let Some(raw) = value.raw {
            self.raw_fits(raw, &c.ty, rule.span);
            self.copied(c, rule.span);
            raw_convert(raw)
        } else {
            self.copied(c, rule.span);
            if value.write_text && !accept.has(Types::STRING) {
                self.number_text(&c.ty, rule.span);
                accept = Types::NUMBER;
                Convert::Codec { codec: Codec::NumberText, decode: false, text: true }
            } else {
                Convert::Copy
            }
        };
        if accept == Types::default() {
            accept = Types::ANY;
        }
        if matches!(convert, Convert::Copy) && accept == Types::LIST && self.of_texts(&c.ty) {
            accept = Types::TEXTS;
        }
        Some(Emit::Value(Box::new(ValueOp {
            from: vec![c.at],
            site: self.site(c, field, rule.span),
            accept,
            convert,
            also_null: Vec::new(),
            ignore: Vec::new(),
            when_null,
            when_absent,
            check: None,
        })))
    }

    /// Whether a list of the contract holds texts and nothing else.
    fn of_texts(&self, ty: &Ty) -> bool {
        let kind = ty.schema().map(|id| &self.contract().schema(id).kind);
        let Some(Kind::List { items, .. }) = kind else { return false };
        let items = self.contract().schema(*items);
        matches!(items.kind, Kind::String(_)) && !items.nullable
    }

    /// A value of the dialect becomes a canonical one. `also` are further keys of the same place.
    #[expect(clippy::too_many_arguments, reason = "one value, and all that is said about it")]
    pub(super) fn decode_value(
        &mut self,
        field: &str,
        d: &Cursor,
        also: &[Ref],
        value: &ValueText,
        rule: &Rule,
        aim: &Aim<'_>,
        target: (&Ty, (Gap, Gap)),
    ) -> Option<Emit> {
        let (ty, (mut when_null, when_absent)) = target;
        let mut own = ty.types(self.contract());
        let convert = if let Some((codec, span)) = value.codec {
            use Codec::{AtMost, ClockHour, ClockMinute, FileExtension};
            if matches!(codec, FileExtension | ClockHour | ClockMinute | AtMost(_)) {
                return None;
            }
            self.codec_fits(codec, ty, span);
            own = codecs::codec_types(codec).1;
            if value.write_text || codec == Codec::Text {
                own = own.or(Types::STRING).or(Types::INTEGER);
            }
            if codec == Codec::NumberText {
                own = Types::STRING.or(Types::NUMBER);
            }
            Convert::Codec { codec, decode: true, text: value.write_text }
        } else if let Some(name) = &value.table {
            let table = self.table(name, Only::Decode)?;
            self.table_fits(table, ty, name.1)?;
            if let Some((row, _)) = table.decoding().find(|(r, _)| text::is_null(&r.dialect.0)) {
                when_null = Gap::Const(row.canonical.0.clone(), None);
            }
            let (op, types) = self.enum_decode(table, aim.record);
            own = types;
            Convert::Enum(Box::new(op))
        } else if let Some(within) = value.within {
            self.counts(ty, within.span);
            own = Types::ANY;
            within.convert()
        } else if let Some(raw) = value.raw {
            self.raw_fits(raw, ty, rule.span);
            own = match raw {
                Raw::Object => Types::OBJECT.or(Types::LIST),
                Raw::List => Types::LIST,
                Raw::Any => Types::ANY,
            };
            raw_convert(raw)
        } else if value.write_text && !own.has(Types::STRING) {
            self.number_text(ty, rule.span);
            own = Types::STRING.or(Types::NUMBER);
            Convert::Codec { codec: Codec::NumberText, decode: true, text: true }
        } else if own == Types::STRING && value.accept.has(Types::INTEGER) {
            Convert::Codec { codec: Codec::Text, decode: true, text: false }
        } else if own.has(Types::INTEGER)
            && !own.has(Types::STRING)
            && value.accept.has(Types::STRING)
        {
            Convert::Codec { codec: Codec::NumberText, decode: true, text: true }
        } else {
            Convert::Copy
        };
        let accept = match own.or(value.accept) {
            types if types == Types::default() => Types::ANY,
            types => types,
        };
        let mut from = vec![d.at];
        from.extend(also);
        let mut also_null = rule.presence.also_null.clone();
        also_null.extend(rule.presence.null_as.as_ref().map(text::json));
        also_null.retain(|json| !text::is_null(json));
        Some(Emit::Value(Box::new(ValueOp {
            from,
            site: self.site(d, field, rule.span),
            accept,
            convert,
            also_null,
            ignore: rule.presence.ignore.clone(),
            when_null,
            when_absent,
            check: ty.schema(),
        })))
    }

    /// Reports a codec whose canonical side is of another type.
    pub(super) fn codec_fits(&mut self, codec: Codec, ty: &Ty, span: Span) {
        let types = ty.types(self.contract());
        let due = codecs::codec_types(codec).0;
        let is = ty.describe(self.contract());
        let name = codecs::codec_name(codec);
        if types.0 & due.0 == 0 {
            let message =
                format!("the codec `{name}` is for {}, but here stands {is}", name_types(due));
            self.error(Diagnostic::error(Code::TypeMismatch, span, message));
            return;
        }
        if !codecs::is_time(codec) || types == Types::ANY {
            return;
        }
        let format = ty.format(self.contract());
        if !matches!(format.as_deref(), Some("date-time" | "date")) {
            let message = format!("the codec `{name}` is for times, but here stands {is}");
            self.error(
                Diagnostic::error(Code::TypeMismatch, span, message)
                    .help("the contract marks times with `format: date-time` or `format: date`"),
            );
        }
    }

    fn raw_fits(&mut self, raw: Raw, ty: &Ty, span: Span) {
        let due = match raw {
            Raw::Object => Types::OBJECT,
            Raw::List => Types::LIST,
            Raw::Any => return,
        };
        if ty.types(self.contract()).0 & due.0 == 0 {
            let is = ty.describe(self.contract());
            let message = format!("`raw` is for {} here, but this is {is}", name_types(due));
            self.error(Diagnostic::error(Code::TypeMismatch, span, message));
        }
    }

    /// Reports a place that holds no whole number.
    pub(super) fn counts(&mut self, ty: &Ty, span: Span) {
        if !ty.types(self.contract()).has(Types::INTEGER) {
            let is = ty.describe(self.contract());
            let message = format!("`within` reads a whole number, but this is {is}");
            self.error(Diagnostic::error(Code::TypeMismatch, span, message));
        }
    }

    fn number_text(&mut self, ty: &Ty, span: Span) {
        if ty.types(self.contract()).0 & Types::NUMBER.0 == 0 {
            let is = ty.describe(self.contract());
            let message = format!("`write: string` is for numbers and codecs, but this is {is}");
            self.error(Diagnostic::error(Code::TypeMismatch, span, message));
        }
    }

    /// What null and absence give when decoding into a place: `required` it must be there, `hollow`
    /// something above it may be null or missing.
    pub(super) fn decode_gaps(
        &mut self,
        rule: &Rule,
        ty: &Ty,
        required: bool,
        hollow: bool,
    ) -> (Gap, Gap) {
        if rule.presence.required {
            return (Gap::Refuse, Gap::Refuse);
        }
        let nullable = ty.nullable(self.contract());
        // `[]`, or `{}` where the contract asks for no member.
        let empty = if nullable { None } else { self.completion(ty) };
        let when_null = match (nullable, self.mode, empty) {
            (true, ..) => Gap::Null,
            // What was not there when it was written is not there again.
            (_, Mode::Answer, _) if !required => Gap::Absent,
            (_, Mode::Answer, Some(empty)) => Gap::Const(empty, None),
            (_, Mode::Answer, None) if hollow => Gap::Null,
            _ => Gap::Refuse,
        };
        let missing = rule.presence.missing_as.as_ref();
        let when_absent = match (self.mode, missing) {
            (Mode::Patch, _) => Gap::Absent,
            (_, Some(node)) => Gap::Const(self.missing(rule, node), None),
            (_, None) if !required => match (self.mode, nullable) {
                (Mode::Answer, true) => Gap::Null,
                _ => Gap::Absent,
            },
            (_, None) if nullable => Gap::Null,
            (Mode::Answer, None) => when_null.clone(),
            (_, None) if hollow => Gap::Absent,
            _ => Gap::Refuse,
        };
        (when_null, when_absent)
    }

    /// What `missing_as` gives: a word of the dialect where a table stands beside it.
    pub(super) fn missing(&mut self, rule: &Rule, node: &crate::syntax::Node) -> Json {
        let json = text::json(node);
        let crate::mapping::document::Op::Value(ValueText { table: Some(name), .. }) = &rule.op
        else {
            return json;
        };
        let Some(table) = self.lib.enums.iter().find(|e| e.name.0 == name.0) else { return json };
        if let Some((row, _)) = table.decoding().find(|(r, _)| r.dialect.0 == json) {
            return row.canonical.0.clone();
        }
        if !table.decoding().any(|(r, _)| r.canonical.0 == json) {
            let shown = text::show(&json);
            let known: Vec<String> =
                table.decoding().map(|(r, _)| text::show(&r.dialect.0)).collect();
            let near = closest(&shown, known.iter().map(String::as_str));
            let message = format!("the table `{}` has no word `{shown}`", name.0);
            self.error(Diagnostic::error(Code::TypeMismatch, node.span, message).suggest(near));
        }
        json
    }
}

impl Within {
    pub(super) fn convert(self) -> Convert {
        Convert::Within { otherwise: self.otherwise, most: self.most }
    }
}

/// A value as a list of one; what is a list stays it.
pub(super) fn listed(json: &Json) -> Json {
    match json.starts_with(b"[") {
        true => json.clone(),
        false => [b"[", &**json, b"]"].concat().into(),
    }
}

fn raw_convert(raw: Raw) -> Convert {
    match raw {
        Raw::Object => Convert::RawObject,
        Raw::List => Convert::RawList,
        Raw::Any => Convert::Copy,
    }
}
