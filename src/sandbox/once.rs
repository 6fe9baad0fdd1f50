//! Writes that name an idempotency key: the same request again gets the first one's answer.
//!
//! One thread writes, so two requests with one key never run at the same time; the second one
//! waits, and finds the answer. Only what succeeded is kept: what was refused may be tried again.

use jiff::SignedDuration;
use rusqlite::{OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use crate::canonical::{FieldProblem, Payload, Problem, ProblemCode};
use crate::sandbox::call::{Call, stamp};
use crate::sandbox::desk::Desk;
use crate::sandbox::fault::Fault;

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// Most characters of a key.
const LONGEST: usize = 255;
/// Parameters that may differ between two tries of one request.
const OF_THE_TRY: [&str; 3] = ["Idempotency-Key", "If-Match", "If-None-Match"];

/// Runs a write, or gives the answer it gave before.
pub(super) fn once(
    desk: &Desk<'_>,
    call: &Call<'_>,
    write: impl FnOnce() -> Result<Payload, Fault>,
) -> Result<Payload, Fault> {
    let Some(key) = call.text("Idempotency-Key") else { return write() };
    if key.is_empty() || key.chars().count() > LONGEST {
        let field = FieldProblem {
            header: Some("Idempotency-Key".to_owned()),
            code: "invalid".to_owned(),
            detail: format!("1 to {LONGEST} characters are due"),
            ..FieldProblem::default()
        };
        return Err(Problem::new(ProblemCode::ValidationFailed).field(field).into());
    }
    let oldest = call.now.checked_sub(KEPT).map_or_else(|_| String::new(), stamp);
    desk.db.prepare_cached("DELETE FROM idempotency WHERE created_at < ?1")?.execute([oldest])?;

    let actor = call.actor().to_string();
    let operation = &*call.operation.name;
    let digest = digest(call);
    type Kept = (Vec<u8>, u16, String, Option<String>);
    let kept: Option<Kept> = desk
        .db
        .prepare_cached(
            "SELECT digest, status, answer, revision FROM idempotency
             WHERE actor = ?1 AND operation = ?2 AND key = ?3",
        )?
        .query_row(params![actor, operation, key], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .optional()?;
    if let Some((before, status, answer, revision)) = kept {
        if before != digest {
            return Err(ProblemCode::IdempotencyKeyReused.into());
        }
        return Ok(Payload::new(
            status,
            answer.into_bytes().into(),
            revision.as_deref().map(Into::into),
        ));
    }
    let payload = write()?;
    desk.db
        .prepare_cached("INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")?
        .execute(params![
            actor,
            operation,
            key,
            digest,
            payload.status,
            String::from_utf8_lossy(&payload.body),
            payload.revision.as_deref(),
            desk.now,
        ])?;
    Ok(payload)
}

/// What makes a request the same request: its parameters and its body.
fn digest(call: &Call<'_>) -> Vec<u8> {
    let mut hash = Sha256::new();
    for (position, value) in call.request.params.iter() {
        let parameter = call.operation.parameters.get(usize::from(position));
        if parameter.is_some_and(|p| OF_THE_TRY.iter().any(|n| n.eq_ignore_ascii_case(&p.name))) {
            continue;
        }
        hash.update([position]);
        hash.update((value.len() as u64).to_be_bytes());
        hash.update(value);
    }
    hash.update(&call.request.body);
    if let Some(file) = &call.request.upload {
        hash.update(file.name().unwrap_or_default());
        hash.update([0]);
        hash.update(file.media());
    }
    hash.finalize().to_vec()
}
