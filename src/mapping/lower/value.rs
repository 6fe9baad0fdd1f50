//! Single values: codecs, enum tables, raw subtrees, copies, in both directions.

use std::sync::atomic::Ordering;

use crate::canonical::contract::Kind;
use crate::json::place::Hop;
use crate::mapping::document::codecs;
use crate::mapping::document::{
    EnumTable, Json, Only, PlaceText, Raw, Rule, ValueText, Within, Word, text,
};
use crate::mapping::plan::{Codec, Convert, Emit, EnumOp, Gap, RawBack, Ref, Types, ValueOp};
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
            if codec == Codec::AliasBelow {
                let message = "`alias_below` reads what a client sends, and this is written";
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

    /// A table read from the dialect, and the JSON types it reads.
    pub(super) fn enum_decode(
        &mut self,
        table: &EnumTable,
        record: Option<&crate::mapping::document::Record>,
    ) -> (EnumOp, Types) {
        let folds = self.event(record, "folded");
        let mut types = Types::default();
        let mut rows = Vec::new();
        for (row, fold) in table.decoding() {
            if text::is_null(&row.dialect.0) {
                continue;
            }
            types = types.or(text::type_of(&row.dialect.0));
            let folds = folds.filter(|_| fold);
            rows.push((row.dialect.0.clone(), row.canonical.0.clone(), folds));
        }
        let unknown = table.unknown_as.as_ref().and_then(|(word, _)| {
            let event = self.event(record, "unknown")?;
            types = types.or(Types::ANY);
            Some((word.clone(), event))
        });
        (EnumOp { rows, unknown, raw: None }, types)
    }

    /// The raw sibling of a table, when encoding.
    fn raw_back(
        &mut self,
        table: &EnumTable,
        raw: &PlaceText,
        source: &crate::mapping::document::Source,
        env: &Env<'_>,
    ) -> Option<RawBack> {
        // The sibling stands in the object that the value's own place begins at.
        let mut sibling = raw.clone();
        if let crate::mapping::document::Source::At(place) = source {
            sibling.place.root = place.place.root.clone();
        }
        let holder = self.place(&sibling, env)?;
        let (system, value) = self.raw_members(&holder, raw.span)?;
        Some(RawBack {
            system: system.at,
            value: value.at,
            ours: text::quoted(&self.lib.settings.system),
            back: table
                .decoding()
                .map(|(r, _)| (r.dialect.0.clone(), r.canonical.0.clone()))
                .collect(),
        })
    }

    /// `system` and `value` of a raw sibling.
    pub(super) fn raw_members(&mut self, c: &Cursor, span: Span) -> Option<(Cursor, Cursor)> {
        let mut member = |name: &str| {
            let hop = Hop::Member(name.into());
            match c.ty.step(self.contract(), &hop) {
                Ok((ty, _)) => Some(self.down(c, &hop, ty)),
                Err(_) => None,
            }
        };
        let found = member("system").zip(member("value"));
        if found.is_none() {
            let is = c.ty.describe(self.contract());
            self.error(Diagnostic::error(
                Code::TypeMismatch,
                span,
                format!("a raw value is an object of `system` and `value`, but this is {is}"),
            ));
        }
        found
    }

    /// An enum table by its name, in a direction.
    pub(super) fn table(&mut self, name: &Word, direction: Only) -> Option<&'l EnumTable> {
        let lib = self.lib;
        let Some(table) = lib.enums.iter().find(|e| e.name.0 == name.0) else {
            if !lib.is_lost(&name.0) {
                let known = lib.enums.iter().map(|e| &*e.name.0);
                self.error(
                    Diagnostic::error(
                        Code::UnknownEnum,
                        name.1,
                        format!("there is no enum table `{}`", name.0),
                    )
                    .suggest(closest(&name.0, known)),
                );
            }
            self.failed = true;
            return None;
        };
        if self.mark {
            table.used.store(true, Ordering::Relaxed);
        }
        if table.only.is_some_and(|only| only != direction) {
            let (is, due) = match direction {
                Only::Encode => ("decode", "encode"),
                Only::Decode => ("encode", "decode"),
            };
            self.error(
                Diagnostic::error(
                    Code::NotInvertible,
                    name.1,
                    format!("the table `{}` is `only: {is}`, but here it must {due}", name.0),
                )
                .related(table.name.1, "defined here"),
            );
            return None;
        }
        Some(table)
    }

    /// Whether a table is of the words that stand at its place.
    pub(super) fn table_fits(&mut self, table: &EnumTable, ty: &Ty, span: Span) -> Option<()> {
        if let Some(row) = table.decoding().map(|(r, _)| r).find(|r| r.lists()) {
            let message = "several values at once are for a parameter that is a list";
            self.error(
                Diagnostic::error(Code::TypeMismatch, row.canonical.1, message)
                    .related(span, "here one value is due"),
            );
            return None;
        }
        self.words_fit(table, ty, span)
    }

    /// The same where a list of such words stands: one word of theirs is one value of it or several.
    /// Null is none.
    pub(super) fn table_of_list(
        &mut self,
        table: &EnumTable,
        item: &Ty,
        span: Span,
    ) -> Option<(EnumOp, Types)> {
        self.words_fit(table, item, span)?;
        let (mut op, types) = self.enum_decode(table, None);
        for (_, canonical, _) in &mut op.rows {
            if !text::is_null(canonical) {
                *canonical = listed(canonical);
            }
        }
        Some((op, types))
    }

    fn words_fit(&mut self, table: &EnumTable, ty: &Ty, span: Span) -> Option<()> {
        let Some(own) = self.lib.enum_type(table, self.d) else {
            self.failed = true;
            return None;
        };
        let types = ty.types(self.contract());
        let (mine, theirs) = (own.words(self.contract()), ty.words(self.contract()));
        let words = |a: &[Box<str>], b: &[Box<str>]| a.iter().all(|w| b.contains(w));
        let fits = match (&own, mine.is_empty(), theirs.is_empty()) {
            // A table without a type: its words must be words of the place.
            (Ty::Any, ..) | (_, true, _) => {
                theirs.is_empty()
                    || table.encoding().chain(table.decoding()).all(|(r, _)| {
                        let word =
                            |value: &Json| theirs.iter().any(|w| *text::quoted(w) == **value);
                        text::is_null(&r.canonical.0) || r.values().iter().all(word)
                    })
            }
            (_, false, false) => words(&theirs, &mine),
            (_, false, true) => types == Types::ANY,
        };
        if fits && types.0 & (Types::STRING.0 | Types::NUMBER.0 | Types::BOOLEAN.0) != 0 {
            return Some(());
        }
        let (mine, theirs) = (own.describe(self.contract()), ty.describe(self.contract()));
        self.error(
            Diagnostic::error(
                Code::TypeMismatch,
                span,
                format!("the table `{}` is of {mine}, but here stands {theirs}", table.name.0),
            )
            .related(table.name.1, "defined here"),
        );
        None
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
