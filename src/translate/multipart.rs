//! `multipart/form-data`: its text parts are the values of a form.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{future, stream};
use multer::Multipart;

use crate::canonical::{FieldProblem, Problem, ProblemCode};
use crate::dialect::form::Guide;
use crate::error::Error;

use super::form::Form;

/// A body, whole and bounded, as JSON.
///
/// # Errors
/// 400 where it is none, 422 where a part is a file.
pub async fn read(body: Bytes, boundary: &str, guide: &Guide) -> Result<Bytes, Error> {
    let whole = stream::once(future::ready(Ok::<_, Infallible>(body)));
    let mut parts = Multipart::new(whole, boundary);
    let (mut form, mut files) = (Form::default(), Vec::new());
    while let Some(part) = parts.next_field().await.map_err(refuse)? {
        let name = part.name().unwrap_or_default().to_owned();
        let file = part.file_name().map(str::is_empty);
        let text = part.bytes().await.map_err(refuse)?;
        match file {
            // What a browser sends where no file was chosen.
            Some(true) if text.is_empty() => {}
            Some(_) if files.len() < 16 => files.push(name),
            Some(_) => {}
            None => {
                form.add(&name, utf8(text.into())?)?;
            }
        }
    }
    if files.is_empty() {
        return Ok(form.json(guide));
    }
    let mut problem = Problem::new(ProblemCode::ValidationFailed);
    problem.errors = files.into_iter().map(is_a_file).collect();
    Err(problem.into())
}

/// The text of a part.
pub(super) fn utf8(text: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(text)
        .map_err(|_| Problem::new(ProblemCode::BadRequest).detail("A text part is UTF-8").into())
}

pub(super) fn is_a_file(name: String) -> FieldProblem {
    // `attachments[]` is the field `attachments`.
    let field: String = name.trim_end_matches("[]").chars().take(64).collect();
    FieldProblem {
        field: Some(field),
        code: "file".to_owned(),
        detail: "is a file, and files are not taken here".to_owned(),
        ..FieldProblem::default()
    }
}

pub(super) fn refuse(error: multer::Error) -> Error {
    Error::from(Problem::new(ProblemCode::BadRequest).detail("The body is no multipart form"))
        .within(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn made(parts: &str) -> Result<String, Problem> {
        let body = format!("{parts}--B--\r\n").replace('\n', "\r\n").replace("\r\r", "\r");
        let read = read(body.into(), "B", &Guide::default()).await;
        read.map(|b| String::from_utf8(b.into()).unwrap()).map_err(Error::into_problem)
    }

    #[tokio::test]
    async fn text_parts_are_the_values_of_a_form() {
        let parts = "--B\nContent-Disposition: form-data; name=\"content\"\n\nHello\n\
            --B\nContent-Disposition: form-data; name=\"labels[]\"\n\na\n\
            --B\nContent-Disposition: form-data; name=\"labels[]\"\n\nb\n\
            --B\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\n\n\n";
        assert_eq!(made(parts).await.unwrap(), r#"{"content":"Hello","labels":["a","b"]}"#);
    }

    #[tokio::test]
    async fn a_file_is_refused_by_its_name_and_what_is_no_form_as_a_whole() {
        let file = "--B\nContent-Disposition: form-data; name=\"attachments[]\"; \
            filename=\"a.png\"\nContent-Type: image/png\n\nxx\n";
        let problem = made(file).await.unwrap_err();
        assert_eq!(problem.code, ProblemCode::ValidationFailed);
        assert_eq!(problem.errors[0].field.as_deref(), Some("attachments"));
        let cut = read("--B\r\nContent-Dis".into(), "B", &Guide::default()).await;
        assert_eq!(cut.unwrap_err().into_problem().code, ProblemCode::BadRequest);
        let latin = b"--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\xE9\r\n--B--\r\n";
        let read = read(Bytes::from_static(latin), "B", &Guide::default()).await;
        assert_eq!(read.unwrap_err().into_problem().code, ProblemCode::BadRequest);
    }
}
