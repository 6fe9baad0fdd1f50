//! Canonical conversations and messages to the public inbox API through trees of `serde_json` values:
//! what mappings/public-inbox says of these records, as a program written for this alone.

use serde_json::{Map, Value, json};

/// What is missing is null.
fn at<'v>(value: &'v Value, key: &str) -> &'v Value {
    value.get(key).unwrap_or(&Value::Null)
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    at(value, key).as_str().unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    at(value, key).as_array().map(Vec::as_slice).unwrap_or_default()
}

fn or(value: &Value, other: Value) -> Value {
    if value.is_null() { other } else { value.clone() }
}

/// An object without the members that are `null` here.
fn without_nulls(value: Value, optional: &[&str]) -> Value {
    let Value::Object(mut members) = value else { return value };
    members.retain(|key, value| !(value.is_null() && optional.contains(&key.as_str())));
    Value::Object(members)
}

fn seconds(moment: &Value) -> i64 {
    let Some(text) = moment.as_str() else { return 0 };
    let number = |from: usize, to: usize| {
        text.get(from..to).and_then(|t| t.parse::<i64>().ok()).unwrap_or(0)
    };
    let (mut year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    if month <= 2 {
        year -= 1;
    }
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    days * 86_400 + number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19)
}

/// Three digits, always.
fn moment(value: &Value) -> Value {
    match value.as_str() {
        Some(text) if text.len() != 24 => format!("{}.000Z", text.get(..19).unwrap_or(text)).into(),
        _ => value.clone(),
    }
}

fn extension(name: &Value) -> Value {
    let found = name.as_str().and_then(|name| name.rsplit_once('.'));
    found.map_or(Value::Null, |(_, extension)| extension.to_lowercase().into())
}

fn item(kind: &str, item: &Value) -> Value {
    match kind {
        "choices" => json!({"title": at(item, "title"), "value": at(item, "value")}),
        "article" => json!({
            "title": at(item, "title"), "description": at(item, "description"), "link": at(item, "url"),
        }),
        "cards" => json!({
            "title": at(item, "title"), "description": at(item, "description"), "media_url": at(item, "image_url"),
            "actions": list(item, "actions").iter().map(action).collect::<Vec<_>>(),
        }),
        _ => form_field(item),
    }
}

fn action(action: &Value) -> Value {
    let kind = match text(action, "kind") {
        "link" | "call" | "webview" => "link",
        _ => "postback",
    };
    without_nulls(
        json!({"type": kind, "text": at(action, "text"), "uri": at(action, "value")}),
        &["uri"],
    )
}

fn form_field(field: &Value) -> Value {
    let kind = match text(field, "kind") {
        "textarea" => "text_area",
        "other" => "text",
        kind => kind,
    };
    let options: Vec<Value> = list(field, "options")
        .iter()
        .map(|option| json!({"label": at(option, "label"), "value": at(option, "value")}))
        .collect();
    let field = json!({
        "type": kind, "name": at(field, "name"), "label": at(field, "label"), "placeholder": at(field, "placeholder"),
        "required": or(at(field, "required"), false.into()), "default": at(field, "default"),
        "options": if options.is_empty() { Value::Null } else { options.into() },
    });
    without_nulls(field, &["placeholder", "default", "options"])
}

fn attachment(block: &Value, message: &Value) -> Option<Value> {
    let number = at(message, "number");
    let account = at(message, "account_number");
    let own = || or(at(block, "number"), number.clone());
    Some(match text(block, "type") {
        kind @ ("image" | "video" | "audio" | "file" | "sticker") => {
            let id = at(block, "attachment_id");
            let file = list(message, "attachments").iter().find(|file| at(file, "id") == id);
            let file = file.unwrap_or(&Value::Null);
            let meta = at(file, "metadata").as_object().filter(|meta| !meta.is_empty());
            let answer = json!({
                "id": at(file, "number"), "message_id": number,
                "file_type": if kind == "sticker" { "file" } else { kind }, "account_id": account,
                "extension": extension(at(file, "file_name")), "data_url": at(file, "url"),
                "thumb_url": or(at(file, "thumb_url"), "".into()), "file_size": at(file, "size"),
                "width": at(file, "width"), "height": at(file, "height"), "fallback_title": at(file, "title"),
                "meta": meta, "transcribed_text": at(file, "transcript"),
            });
            without_nulls(answer, &["fallback_title", "meta", "transcribed_text"])
        }
        "location" => json!({
            "id": own(), "message_id": number, "file_type": "location", "account_id": account,
            "data_url": at(block, "url"), "coordinates_lat": at(block, "latitude"),
            "coordinates_long": at(block, "longitude"),
            "fallback_title": or(at(block, "name"), at(block, "address").clone()),
        }),
        "contact_card" => json!({
            "id": own(), "message_id": number, "file_type": "contact", "account_id": account,
            "fallback_title": at(block, "formatted_name"), "meta": or(at(block, "vcard"), json!({})),
        }),
        "link" => json!({
            "id": own(), "message_id": number, "file_type": "fallback", "account_id": account,
            "data_url": at(block, "url"), "fallback_title": at(block, "title"),
        }),
        _ => return None,
    })
}

