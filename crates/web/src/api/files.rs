//! Lists of files, from the mirror. The primary decides who may see one.

use axum::{
    extract::{Path, State as Shared},
    http::HeaderMap,
};
use chainbill_app::{AppError, Page, PageRequest, Unreadable, moment};
use chainbill_domain::{Value, models::STORED_FILES};
use chainbill_mirror::Stored;
use chrono::DateTime;
use serde::{Deserialize, Serialize};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{Answer, freshness, listed, with_freshness};
use crate::{
    State,
    extract::{Principal, StrictQuery},
    problem::ProblemBody,
};

pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(of_invoice))
}

/// Which page.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FileQuery {
    /// At most so many, 1 to 100; 20 when absent.
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
    /// The `Sync-Token` of a write that the response must reflect; same as `If-Fresh`.
    fresh_after: Option<String>,
}

impl FileQuery {
    /// How many files of a list, and after which.
    fn checked(self, list: &str) -> Result<(u32, Option<String>), AppError> {
        let request = PageRequest { limit: self.limit, cursor: self.cursor };
        Ok((request.limit()?, request.after(list)?))
    }
}

/// Metadata of a file. Lists never hold its sealed content.
#[derive(Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct FileView {
    /// Its id.
    id: String,
    /// Whose it is.
    owner_id: String,
    /// The invoice that it belongs to.
    invoice_id: Option<String>,
    /// Its name.
    filename: String,
    /// Its media type, as its owner declared it.
    content_type: String,
    /// Its size in bytes before it was sealed.
    file_size: i64,
    /// Where the file network keeps the sealed content.
    ipfs_hash: String,
    /// The SHA-256 of its metadata.
    metadata_hash: String,
    /// Which key sealed it.
    key_version: i64,
    /// When it was created.
    created_at: String,
}

impl FileView {
    /// The view of a document; the field that is missing or of another type than the synchronisation writes.
    fn of(document: &Stored) -> Result<Self, &'static str> {
        let text = |field| match document.body.get(field) {
            Some(Value::Text(text)) => Ok(text.clone()),
            _ => Err(field),
        };
        let number = |field| match document.body.get(field) {
            Some(Value::Int(number)) => Ok(*number),
            _ => Err(field),
        };
        document.stamp.version.ok_or("version")?;
        let invoice_id = match document.body.get("invoiceId").ok_or("invoiceId")? {
            Value::Null => None,
            _ => Some(text("invoiceId")?),
        };
        let created_at = match document.body.get("createdAt") {
            Some(Value::Time(millis)) => DateTime::from_timestamp_millis(*millis).ok_or("createdAt")?,
            _ => return Err("createdAt"),
        };
        Ok(Self {
            id: document.stamp.id.clone(),
            owner_id: text("ownerId")?,
            invoice_id,
            filename: text("filename")?,
            content_type: text("contentType")?,
            file_size: number("fileSize")?,
            ipfs_hash: text("ipfsHash")?,
            metadata_hash: text("metadataHash")?,
            key_version: number("keyVersion")?,
            created_at: moment(created_at),
        })
    }
}

/// Your own files, newest first.
#[utoipa::path(get, path = "/api/files", tag = "files", params(FileQuery), responses(
    (status = 200, body = Page<FileView>), (status = 401, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 503, body = ProblemBody)))]
async fn list(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    headers: HeaderMap,
    StrictQuery(query): StrictQuery<FileQuery>,
) -> Answer {
    let owner = context.actor()?.user_id.to_string();
    answer(&state, &headers, query, "ownerId", owner).await
}

/// Files of an invoice, newest first. For everybody who may see the invoice.
#[utoipa::path(get, path = "/api/invoices/{id}/files", tag = "files", params(("id" = String, Path), FileQuery), responses(
    (status = 200, body = Page<FileView>), (status = 401, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 503, body = ProblemBody)))]
async fn of_invoice(
    Shared(state): Shared<State>,
    Principal(context): Principal,
    Path(id): Path<String>,
    headers: HeaderMap,
    StrictQuery(query): StrictQuery<FileQuery>,
) -> Answer {
    let invoice = state.app.invoice(&context, &id).await?;
    answer(&state, &headers, query, "invoiceId", invoice.id).await
}

async fn answer(
    state: &State,
    headers: &HeaderMap,
    mut query: FileQuery,
    field: &'static str,
    value: String,
) -> Answer {
    let list = format!("files?{field}={value}");
    let token = query.fresh_after.take();
    let (limit, after) = query.checked(&list)?;
    let fresh = freshness(state, headers, token.as_deref()).await?;
    let documents = state.mirror.find(&STORED_FILES, field, &Value::Text(value), after.as_deref(), limit + 1).await?;
    Ok(with_freshness(listed("stored_files", &page(&list, documents, limit)), fresh))
}

/// A page from one document more than requested. A document that is not as the synchronisation writes it is listed as unreadable;
/// the next comparison repairs it.
fn page(list: &str, documents: Vec<Stored>, limit: u32) -> Page<FileView> {
    let id = |document: &Stored| document.stamp.id.clone();
    let rows = documents.into_iter().map(Ok).collect();
    Page::of_readable(list, rows, limit, id, |document| {
        FileView::of(&document).map_err(|field| Unreadable {
            column: field.to_owned(),
            cause: format!("the document holds {:?}", document.body.get(field)),
        })
    })
}

#[cfg(test)]
mod tests {
    use chainbill_domain::Document;
    use chainbill_mirror::Stamp;

    use super::*;

    fn document(id: &str) -> Stored {
        let text = |text: &str| Value::Text(text.to_owned());
        let body = [
            ("ownerId", text("ada")),
            ("invoiceId", Value::Null),
            ("filename", text("a.pdf")),
            ("contentType", text("application/pdf")),
            ("fileSize", Value::Int(7)),
            ("ipfsHash", text("bafk")),
            ("metadataHash", text("00")),
            ("encryptedBase64", text("c2VhbGVk")),
            ("keyVersion", Value::Int(1)),
            ("createdAt", Value::Time(0)),
            ("updatedAt", Value::Time(0)),
        ];
        let body = Document(body.into_iter().map(|(name, value)| (name.into(), value)).collect());
        let stamp = Stamp { id: id.to_owned(), version: Some(1), digest: None, revision: None, tombstone: false };
        Stored { stamp, applied_at: Some(0), body }
    }

    #[test]
    fn the_sealed_content_is_never_shown() {
        let shown = serde_json::to_string(&FileView::of(&document("1"))).unwrap();
        assert!(shown.contains("1970-01-01T00:00:00.000Z") && !shown.contains("c2VhbGVk"), "{shown}");
    }

    #[test]
    fn an_unreadable_document_is_named_and_the_pages_continue() {
        let mut documents = vec![document("4"), document("3"), document("2"), document("1")];
        documents[1].stamp.version = None;
        documents[2].body.0.retain(|(name, _)| name != "filename");
        let page = page("files?ownerId=ada", documents, 3);
        assert_eq!(page.data.iter().map(|file| file.id.as_str()).collect::<Vec<_>>(), ["4"]);
        assert_eq!(page.unreadable.iter().map(|odd| odd.id.as_str()).collect::<Vec<_>>(), ["3", "2"]);
        let next = || FileQuery { limit: None, cursor: page.next_cursor.clone(), fresh_after: None };
        assert_eq!(next().checked("files?ownerId=ada").unwrap(), (20, Some("2".to_owned())));
        assert!(next().checked("files?ownerId=bob").is_err());
    }
}