fn sender(author: &Value, person: &Value) -> Option<Value> {
    let name = or(at(author, "name"), "".into());
    let picture = or(at(author, "avatar_url"), "".into());
    Some(match text(author, "type") {
        "contact" => json!({
            "id": at(author, "number"), "name": name, "thumbnail": picture, "type": "contact",
            "email": at(author, "email"), "phone_number": at(person, "phone_number"),
            "identifier": at(person, "identifier"), "blocked": or(at(person, "blocked"), false.into()),
            "additional_attributes": or(at(person, "context"), json!({})),
            "custom_attributes": or(at(person, "custom_attributes"), json!({})),
        }),
        "agent" => json!({
            "id": at(author, "number"), "name": name, "avatar_url": picture, "thumbnail": picture, "type": "user",
            "available_name": or(at(author, "display_name"), at(author, "name").clone()),
            "availability_status": at(author, "availability"),
        }),
        "bot" => {
            let answer = json!({
                "id": at(author, "number"), "name": name, "avatar_url": picture, "type": "agent_bot",
                "description": at(author, "description"), "created_at": moment(at(author, "created_at")),
            });
            without_nulls(answer, &["description", "created_at"])
        }
        _ => return None,
    })
}

fn one_message(message: &Value, person: &Value) -> Value {
    let mut attributes = Map::new();
    let mut attachments = Vec::new();
    let mut content_type = None;
    for block in list(message, "blocks") {
        let kind = text(block, "type");
        let special = match kind {
            "choices" => "input_select",
            "csat" => "input_csat",
            "form" | "cards" | "article" => kind,
            _ => {
                attachments.extend(attachment(block, message));
                continue;
            }
        };
        content_type.get_or_insert(special);
        if kind == "csat" {
            if !at(block, "display").is_null() {
                attributes.insert("display_type".to_owned(), at(block, "display").clone());
            }
            let rated = json!({"feedback_message": at(block, "comment"), "rating": at(at(block, "rating"), "value")});
            let rated = without_nulls(rated, &["feedback_message", "rating"]);
            if rated.as_object().is_some_and(|rated| !rated.is_empty()) {
                attributes
                    .insert("submitted_values".to_owned(), json!({"csat_survey_response": rated}));
            }
        } else if !attributes.contains_key("items") {
            let items = list(block, if kind == "form" { "fields" } else { "items" });
            attributes.insert("items".to_owned(), items.iter().map(|i| item(kind, i)).collect());
        }
    }
    if !at(message, "in_reply_to_number").is_null() {
        attributes.insert("in_reply_to".to_owned(), at(message, "in_reply_to_number").clone());
    }
    if !at(message, "deleted_at").is_null() {
        attributes.insert("deleted".to_owned(), true.into());
    }
    let message_type = match text(message, "kind") {
        "incoming" => 0,
        "activity" => 2,
        "template" => 3,
        _ => 1,
    };
    let answer = json!({
        "id": at(message, "number"), "content": at(at(message, "body"), "text"), "message_type": message_type,
        "content_type": content_type.unwrap_or("text"), "content_attributes": attributes,
        "created_at": seconds(at(message, "created_at")), "conversation_id": at(message, "conversation_number"),
        "attachments": if attachments.is_empty() { Value::Null } else { attachments.into() },
        "sender": sender(at(message, "author"), person),
    });
    without_nulls(answer, &["attachments", "sender"])
}

/// A conversation as the contact sees it.
#[must_use]
pub fn conversation(body: &[u8]) -> Option<Vec<u8>> {
    let whole: Value = serde_json::from_slice(body).ok()?;
    let person = at(&whole, "contact");
    let shown = |message: &&Value| {
        text(message, "visibility") == "public"
            && matches!(text(message, "kind"), "incoming" | "outgoing" | "template")
    };
    let messages: Vec<Value> = list(&whole, "messages")
        .iter()
        .filter(shown)
        .map(|message| one_message(message, person))
        .collect();
    let status = match text(&whole, "status") {
        "closed" => "resolved",
        status => status,
    };
    let answer = json!({
        "id": at(&whole, "number"), "uuid": at(&whole, "uuid"), "inbox_id": at(&whole, "inbox_number"),
        "contact_last_seen_at": seconds(at(&whole, "contact_last_seen_at")), "status": status,
        "agent_last_seen_at": seconds(at(&whole, "agent_last_seen_at")), "messages": messages,
        "contact": contact(person),
    });
    serde_json::to_vec(&answer).ok()
}

fn contact(person: &Value) -> Value {
    json!({
        "id": at(person, "number"), "name": or(at(person, "name"), "".into()), "email": at(person, "email"),
        "phone_number": at(person, "phone_number"), "identifier": at(person, "identifier"),
        "blocked": at(person, "blocked"), "additional_attributes": at(person, "context"),
        "custom_attributes": at(person, "custom_attributes"), "contact_type": at(person, "contact_type"),
        "country_code": at(person, "country_code"), "last_activity_at": moment(at(person, "last_activity_at")),
        "created_at": moment(at(person, "created_at")), "updated_at": moment(at(person, "updated_at")),
        "last_name": or(at(person, "last_name"), "".into()), "middle_name": or(at(person, "middle_name"), "".into()),
        "location": at(person, "location"), "account_id": at(person, "account_number"),
        "company_id": at(person, "company_number"), "label_list": at(person, "labels"),
    })
}

/// A message that was made, with what the conversation knows of its contact.
#[must_use]
pub fn message(message: &[u8], conversation: &[u8]) -> Option<Vec<u8>> {
    let message: Value = serde_json::from_slice(message).ok()?;
    let conversation: Value = serde_json::from_slice(conversation).ok()?;
    serde_json::to_vec(&one_message(&message, at(&conversation, "contact"))).ok()
}

/// A message to be made.
#[must_use]
pub fn message_create(body: &[u8]) -> Option<Vec<u8>> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let call = json!({"kind": "incoming", "text": at(&body, "content"), "client_reference": at(&body, "echo_id")});
    serde_json::to_vec(&without_nulls(call, &["text", "client_reference"])).ok()
}
